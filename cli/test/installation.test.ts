import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { parseVerifierKey } from '@tallystick/core/note';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { describe, expect, it } from 'vitest';
import { type Installation, openInstallation, readInstallation } from '../src/installation.ts';
import { failureOf, testContext } from './test-context.ts';

const origin = 'test.example/log';
const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);
const contentOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );

function judged(made: Installation): Judge {
  const judge = new Judge({ origin, rootKey: parseVerifierKey(made.rootVkey), verify: nodeVerifyEd25519 });
  for (const [offset, file] of made.keyStatementFiles.entries())
    expect(judge.offer(readFileSync(file), { in: 'seals', offset }).outcome).toBe('accepted');
  return judge;
}

/** As the first release made it: without a log key. */
function makeOld(home: string): void {
  for (const name of ['log.key', 'log.vkey', 'key-statement-1.note', 'policy.txt']) rmSync(join(home, 'keys', name));
}

describe('a fresh installation', () => {
  it('has root, seal and log key, and the root key vouches for the other two', async () => {
    const home = testContext().cwd;
    const made = await openInstallation(home, origin);
    const judge = judged(made);
    expect(judge.validKeys('seal').map(({ vkey }) => vkey)).toEqual([openFileSigner(made.sealKeyFile).key.vkey]);
    expect(judge.validKeys('log').map(({ vkey }) => vkey)).toEqual([openFileSigner(made.logKeyFile ?? '').key.vkey]);
    expect(made.logVkeys).toEqual(judge.validKeys('log').map(({ vkey }) => vkey));
    expect(openFileSigner(made.rootKeyFile).key.vkey).toBe(made.rootVkey);
    for (const file of [made.rootKeyFile, made.sealKeyFile, made.logKeyFile ?? '', made.importKeyFile])
      expect(modeOf(file)).toBe('600');
    expect(readFileSync(made.policyFile ?? '', 'utf8')).toBe(`log ${made.logVkeys[0]}\nquorum none\n`);
    expect(readdirSync(home).filter((name) => name.startsWith('keys'))).toEqual(['keys']);
  });

  it('stays as it is, also when two begin it at once', async () => {
    const home = testContext().cwd;
    await Promise.all([openInstallation(home, origin), openInstallation(home, origin)]);
    expect(readdirSync(home).filter((name) => name.startsWith('keys'))).toEqual(['keys']);
    const before = contentOf(join(home, 'keys'));
    await openInstallation(home, 'another.example');
    expect(contentOf(join(home, 'keys'))).toEqual(before);
  });
});

describe('an installation of an earlier release', () => {
  it('is given a log key while the root key is there, and says so', async () => {
    const home = testContext().cwd;
    const before = await openInstallation(home, origin);
    makeOld(home);
    const old = readInstallation(home);
    expect(old).toMatchObject({ logKeyFile: null, policyFile: null, logVkeys: [] });
    expect(old?.keyStatementFiles.length).toBe(1);
    const said: string[] = [];
    const made = await openInstallation(home, origin, (line) => said.push(line));
    expect(
      judged(made)
        .validKeys('log')
        .map(({ vkey }) => vkey),
    ).toEqual(made.logVkeys);
    expect(made.rootVkey).toBe(before.rootVkey);
    expect(modeOf(made.logKeyFile ?? '')).toBe('600');
    expect(said.join('\n')).toContain(made.logVkeys[0]);
    const content = contentOf(join(home, 'keys'));
    await openInstallation(home, origin);
    expect(contentOf(join(home, 'keys'))).toEqual(content);
  });

  it.each(['log.vkey', 'key-statement-1.note', 'policy.txt'])('is completed after a crash before %s', async (lost) => {
    const home = testContext().cwd;
    const made = await openInstallation(home, origin);
    const content = contentOf(join(home, 'keys'));
    rmSync(join(home, 'keys', lost));
    expect(judged(await openInstallation(home, origin)).validKeys('log')[0]?.vkey).toBe(made.logVkeys[0]);
    const now = contentOf(join(home, 'keys'));
    expect(Object.keys(now).sort()).toEqual(Object.keys(content).sort());
    expect(now['log.key']).toBe(content['log.key']);
  });

  it('names the commands to run where the root key was taken away, and changes nothing', async () => {
    const home = testContext().cwd;
    const { rootKeyFile } = await openInstallation(home, origin);
    makeOld(home);
    rmSync(rootKeyFile);
    const before = contentOf(join(home, 'keys'));
    const error = await failureOf(() => openInstallation(home, origin));
    expect(error).toMatchObject({ code: 'KEY_LOG_MISSING' });
    expect(String(error)).toMatch(/tallystick keys make log -o .*log\.key.*keys add log.*sign.*submit/s);
    expect(contentOf(join(home, 'keys'))).toEqual(before);
  });

  it('goes on with a log key that was made by hand, without the root key', async () => {
    const home = testContext().cwd;
    const made = await openInstallation(home, origin);
    const key = readFileSync(made.logKeyFile ?? '');
    makeOld(home);
    rmSync(made.rootKeyFile);
    writeFileSync(join(home, 'keys', 'log.key'), key, { mode: 0o600 });
    const completed = await openInstallation(home, origin);
    expect(completed.logVkeys).toEqual(made.logVkeys);
    expect(completed.keyStatementFiles.length).toBe(1);
    expect(existsSync(completed.policyFile ?? '')).toBe(true);
  });

  it('lists the vkeys of a rotation after the one in use', async () => {
    const home = testContext().cwd;
    const { logVkeys } = await openInstallation(home, origin);
    mkdirSync(join(home, 'keys'), { recursive: true });
    writeFileSync(join(home, 'keys', 'log-0a1b2c3d.vkey'), 'next\n');
    writeFileSync(join(home, 'keys', 'log-old.vkey.bak'), 'no\n');
    expect(readInstallation(home)?.logVkeys).toEqual([...logVkeys, 'next']);
  });
});
