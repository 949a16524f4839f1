import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSignerServer } from '../../ledger-service/test/signer-server.ts';
import { openInstallation } from '../src/installation.ts';
import { type Running, Site } from './site.ts';

const passphrase = 'correct horse battery staple';

describe('the life of a seal key', () => {
  const site = new Site();
  let first: Running;
  const secondKey = () => join(site.folder, 'second.key');

  beforeAll(() => site.begin());
  afterAll(() => site.end());

  it('begins with the keys of the installation', async () => {
    first = await site.ledger('first');
    await site.emit();
    await site.allSealed();
    expect((await site.keys()).map(({ role, state, number }) => [role, state, number])).toEqual([
      ['root', 'trusted', null],
      ['seal', 'valid', 0],
      ['log', 'valid', 1],
    ]);
  });

  it('adds another key, signed where neither Kafka nor configuration is known', async () => {
    const vkey = (await site.ok(['keys', 'make', 'seal', '-o', 'second.key'])).trim();
    await site.ok(['keys', 'add', 'seal', vkey, '-o', 'add.txt']);
    expect(readFileSync(join(site.folder, 'add.txt'), 'utf8')).toMatch(
      /^tallystick\/key\/v1\n(.*\n){1}number 2\naction add\n/,
    );
    await site.sign('add.txt');
    expect(await site.ok(['submit', 'add.note'])).toMatch(/accepted, at offset \d+/);
    expect(await site.ok(['submit', 'add.note'])).toMatch(/accepted: it was before, and nothing was written/);
    expect((await site.keys()).find((key) => key.vkey === vkey)?.state).toBe('valid');
    // Another ledger seals with it, while the first one still runs with the old one.
    const second = await site.ledger('second', { TALLYSTICK_LEDGER_SEAL_KEY_FILE: secondKey() });
    await site.emit();
    await site.allSealed();
    await site.stop(second);
  });

  it('refuses what would not count, before anything is written', async () => {
    const { vkey } = openFileSigner(secondKey()).key;
    const { code, errors } = await site.run(['keys', 'add', 'seal', vkey, '-o', 'again.txt']);
    expect([code, errors]).toEqual([1, expect.stringMatching(/added before.*\[NOT_ACCEPTED\]/)]);

    // A statement of an impostor's root key, and one that was altered after it was signed.
    const impostor = await openInstallation(join(site.folder, 'impostor'), site.origin);
    const forged = await site.ok(['sign', 'add.txt', '--key', impostor.rootKeyFile, '-o', 'forged.note', '--yes']);
    expect(forged).toMatch(/signed/);
    expect(await site.submit('forged.note')).toMatchObject({ code: 0 }); // its text is accepted already
    const later = readFileSync(join(site.folder, 'add.txt'), 'utf8').replace('action add', 'action retire');
    writeFileSync(join(site.folder, 'later.txt'), later.replace('number 2', 'number 3'));
    await site.ok(['sign', 'later.txt', '--key', impostor.rootKeyFile, '-o', 'later.note', '--yes']);
    expect(await site.submit('later.note')).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/root key.*Nothing was written(.|\n)*NOT_ACCEPTED/) as string,
    });
    const note = readFileSync(join(site.folder, 'add.note'), 'utf8');
    writeFileSync(
      join(site.folder, 'altered.note'),
      note.replace('action add', 'action retire').replace('number 2', 'number 3'),
    );
    expect(await site.submit('altered.note')).toMatchObject({ code: 1 });
    expect(await site.submit('local/keys/key-statement-0.note')).toMatchObject({ code: 0 });
    expect((await site.keys()).length).toBe(4);
  });

  it('retires the old key: a ledger that still uses it stops, and what it sealed stays good', async () => {
    const old = openFileSigner(site.installation.sealKeyFile).key.vkey;
    await site.ok(['keys', 'retire', 'seal', old, '-o', 'retire.txt']);
    await site.sign('retire.txt');
    expect(first.child.exitCode).toBeNull();
    await site.ok(['submit', 'retire.note']);
    const alarmed = { alarms: [{ code: 'KEY_NOT_VALID' }] };
    await expect.poll(() => site.status('first'), { timeout: 120_000 }).toMatchObject(alarmed);
    await site.emit();
    // Nor does a start with it get further.
    const again = await site.ledger('again');
    await expect.poll(() => site.status('again'), { timeout: 120_000 }).toMatchObject(alarmed);
    // Many times as long as a batch is open.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await site.verify()).checked.events).toBe(site.emitted - 20);
    await site.stop(first);
    await site.stop(again);

    const second = await site.ledger('second', { TALLYSTICK_LEDGER_SEAL_KEY_FILE: secondKey() });
    await site.emit();
    await site.allSealed();
    await site.stop(second);
    expect((await site.keys()).find((key) => key.vkey === old)?.state).toBe('retired');
  });

  it('refuses to retire the last one', async () => {
    const { vkey } = openFileSigner(secondKey()).key;
    expect(await site.run(['keys', 'retire', 'seal', vkey, '-o', 'last.txt'])).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/last seal key.*\[NOT_ACCEPTED\]/) as string,
    });
  });

  it('seals with an encrypted key, and only with its passphrase', async () => {
    writeFileSync(join(site.folder, 'passphrase'), `${passphrase}\n`);
    const env = { TALLYSTICK_KEYS_PASSPHRASE_FILE: join(site.folder, 'passphrase') };
    await site.ok(['keys', 'encrypt', 'second.key', '-o', 'encrypted.key'], env);
    const encrypted = { TALLYSTICK_LEDGER_SEAL_KEY_FILE: join(site.folder, 'encrypted.key') };
    const wrong = { ...encrypted, TALLYSTICK_LEDGER_SEAL_KEY_PASSPHRASE: 'something else' };
    expect(await site.begun('second', encrypted).ended).toMatchObject({
      code: 2,
      errors: expect.stringContaining('KEY_PASSPHRASE_MISSING') as string,
    });
    expect(await site.begun('second', wrong).ended).toMatchObject({
      code: 2,
      errors: expect.stringContaining('KEY_PASSPHRASE_WRONG') as string,
    });
    const ledger = await site.ledger('second', {
      ...encrypted,
      TALLYSTICK_LEDGER_SEAL_KEY_PASSPHRASE_FILE: join(site.folder, 'passphrase'),
    });
    await site.emit();
    await site.allSealed();
    await site.stop(ledger);
  });

  it('seals with a signer over HTTP, and goes on when that was away', async () => {
    const key = openFileSigner(secondKey());
    let away = false;
    const server = await startSignerServer(key, {
      token: 'bearer',
      answer: (_, response) => {
        if (away) response.writeHead(503).end();
        return away;
      },
    });
    writeFileSync(join(site.folder, 'token'), 'bearer\n');
    try {
      const ledger = await site.ledger('second', {
        TALLYSTICK_LEDGER_SIGNER_URL: server.url,
        TALLYSTICK_LEDGER_SIGNER_KEY: key.key.vkey,
        TALLYSTICK_LEDGER_SIGNER_TOKEN_FILE: join(site.folder, 'token'),
      });
      await site.emit();
      await site.allSealed();
      away = true;
      const asked = server.requests.length;
      await site.emit();
      await expect.poll(() => server.requests.length, { timeout: 120_000 }).toBeGreaterThan(asked);
      away = false;
      await site.allSealed();
      await site.stop(ledger);
    } finally {
      await server.close();
    }
  });
});

describe('keys rotate', () => {
  const site = new Site();
  beforeAll(() => site.begin());
  afterAll(() => site.end());

  it('does the whole of it where the root key is at hand', async () => {
    let ledger = await site.ledger('ledger');
    await site.emit();
    await site.allSealed();
    await site.stop(ledger);
    const root = join(site.folder, 'offline', 'root.key');
    const without = await site.run(['keys', 'rotate', 'seal']);
    expect([without.code, without.errors]).toEqual([2, expect.stringMatching(/keys add seal.*CONFIG_MISSING/)]);
    for (const role of ['seal', 'log']) {
      const vkey = (await site.ok(['keys', 'rotate', role, '--root-key', root, '-o', `new-${role}.key`])).trim();
      expect((await site.keys()).filter((key) => key.vkey === vkey)).toMatchObject([{ role, state: 'valid' }]);
    }
    ledger = await site.ledger('ledger', { TALLYSTICK_LEDGER_SEAL_KEY_FILE: join(site.folder, 'new-seal.key') });
    await site.emit();
    await site.allSealed();
    await site.stop(ledger);
  });
});
