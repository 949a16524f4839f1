import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cosign } from '@tallystick/core/cosignature';
import { createWitnessFolder, openWitnessFolder } from '../../src/witness/file-store.ts';
import { lockFolder } from '../../src/adapters/folder-lock.ts';
import { joinNote } from '../../src/witness/held.ts';
import { createWitnessKey, openWitnessKey } from '../../src/witness/key-file.ts';
import { memoryWitnessStore } from '../../src/witness/memory-store.ts';
import type { WitnessStore } from '../../src/witness/store.ts';
import { witnessSigner } from './a-witness.ts';
import { GrowingLog } from './growing-log.ts';

const folders = mkdtempSync(join(tmpdir(), 'tallystick-witness-'));
afterAll(() => rmSync(folders, { recursive: true, force: true }));
let made = 0;
const freshFolder = () => join(folders, String(++made));
const signer = witnessSigner();

/** A checkpoint that the witness has cosigned. */
async function held(log: GrowingLog, size = log.size, by = signer): Promise<Uint8Array> {
  return joinNote(log.text(size), [await cosign(log.text(size), by, 1_700_000_000)]);
}

const stores: Record<string, () => Promise<WitnessStore>> = {
  memory: () => Promise.resolve(memoryWitnessStore()),
  file: async () => {
    const folder = freshFolder();
    await createWitnessFolder(folder, signer.key);
    return openWitnessFolder(folder, signer.key);
  },
};

describe.each(Object.keys(stores))('the contract of a store: %s', (name) => {
  const open = () => stores[name]!();

  it('gives what was written last, of each log its own', async () => {
    const store = await open();
    const [one, two] = [new GrowingLog('log.example/1').grow(5), new GrowingLog('log.example/2').grow(5)];
    expect([await store.read(one.origin), store.origins()]).toEqual([null, []]);
    await store.write(one.origin, await held(one, 3));
    await store.write(two.origin, await held(two, 4));
    await store.write(one.origin, await held(one, 5));
    expect(await store.read(one.origin)).toEqual(await held(one, 5));
    expect(await store.read(two.origin)).toEqual(await held(two, 4));
    expect([...store.origins()].sort()).toEqual([one.origin, two.origin]);
    await store.close();
  });

  it('takes writes of many logs at once', async () => {
    const store = await open();
    const logs = Array.from({ length: 20 }, (_, i) => new GrowingLog(`log.example/${i}`).grow(1));
    await Promise.all(logs.map(async (log) => store.write(log.origin, await held(log))));
    for (const log of logs) expect(await store.read(log.origin)).toEqual(await held(log));
    expect(store.origins()).toHaveLength(20);
    await store.close();
  });
});

/** A folder that holds one log's state, closed. */
async function folderOf(log: GrowingLog): Promise<{ folder: string; file: string }> {
  const folder = freshFolder();
  await createWitnessFolder(folder, signer.key);
  const store = await openWitnessFolder(folder, signer.key);
  await store.write(log.origin, await held(log));
  await store.close();
  const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.checkpoint'));
  return { folder, file: join(folder, file) };
}

