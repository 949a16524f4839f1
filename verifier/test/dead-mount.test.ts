// A mount whose server goes away: from some call on the file system answers nothing. Each wait ends with a coded error, and nothing stays locked.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type * as promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileAnchorStore } from '../src/adapters/anchor-file.ts';
import { fileDeadlineMs } from '../src/adapters/file-calls.ts';
import { BundleFile } from '../src/bundle/bundle-file.ts';
import { openBundle } from '../src/bundle/open-bundle.ts';
import type { VerificationRun } from '../src/report/reporter.ts';
import { fileRunRecord } from '../src/schedule/file-run-record.ts';
import { folderRunLock, makeStateFolder } from '../src/schedule/folder-run-lock.ts';
import { folderUntoldRuns } from '../src/schedule/folder-untold-runs.ts';
import { isHeld } from '../src/schedule/run-lock.ts';
import { newRecord } from '../src/schedule/run-record.ts';
import { BundleFolder } from './bundle/bundles.ts';
import { World } from './support/world.ts';

/** Counts the calls below the folder `mount`. From number `diesAt` on they are answered by `comesBack` only. */
const { mount } = vi.hoisted(() => ({
  mount: {
    folder: '/nowhere',
    calls: 0,
    diesAt: Infinity,
    /** Calls under way. */
    asked: 0,
    /** Calls that nobody answers. */
    waiting: [] as (() => Promise<void>)[],
    async ask<T>(call: () => Promise<T>): Promise<T> {
      if (this.calls++ < this.diesAt) return await this.answer(call);
      return await new Promise<T>((resolve, reject) => {
        this.waiting.push(async () => await this.answer(call).then(resolve, reject));
      });
    },
    async answer<T>(call: () => Promise<T>): Promise<T> {
      this.asked += 1;
      try {
        return await call();
      } finally {
        this.asked -= 1;
      }
    },
    /** What was asked for meanwhile happens now, as it does on a mount whose server comes back. */
    async comesBack(): Promise<void> {
      this.diesAt = Infinity;
      for (const call of this.waiting.splice(0)) await call();
    },
    /** Until nothing is under way but what nobody answers. */
    async isQuiet(): Promise<void> {
      for (let turns = 0; turns < 20; turns = this.asked > 0 ? 0 : turns + 1) await new Promise(setImmediate);
    },
  },
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof promises>();
  type Any = (...args: never[]) => Promise<unknown>;
  const asked =
    (call: Any): Any =>
    async (...args) =>
      String(args[0]).startsWith(mount.folder) ? await mount.ask(() => call(...args)) : await call(...args);
  const open = async (...args: Parameters<typeof real.open>) => {
    if (!String(args[0]).startsWith(mount.folder)) return await real.open(...args);
    const handle = await mount.ask(() => real.open(...args));
    return new Proxy(handle, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name, of);
        if (typeof value !== 'function') return value;
        return (...given: never[]) => mount.ask(() => (value as Any).apply(of, given));
      },
    });
  };
  const calls = Object.entries(real).map(([name, value]) => [
    name,
    typeof value === 'function' ? asked(value as unknown as Any) : value,
  ]);
  return { ...Object.fromEntries(calls), open };
});

