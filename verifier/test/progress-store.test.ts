// What a run keeps of itself: in memory and in a folder, and everything that can be wrong with the folder.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { fileAnchorStore } from '../src/adapters/anchor-file.ts';
import { memoryProgressStore } from '../src/adapters/progress-memory.ts';
import type * as folderLock from '../src/adapters/folder-lock.ts';
import type { ProgressStore } from '../src/ports/progress-store.ts';
import { topics, World } from './support/world.ts';

const { beforeLock } = vi.hoisted(() => ({ beforeLock: { run: (): void => undefined } }));
vi.mock('../src/adapters/folder-lock.ts', async (original) => {
  const real = await original<typeof folderLock>();
  const lockFolder: typeof real.lockFolder = async (of) => {
    beforeLock.run();
    return await real.lockFolder(of);
  };
  return { ...real, lockFolder };
});

const folder = mkdtempSync(join(tmpdir(), 'tallystick-progress-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newPath = (): string => join(folder, `anchor-${files++}.json`);

function progressOf(path: string, keyFile?: string): ProgressStore {
  const { progress } = fileAnchorStore(path, keyFile === undefined ? {} : { keyFile });
  if (progress === undefined) throw new Error('no progress');
  return progress;
}

const bytes = (text: string): Buffer => Buffer.from(text);
const read = async (store: ProgressStore, index: number): Promise<string> =>
  Buffer.from(await store.read(index)).toString();

/** Three parts that a run left which broke off. */
async function left(path = newPath()): Promise<string> {
  const store = progressOf(path);
  for (const text of ['one', 'two', 'three']) await store.append(bytes(text));
  await store.leave();
  return path;
}

describe.each<{ name: string; make: () => () => ProgressStore }>([
  {
    name: 'folder',
    make: () => {
      const path = newPath();
      return () => progressOf(path);
    },
  },
  {
    name: 'memory',
    make: () => {
      const store = memoryProgressStore();
      return () => store;
    },
  },
])('progress store: $name', ({ make }) => {
  test('is empty at first, and keeps parts in order for the next run', async () => {
    const open = make();
    const first = open();
    expect(await first.begin()).toBe(0);
    await first.append(bytes('one'));
    await first.append(new Uint8Array());
    await first.leave();
    const next = open();
    expect(await next.begin()).toBe(2);
    expect([await read(next, 0), await read(next, 1)]).toEqual(['one', '']);
    await next.append(bytes('three'));
    await next.leave();
    const last = open();
    expect(await last.begin()).toBe(3);
    expect(await read(last, 2)).toBe('three');
    await last.clear();
    expect(await open().begin()).toBe(0);
  });

  test('what was cleared is begun anew', async () => {
    const store = make()();
    await store.append(bytes('old'));
    await store.append(bytes('older'));
    await store.leave();
    expect(await store.begin()).toBe(2);
    await store.clear();
    await store.append(bytes('new'));
    await store.leave();
    expect(await store.begin()).toBe(1);
    expect(await read(store, 0)).toBe('new');
    await expect(store.read(1)).rejects.toMatchObject({ code: 'PROGRESS_CORRUPT' });
  });
});

describe('a folder with progress', () => {
  test('is gone once a run has ended, and makes no anchor that is missed', async () => {
    const path = newPath();
    const store = progressOf(path);
    await store.append(bytes('one'));
    await store.clear();
    expect(existsSync(`${path}.progress`)).toBe(false);
    expect(await fileAnchorStore(path).load()).toBeNull();
  });

  test.each<[string, (progress: string, path: string) => void]>([
    ['every part is another one', (dir) => writeFileSync(join(dir, 'part-1'), 'tallystick progress 1 1 - x\n')],
    ['a part is cut off', (dir) => truncateSync(join(dir, 'part-2'), 20)],
    ['a part is empty', (dir) => truncateSync(join(dir, 'part-0'))],
    ['the first part is gone', (dir) => rmSync(join(dir, 'part-0'))],
    ['a part in the middle is gone', (dir) => rmSync(join(dir, 'part-1'))],
    ['a part is there twice', (dir) => writeFileSync(join(dir, 'part-3'), readFileSync(join(dir, 'part-2')))],
    ['a part is far away', (dir) => writeFileSync(join(dir, 'part-999999999'), '')],
    ['a part is a folder', (dir) => (rmSync(join(dir, 'part-1')), mkdirSync(join(dir, 'part-1')))],
    ['a part is larger than any', (dir) => truncateSync(join(dir, 'part-1'), 300 * 1024 * 1024)],
    ['the key is gone', (_, path) => rmSync(`${path}.key`)],
    [
      'the key is another one',
      (_, path) => writeFileSync(`${path}.key`, `${Buffer.alloc(32, 9).toString('base64')}\n`, { mode: 0o600 }),
    ],
  ])('is refused where %s', async (_, change) => {
    const path = await left();
    change(`${path}.progress`, path);
    await expect(progressOf(path).begin()).rejects.toMatchObject({
      code: expect.stringMatching(/^PROGRESS_(CORRUPT|UNUSABLE)$/) as string,
    });
  });

  test('is refused at every byte that was changed', async () => {
    const path = await left();
    const missed: string[] = [];
    for (const name of ['part-0', 'part-1', 'part-2']) {
      const file = join(`${path}.progress`, name);
      const whole = readFileSync(file);
      for (let at = 0; at < whole.length; at++) {
        const changed = Buffer.from(whole);
        changed[at] = changed[at]! ^ 1;
        writeFileSync(file, changed);
        const store = progressOf(path);
        const count = await store.begin().catch((error: { code?: string }) => error.code);
        await store.leave();
        if (count !== 'PROGRESS_CORRUPT') missed.push(`${name} ${at}`);
      }
      writeFileSync(file, whole);
    }
    expect(missed).toEqual([]);
    expect(await progressOf(path).begin()).toBe(3);
  });

  test('is refused where it is altered between beginning and reading', async () => {
    const path = await left();
    const store = progressOf(path);
    expect(await store.begin()).toBe(3);
    const other = await left();
    writeFileSync(join(`${path}.progress`, 'part-1'), readFileSync(join(`${other}.progress`, 'part-1')));
    await expect(store.read(1)).rejects.toMatchObject({ code: 'PROGRESS_CORRUPT' });
  });

  test('is left as it is by a run that is cancelled while it looks at it', async () => {
    const path = await left();
    const store = progressOf(path);
    const begun = store.begin(AbortSignal.abort());
    await expect(begun).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    await store.leave();
    expect(await progressOf(path).begin()).toBe(3);
  });

  test('what is no part of it does not matter', async () => {
    const path = await left();
    for (const name of ['part-01', 'part-x', '.part-3.draft-half', 'note'])
      writeFileSync(join(`${path}.progress`, name), 'x');
    expect(await progressOf(path).begin()).toBe(3);
  });

  test('where it cannot be, that is an error with a code', async () => {
    const path = newPath();
    writeFileSync(`${path}.progress`, 'a file');
    for (const use of [(store: ProgressStore) => store.begin(), (store: ProgressStore) => store.append(bytes('x'))])
      await expect(use(progressOf(path))).rejects.toMatchObject({ code: 'PROGRESS_UNUSABLE' });
  });

  test('of a run that lives belongs to that run: the other verifies without, and says so', async () => {
    const world = await World.small();
    const path = newPath();
    const theirs = progressOf(path);
    await theirs.append(bytes('one'));
    const verdict = await world.verify({ anchor: fileAnchorStore(path), progressEveryMs: 0, progressEveryEvents: 1 });
    expect(verdict).toMatchObject({
      exitCode: 0,
      resumed: { begunAt: null, leftAside: { code: 'PROGRESS_UNUSABLE' } },
    });
    await theirs.append(bytes('two'));
    await theirs.leave();
    expect(await theirs.begin()).toBe(2);
  });

  test('of a run with other options is left aside, and a kill of the one that begins anew costs it nothing of its own', async () => {
    const world = await World.small({ partitions: 2 });
    const path = newPath();
    const often = { progressEveryMs: 0, progressEveryEvents: 1 };
    /** A run that is broken off when it has read so far into partition 1. */
    const brokenOff = async (options: { maxClockSkewMs?: number }): Promise<void> => {
      const stop = new AbortController();
      const log = Object.assign(Object.create(world.log) as typeof world.log, {
        fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
          if (request.topic === topics.events && request.partition === 1 && request.offset > 3) stop.abort();
          return await world.log.fetch({ ...request, maxBytes: 1 });
        },
      });
      const run = world.verify({ anchor: fileAnchorStore(path), log, signal: stop.signal, ...often, ...options });
      await expect(run).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    };
    await brokenOff({});
    await brokenOff({ maxClockSkewMs: 1_000 });
    const verdict = await world.verify({ anchor: fileAnchorStore(path), maxClockSkewMs: 1_000, ...often });
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 }, resumed: { leftAside: null } });
    expect(verdict.resumed?.events).toBeGreaterThanOrEqual(8);
  });

  test.each([
    ['with a lock of the same number', 1],
    ['with a later lock', 2],
  ])("that another run took over meanwhile, %s, is that one's: nothing in it is touched", async (_, number) => {
    for (const use of ['append', 'clear', 'leave'] as const) {
      const path = newPath();
      const dir = `${path}.progress`;
      const store = progressOf(path);
      await store.append(bytes('one'));
      expect(readdirSync(dir)).toContain('lock-1');
      // As a run on another machine does that believes this one dead.
      rmSync(dir, { recursive: true });
      mkdirSync(dir);
      writeFileSync(
        join(dir, `lock-${number}`),
        JSON.stringify({ pid: process.pid, host: 'another-machine', began: null }),
      );
      for (const part of ['part-0', 'part-1']) writeFileSync(join(dir, part), `theirs: ${part}`);
      const there = (): string[][] => readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]);
      const before = there();
      const done = use === 'append' ? store.append(bytes('two')) : store[use]();
      if (use === 'append') await expect(done).rejects.toMatchObject({ code: 'PROGRESS_UNUSABLE' });
      else await done;
      await store.clear();
      await store.leave();
      expect(there()).toEqual(before);
    }
  });

  test('of a folder that was removed meanwhile: an error with a code for what is added, and none for its end', async () => {
    const path = newPath();
    const store = progressOf(path);
    await store.append(bytes('one'));
    rmSync(`${path}.progress`, { recursive: true });
    await expect(store.append(bytes('two'))).rejects.toMatchObject({ code: 'PROGRESS_UNUSABLE' });
    await store.clear();
    await store.leave();
    expect(await store.begin()).toBe(0);
  });

  test('what the holder before keeps until the folder is taken is taken too', async () => {
    const path = await left();
    const [last, aside] = [join(`${path}.progress`, 'part-2'), join(folder, 'aside')];
    renameSync(last, aside);
    beforeLock.run = () => renameSync(aside, last);
    const store = progressOf(path);
    try {
      expect(await store.begin()).toBe(3);
    } finally {
      beforeLock.run = () => undefined;
    }
    await store.append(bytes('four'));
    await store.leave();
    expect(await progressOf(path).begin()).toBe(4);
  });

  test('of another machine is left until it has been quiet for a day', async () => {
    const path = await left();
    const dir = `${path}.progress`;
    writeFileSync(join(dir, 'lock-9'), JSON.stringify({ pid: 1, host: 'another-machine', began: 'boot/1' }));
    for (const name of readdirSync(dir)) if (/^lock-[1-8]$/.test(name)) rmSync(join(dir, name));
    await expect(progressOf(path).begin()).rejects.toMatchObject({ code: 'PROGRESS_UNUSABLE' });
    const old = Date.now() / 1000 - 25 * 3_600;
    for (const name of readdirSync(dir)) utimesSync(join(dir, name), old, old);
    expect(await progressOf(path).begin()).toBe(0);
    expect(existsSync(dir)).toBe(false);
  });
});