describe('a state folder', () => {
  const log = new GrowingLog().grow(5);

  it('is there again after a restart', async () => {
    const { folder } = await folderOf(log);
    const store = await openWitnessFolder(folder, signer.key);
    expect(store.origins()).toEqual([log.origin]);
    expect(await store.read(log.origin)).toEqual(await held(log));
    await store.close();
  });

  it('is never begun by opening it', async () => {
    const folder = freshFolder();
    await expect(openWitnessFolder(folder, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_MISSING' });
    await createWitnessFolder(folder, signer.key);
    rmSync(join(folder, 'witness.json'));
    await expect(openWitnessFolder(folder, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_MISSING' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is never begun anew', async () => {
    const { folder } = await folderOf(log);
    await expect(createWitnessFolder(folder, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_EXISTS' });
  });

  it('is of one key', async () => {
    const { folder } = await folderOf(log);
    const other = witnessSigner('witness.example/other').key;
    await expect(openWitnessFolder(folder, other)).rejects.toMatchObject({ code: 'WITNESS_STATE_FOREIGN' });
  });

  it('that cannot be made or read is an error of its own', async () => {
    const file = join(folders, 'a-file');
    writeFileSync(file, '');
    await expect(createWitnessFolder(join(file, 'x'), signer.key)).rejects.toMatchObject({
      code: 'WITNESS_STATE_UNREADABLE',
    });
    await expect(openWitnessFolder(file, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_MISSING' });
  });

  it('is mended where a process was killed between a log and the list of logs', async () => {
    const { folder, file } = await folderOf(log);
    const name = file.slice(folder.length + 1);
    const aside = join(folders, `aside-${name}`);
    renameSync(file, aside);
    writeFileSync(join(folder, 'witness.json'), JSON.stringify({ version: 1, vkey: signer.key.vkey, origins: [] }));
    renameSync(aside, file);
    writeFileSync(join(folder, '.next-witness.json'), '{"ver');
    const store = await openWitnessFolder(folder, signer.key);
    expect(store.origins()).toEqual([log.origin]);
    await store.write(log.origin, await held(log));
    await store.close();
    rmSync(file);
    await expect(openWitnessFolder(folder, signer.key), 'it is listed now').rejects.toMatchObject({
      code: 'WITNESS_STATE_CORRUPT',
    });
  });

  it('that loses a file while it is held says so, and gives no empty state', async () => {
    const { folder, file } = await folderOf(log);
    const store = await openWitnessFolder(folder, signer.key);
    rmSync(file);
    await expect(store.read(log.origin)).rejects.toMatchObject({ code: 'WITNESS_STATE_CORRUPT' });
    await store.close();
  });

  const damages: Record<string, (folder: string, file: string) => Promise<void> | void> = {
    'the file is missing': (_, file) => rmSync(file),
    'the file is empty': (_, file) => writeFileSync(file, ''),
    'the file is cut off': (_, file) => writeFileSync(file, readFileSync(file).subarray(0, -10)),
    'the file has another size in it': (_, file) =>
      writeFileSync(file, readFileSync(file, 'utf8').replace('\n5\n', '\n4\n')),
    'the file has no cosignature': async (_, file) => writeFileSync(file, await log.checkpoint()),
    'the file is cosigned by another witness': async (_, file) =>
      writeFileSync(file, await held(log, 5, witnessSigner('witness.example/other'))),
    'the file is that of another log': async (_, file) =>
      writeFileSync(file, await held(new GrowingLog('log.example/2').grow(5))),
    'the file is huge': (_, file) => writeFileSync(file, Buffer.alloc(2 * 1024 * 1024)),
    'the list of logs is missing': (folder) => rmSync(join(folder, 'witness.json')),
    'the list of logs does not parse': (folder) => writeFileSync(join(folder, 'witness.json'), '{"version":1'),
    'the list of logs is of another version': (folder) =>
      writeFileSync(join(folder, 'witness.json'), JSON.stringify({ version: 2, vkey: signer.key.vkey, origins: [] })),
    'the list of logs names one that is not there': (folder) =>
      writeFileSync(
        join(folder, 'witness.json'),
        JSON.stringify({ version: 1, vkey: signer.key.vkey, origins: [log.origin, 'log.example/2'] }),
      ),
  };

  it.each(Object.keys(damages))('does not open where %s', async (name) => {
    const { folder, file } = await folderOf(log);
    await damages[name]?.(folder, file);
    await expect(openWitnessFolder(folder, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_CORRUPT' });
    await expect(openWitnessFolder(folder, signer.key), 'nor the second time').rejects.toMatchObject({
      code: 'WITNESS_STATE_CORRUPT',
    });
  });

  it('does not open with any one byte of a log changed', async () => {
    const { folder, file } = await folderOf(log);
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      writeFileSync(file, flipped);
      await expect(openWitnessFolder(folder, signer.key), `byte ${at}`).rejects.toMatchObject({
        code: 'WITNESS_STATE_CORRUPT',
      });
    }
  });
});

describe('the lock of a state folder', () => {
  const log = new GrowingLog().grow(5);
  const gone = JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), began: 'long ago' });

  it('holds off a second process, and goes with its holder', async () => {
    const { folder } = await folderOf(log);
    const first = await openWitnessFolder(folder, signer.key);
    await expect(openWitnessFolder(folder, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_LOCKED' });
    await first.close();
    await (await openWitnessFolder(folder, signer.key)).close();
  });

  it('is taken over from a process that is gone, by exactly one', async () => {
    for (let round = 0; round < 20; round++) {
      const { folder } = await folderOf(log);
      writeFileSync(join(folder, 'lock-7'), gone);
      const tries = await Promise.all(Array.from({ length: 12 }, () => lockFolder(folder)));
      expect(tries.filter((found) => 'release' in found)).toHaveLength(1);
      expect(readdirSync(folder).filter((name) => name.startsWith('lock-'))).toEqual(['lock-8']);
    }
  });

  it('is never held twice, however many take it and let it go', async () => {
    const { folder } = await folderOf(log);
    let holders = 0;
    let taken = 0;
    const takes = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const lock = await lockFolder(folder);
        if (!('release' in lock)) continue;
        taken++;
        expect(++holders).toBe(1);
        expect(await lock.held()).toBe(true);
        holders--;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: 100 }, takes));
    expect(taken).toBeGreaterThan(12);
  });

  it('is held by who has the process id and began when it says', async () => {
    const { folder } = await folderOf(log);
    const own = { pid: process.pid, host: hostname() };
    writeFileSync(join(folder, 'lock-7'), JSON.stringify({ ...own, began: null }));
    expect(await lockFolder(folder)).toHaveProperty('holder');
    // The same id, as a container gives it to every first process, but another life.
    writeFileSync(join(folder, 'lock-7'), JSON.stringify({ ...own, began: 'another boot/1' }));
    expect(await lockFolder(folder)).toHaveProperty('release');
  });

  it.each([
    ['of another machine', JSON.stringify({ pid: 2 ** 22 + 1, host: 'elsewhere.example', began: 'x' })],
    ['that is not understood', 'who knows'],
    ['that is empty', ''],
  ])('is left alone where it is one %s', async (_, content) => {
    const { folder } = await folderOf(log);
    writeFileSync(join(folder, 'lock-7'), content);
    await expect(openWitnessFolder(folder, signer.key)).rejects.toMatchObject({ code: 'WITNESS_STATE_LOCKED' });
  });

  it('that another process took by force stops every write', async () => {
    const { folder } = await folderOf(log);
    const store = await openWitnessFolder(folder, signer.key);
    writeFileSync(join(folder, 'lock-99'), '{}');
    await expect(store.write(log.origin, await held(log, 4))).rejects.toMatchObject({ code: 'WITNESS_STATE_LOCKED' });
    expect(await store.read(log.origin)).toEqual(await held(log));
  });
});

describe('a key file', () => {
  it('is made once, for its owner only, and gives the key back', async () => {
    const file = join(folders, 'witness.key');
    const key = await createWitnessKey(file, 'witness.example/w1');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(key.vkey).toMatch(/^witness\.example\/w1\+[0-9a-f]{8}\+B/); // type 0x04 is "B" at the start of the base64
    expect((await openWitnessKey(file)).key).toEqual(key);
    await expect(createWitnessKey(file, 'witness.example/w2')).rejects.toMatchObject({ code: 'WITNESS_KEY_EXISTS' });
  });

  it('is refused where others may read it, where it is missing, and where it holds something else', async () => {
    const file = join(folders, 'open.key');
    await createWitnessKey(file, 'witness.example/w1');
    chmodSync(file, 0o640);
    await expect(openWitnessKey(file)).rejects.toMatchObject({ code: 'WITNESS_KEY_MODE' });
    chmodSync(file, 0o600);
    writeFileSync(file, 'no key');
    await expect(openWitnessKey(file)).rejects.toMatchObject({ code: 'WITNESS_KEY_INVALID' });
    await expect(openWitnessKey(join(folders, 'none'))).rejects.toMatchObject({ code: 'WITNESS_KEY_UNREADABLE' });
    await expect(createWitnessKey(join(folders, 'none', 'x'), 'w')).rejects.toMatchObject({
      code: 'WITNESS_KEY_UNREADABLE',
    });
    await expect(createWitnessKey(join(folders, 'y'), 'a+b')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    expect(() => statSync(join(folders, 'y'))).toThrow(/ENOENT/);
  });
});