const root = mkdtempSync(join(tmpdir(), 'tallystick-dead-mount-'));
let folders = 0;
beforeEach(() => {
  // Not setImmediate: what the file system answers is waited for in real time.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
});
afterEach(async () => {
  await mount.comesBack();
  vi.useRealTimers();
  for (const bundle of bundles.splice(0)) await bundle.close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function newMount(): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  Object.assign(mount, { folder, calls: 0, diesAt: Infinity });
  return folder;
}

/** What becomes of it, and after how many ms. */
async function endOf(work: Promise<unknown>): Promise<{ code: string; afterMs: number }> {
  let code: string | null = null;
  work.then(
    () => (code = 'done'),
    (error: unknown) => (code = String((error as { code?: unknown }).code)),
  );
  const step = 5_000;
  for (let afterMs = 0; afterMs <= 600_000; afterMs += step) {
    for (let turn = 0; turn < 10_000 && code === null && mount.waiting.length === 0; turn++) await mount.isQuiet();
    await mount.isQuiet();
    if (code !== null) return { code, afterMs };
    await vi.advanceTimersByTimeAsync(step);
  }
  return { code: 'it hangs', afterMs: Infinity };
}

interface Case {
  /** What is done before the mount dies; gives what is done while it does, and how a run ends after that. */
  readonly before: (folder: string) => Promise<readonly [() => Promise<unknown>, (() => Promise<unknown>)?]>;
  readonly codes: readonly string[];
}

const anchor = (folder: string) => fileAnchorStore(join(folder, 'anchor.json'));
const progress = (folder: string) => anchor(folder).progress!;
const part = Buffer.from('a part');
const record = newRecord(1_772_000_000_000);
const told: VerificationRun = {
  id: '00000000-0000-4000-8000-000000000001',
  trigger: 'schedule',
  startedAt: '2026-03-01T03:00:00.000Z',
  finishedAt: '2026-03-01T03:10:00.000Z',
  error: { code: 'TIMED_OUT', message: 'no answer', exitCode: 3 },
};
const ofAnchor = ['ANCHOR_TIMED_OUT'];
const ofProgress = ['PROGRESS_UNUSABLE', 'ANCHOR_TIMED_OUT'];

/** With an anchor, its key and a part of progress. */
async function filled(folder: string): Promise<void> {
  await anchor(folder).update((now) => now ?? theAnchor);
  const store = progress(folder);
  for (let index = 0; index < 2; index++) await store.append(part);
  await store.leave();
}

async function held(folder: string) {
  const taken = await folderRunLock(folder).take();
  if (!isHeld(taken)) throw new Error(`held by ${taken.holder}`);
  return taken;
}

/** Those that are open. */
const bundles: Pick<BundleFile, 'close'>[] = [];

/** A bundle's file there. */
function bundleIn(folder: string): string {
  const file = join(folder, 'evidence.bundle');
  writeFileSync(file, theBundle);
  return file;
}

const cases: Readonly<Record<string, Case>> = {
  'the anchor is read': {
    before: async (folder) => (await filled(folder), [() => anchor(folder).load()]),
    codes: ofAnchor,
  },
  'the first anchor is written': {
    before: async (folder) => [() => anchor(folder).update(() => theAnchor)],
    codes: ofAnchor,
  },
  'the anchor is replaced': {
    before: async (folder) => (await filled(folder), [() => anchor(folder).update((now) => now ?? theAnchor)]),
    codes: ofAnchor,
  },
  'evidence is kept': {
    before: async (folder) => [() => anchor(folder).keepEvidence(part)],
    codes: ofAnchor,
  },
  'progress is looked for': {
    before: async (folder) => {
      await filled(folder);
      const store = progress(folder);
      return [() => store.begin(), () => store.leave()];
    },
    codes: ofProgress,
  },
  'progress is read': {
    before: async (folder) => {
      await filled(folder);
      const store = progress(folder);
      await store.begin();
      return [() => store.read(1), () => store.leave()];
    },
    codes: ofProgress,
  },
  'the first progress is kept': {
    before: async (folder) => {
      const store = progress(folder);
      return [() => store.append(part), () => store.clear()];
    },
    codes: ofProgress,
  },
  'more progress is kept': {
    before: async (folder) => {
      const store = progress(folder);
      await store.append(part);
      return [() => store.append(part), () => store.clear()];
    },
    codes: ofProgress,
  },
  'progress is removed': {
    before: async (folder) => {
      const store = progress(folder);
      await store.append(part);
      return [() => store.clear()];
    },
    codes: ofProgress,
  },
  'progress is left': {
    before: async (folder) => {
      const store = progress(folder);
      await store.append(part);
      return [() => store.leave()];
    },
    codes: ofProgress,
  },
  'the lock of a run is taken': {
    before: async (folder) => [() => folderRunLock(folder).take()],
    codes: ['SCHEDULE_STATE'],
  },
  'the lock of a run is taken again': {
    before: async (folder) => (await (await held(folder)).release(), [() => folderRunLock(folder).take()]),
    codes: ['SCHEDULE_STATE'],
  },
  'the lock of a run is given back': {
    before: async (folder) => {
      const lock = await held(folder);
      return [() => lock.release()];
    },
    codes: ['SCHEDULE_STATE'],
  },
  'the folder of a schedule is made': {
    before: async (folder) => [() => makeStateFolder(join(folder, 'state'))],
    codes: ['SCHEDULE_STATE'],
  },
  'a run that could not be told is kept': {
    before: async (folder) => [() => folderUntoldRuns(join(folder, 'untold')).keep({ reporters: ['a'], run: told })],
    codes: ['SCHEDULE_STATE'],
  },
  'runs that could not be told are looked for': {
    before: async (folder) => {
      const store = folderUntoldRuns(join(folder, 'untold'));
      await store.keep({ reporters: ['a'], run: told });
      return [async () => await store.load((await store.names())[0] ?? '')];
    },
    codes: ['SCHEDULE_STATE'],
  },
  'what a schedule remembers is written': {
    before: async (folder) => [() => fileRunRecord(join(folder, 'last-run.json')).save(record)],
    codes: ['SCHEDULE_STATE'],
  },
  'a bundle is opened': {
    before: async (folder) => {
      const file = bundleIn(folder);
      return [async () => void bundles.push(await openBundle(file))];
    },
    codes: ['TIMED_OUT'],
  },
  'a bundle is read': {
    before: async (folder) => {
      const file = await BundleFile.open(bundleIn(folder));
      bundles.push(file);
      return [async () => await file.read(0, 512), async () => await file.close()];
    },
    codes: ['TIMED_OUT'],
  },
  // Nothing is written to it.
  'a bundle is closed': {
    before: async (folder) => {
      const file = await BundleFile.open(bundleIn(folder));
      return [async () => await file.close()];
    },
    codes: ['done'],
  },
  // Nothing depends on it but when to run.
  'what a schedule remembers is read': {
    before: async (folder) => {
      const store = fileRunRecord(join(folder, 'last-run.json'));
      await store.save(record);
      return [() => store.load()];
    },
    codes: ['done'],
  },
};

let theBundle: Buffer;
let theAnchor: Awaited<ReturnType<ReturnType<typeof fileAnchorStore>['load']>> & object;
beforeAll(async () => {
  const store = fileAnchorStore(join(root, 'model.json'));
  const world = await World.small();
  await world.verify({ anchor: store });
  theAnchor = (await store.load())!;
  const made = new BundleFolder();
  theBundle = await made.bytesOf(world);
  made.end();
});

describe.each(Object.entries(cases))('a mount that dies while %s', (_, { before, codes }) => {
  test('at any call: a coded error in time, and once it is back all can be done again', async () => {
    const wrong: unknown[] = [];
    for (let at = 0; at < 100; at++) {
      const folder = newMount();
      const [work, end] = await before(folder);
      Object.assign(mount, { calls: 0, diesAt: at });
      const { code, afterMs } = await endOf(work());
      const isOver = mount.calls <= at;
      if (isOver) {
        expect(at).toBeGreaterThan(0);
        expect(code).toBe('done');
        break;
      }
      if (!codes.includes(code) || afterMs > 3 * fileDeadlineMs) wrong.push({ at, code, afterMs });
      const ended = await endOf(end?.() ?? Promise.resolve());
      if (ended.afterMs > 2 * fileDeadlineMs) wrong.push({ at, ended });
      // Each keeps a thread, of which there are four.
      if (mount.waiting.length > 2) wrong.push({ at, waiting: mount.waiting.length });
      await mount.comesBack();
      await mount.isQuiet();
      const again = await Promise.all([
        endOf(folderRunLock(folder).take()),
        endOf(anchor(folder).update((now) => now ?? theAnchor)),
        endOf(progress(folder).append(part)),
        endOf(fileRunRecord(join(folder, 'last-run.json')).save(record)),
      ]);
      for (const end of again) if (end.code !== 'done') wrong.push({ at, again: end });
    }
    expect(wrong).toEqual([]);
  });
});

test('a run that is stopped does not wait for the mount of its bundle', async () => {
  const folder = newMount();
  const name = bundleIn(folder);
  for (const at of [0, 1, 2]) {
    Object.assign(mount, { calls: 0, diesAt: at });
    const stop = new AbortController();
    const opened = endOf(openBundle(name, { signal: stop.signal }));
    setTimeout(() => stop.abort(), 1_000);
    const { code, afterMs } = await opened;
    expect({ at, code }).toEqual({ at, code: 'VERIFY_ABORTED' });
    expect(afterMs).toBeLessThanOrEqual(10_000);
    await mount.comesBack();
    await mount.isQuiet();
  }
});

test.each(['lock-1', 'part-1'])('a pipe in the place of %s of progress is refused at once', async (name) => {
  vi.useRealTimers();
  const folder = newMount();
  await filled(folder);
  const file = join(folder, 'anchor.json.progress', name);
  rmSync(file);
  execFileSync('mkfifo', [file]);
  await expect(progress(folder).begin()).rejects.toMatchObject({ code: expect.stringMatching(/^PROGRESS_/) as string });
});

test('pipes in the place of the other files are refused at once', async () => {
  vi.useRealTimers();
  const folder = newMount();
  for (const name of ['anchor.json.lock', 'last-run.json', 'lock-3', 'alive', `.alive-${process.pid}`])
    execFileSync('mkfifo', [join(folder, name)]);
  await expect(anchor(folder).update(() => theAnchor)).rejects.toMatchObject({ code: 'ANCHOR_UNREADABLE' });
  await expect(folderRunLock(folder).take()).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
  rmSync(join(folder, 'lock-3'));
  await (await held(folder)).release();
  expect(await fileRunRecord(join(folder, 'last-run.json')).load()).toBeNull();
  await fileRunRecord(join(folder, 'last-run.json')).save(record);
});

test('the lock of a run that cannot show life is given back: the next one takes it', async () => {
  vi.useRealTimers();
  const folder = newMount();
  mkdirSync(join(folder, 'alive'));
  await expect(folderRunLock(folder).take()).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
  rmSync(join(folder, 'alive'), { recursive: true });
  await (await held(folder)).release();
});