test('a disk that takes no more: a coded error, the anchor as it was, nothing locked and nothing left over', async () => {
  const world = await World.small();
  const path = newPath();
  await world.verify({ anchor: fileAnchorStore(path) });
  const before = readFileSync(path);
  const module = (name: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, name)).href);
  const code = `
    const { fileAnchorStore } = await import(${module('../src/adapters/anchor-file.ts')});
    const anchor = fileAnchorStore(${JSON.stringify(path)});
    try {
      await anchor.update((now) => ({ ...now, savedAt: now.savedAt + 1, origin: now.origin.padEnd(40_000, 'x') }));
      console.log('kept');
    } catch (error) { console.log(error.code); }
    await anchor.keepEvidence(Buffer.alloc(40_000)).then((place) => console.log('kept', place), (error) => console.log(error.code));
    await anchor.progress.append(Buffer.alloc(40_000)).then(() => console.log('kept'), (error) => console.log(error.code));`;
  // Files may grow to 16 KiB: a write beyond that fails as it does on a full disk.
  const shell = `ulimit -f 16; exec "$0" --conditions=@tallystick/source --input-type=module -e "$1"`;
  const { stdout } = spawnSync('bash', ['-c', shell, process.execPath, code], { encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual(['ANCHOR_UNREADABLE', 'ANCHOR_UNREADABLE', 'PROGRESS_UNUSABLE']);
  expect(readFileSync(path)).toEqual(before);
  const name = path.slice(folder.length + 1);
  const there = readdirSync(folder).filter((each) => each.includes(name));
  expect(there.sort()).toEqual([name, `${name}.key`, `${name}.progress`]);
  expect(readdirSync(`${path}.progress`).filter((each) => !each.startsWith('lock-'))).toEqual([]);
  expect(await world.verify({ anchor: fileAnchorStore(path), incremental: true })).toMatchObject({
    exitCode: 0,
    mode: 'incremental',
  });
});
