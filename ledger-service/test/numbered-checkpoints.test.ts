import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keptVersions, NumberedCheckpointStore } from '../src/numbered-checkpoints.ts';
import type { StoredCheckpoint } from '../src/ports/checkpoint-store.ts';
import type { OnceFiles } from '../src/ports/once-files.ts';
import { checkpointStoreContract } from './support/checkpoint-store-contract.ts';
import { faultyOnceFiles, type Fate } from './support/faulty-stores.ts';
import { bytesOf, codeOf, textOf } from './support/log-store-contract.ts';
import { MemoryOnceFiles } from './support/memory-once-files.ts';

const shared = new Map<string, MemoryOnceFiles>();
checkpointStoreContract(
  'numbered files',
  {
    open: (name) => {
      const files = shared.get(name) ?? new MemoryOnceFiles();
      shared.set(name, files);
      return new NumberedCheckpointStore(files);
    },
  },
  { swaps: 200, runs: 300 },
);

const note = (text: string) => bytesOf(`${text}\n`);

/** A store with so many versions, each note its own number. */
async function grown(versions: number): Promise<{ files: MemoryOnceFiles; all: StoredCheckpoint[] }> {
  const files = new MemoryOnceFiles();
  const store = new NumberedCheckpointStore(files);
  const all: StoredCheckpoint[] = [];
  for (let version = 1; version <= versions; version += 1)
    all.push((await store.swap(all.at(-1) ?? null, note(String(version))))!);
  await store.close();
  return { files, all };
}

/** Files of which one call waits until it is let go: a process that is stopped (SIGSTOP) in that moment. */
function stoppable(files: OnceFiles, method: 'create' | 'list', when: 'before' | 'after') {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let reached: () => void = () => {};
  const isReached = new Promise<void>((resolve) => (reached = resolve));
  const pause = async () => {
    reached();
    await released;
  };
  async function waiting<T>(work: () => Promise<T>): Promise<T> {
    if (when === 'before') await pause();
    const result = await work();
    if (when === 'after') await pause();
    return result;
  }
  const stopped: OnceFiles = {
    where: files.where,
    create: async (name, bytes) =>
      method === 'create'
        ? await waiting(async () => await files.create(name, bytes))
        : await files.create(name, bytes),
    list: async (after) =>
      method === 'list' ? await waiting(async () => await files.list(after)) : await files.list(after),
    read: async (name, maxBytes) => await files.read(name, maxBytes),
    remove: async (names) => await files.remove(names),
    settle: async () => await files.settle(),
    close: async () => await files.close(),
  };
  return { stopped, isReached, release };
}

async function grow(files: MemoryOnceFiles, by: number): Promise<StoredCheckpoint> {
  const store = new NumberedCheckpointStore(files);
  let newest = (await store.newest())!;
  for (let swap = 0; swap < by; swap += 1) newest = (await store.swap(newest, note(`other ${newest.version + 1}`)))!;
  await store.close();
  return newest;
}

describe('a publisher that was stopped in the middle of a swap', () => {
  // Right before and at the edges of what is removed, and far beyond.
  it.each([1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 97, 200])(
    'before its file was made: after %i swaps of others it has lost',
    async (others) => {
      for (const start of [1, 5, 31, 32, 33, 64, 65]) {
        const { files, all } = await grown(start);
        const { stopped, isReached, release } = stoppable(files, 'create', 'before');
        const swap = new NumberedCheckpointStore(stopped).swap(all.at(-1)!, note('late'));
        await isReached;
        const newest = await grow(files, others);
        release();
        expect(await swap, `${start} and ${others}`).toBeNull();
        expect(await new NumberedCheckpointStore(files).newest()).toEqual(newest);
      }
    },
  );

  it.each([1, 31, 40, 63, 64, 65, 96, 200])(
    'after its file was made: it has won, or it cannot be told after %i swaps of others; nobody else has won that version',
    async (others) => {
      for (const start of [1, 31, 32, 33, 64]) {
        const { files, all } = await grown(start);
        const { stopped, isReached, release } = stoppable(files, 'create', 'after');
        const swap = new NumberedCheckpointStore(stopped).swap(all.at(-1)!, note('mine'));
        await isReached;
        expect(textOf((await new NumberedCheckpointStore(files).newest())!.note)).toBe('mine\n');
        const newest = await grow(files, others);
        release();
        const won = await swap;
        if (others < keptVersions) expect(won).toEqual({ version: start + 1, note: note('mine') });
        else expect(won === null || won.version === start + 1).toBe(true);
        expect(await new NumberedCheckpointStore(files).newest()).toEqual(newest);
      }
    },
  );
});

describe('what it keeps', () => {
  it('the newest 32 at any time, and never more than three times as many', async () => {
    const files = new MemoryOnceFiles();
    const store = new NumberedCheckpointStore(files);
    let newest: StoredCheckpoint | null = null;
    for (let version = 1; version <= 500; version += 1) {
      newest = (await store.swap(newest, note(String(version))))!;
      const kept = [...files.files.keys()].filter((name) => /^[0-9]+$/.test(name)).map(Number);
      for (let back = 0; back < Math.min(keptVersions, version); back += 1) expect(kept).toContain(version - back);
      expect(kept.length).toBeLessThanOrEqual(3 * keptVersions);
    }
    await store.close();
    expect([...files.files.keys()].filter((name) => name.startsWith('pruned-'))).toHaveLength(2);
  });

  it('says what could not be removed, and goes on', async () => {
    const { files, all } = await grown(63);
    const warnings: unknown[] = [];
    const refusing = faultyOnceFiles(files, (method) => (method === 'remove' ? 'failed' : 'done'));
    const store = new NumberedCheckpointStore(refusing, { onWarning: (error) => warnings.push(error) });
    expect((await store.swap(all.at(-1)!, note('64')))?.version).toBe(64);
    await store.close();
    expect(warnings).toMatchObject([{ code: 'LOG_STORE_UNAVAILABLE' }]);
    await grow(files, 32);
    expect([...files.files.keys()].filter((name) => /^[0-9]+$/.test(name)).length).toBe(32);
  });
});

describe('a store that was rolled back', () => {
  it('is noticed while it is in use: it ends below what was seen', async () => {
    const { files } = await grown(10);
    const store = new NumberedCheckpointStore(files);
    await store.newest();
    for (const version of [8, 9, 10]) files.files.delete(String(version).padStart(20, '0'));
    expect(await codeOf(store.newest())).toBe('LOG_STORE_INVALID');
  });

  it('is noticed where a floor says that there was more', async () => {
    const { files } = await grown(64);
    for (const name of [...files.files.keys()]) if (/^[0-9]+$/.test(name)) files.files.delete(name);
    expect(await codeOf(new NumberedCheckpointStore(files).newest())).toBe('LOG_STORE_INVALID');
  });

  it('is noticed where the version to replace is gone', async () => {
    const { files, all } = await grown(10);
    files.files.delete(String(10).padStart(20, '0'));
    const swap = new NumberedCheckpointStore(files).swap(all.at(-1)!, note('11'));
    await expect(swap).rejects.toThrow(/version 10/);
    expect(await codeOf(swap)).toBe('LOG_STORE_INVALID');
  });
});

it('a file that is too large is not read', async () => {
  const files = new MemoryOnceFiles();
  await files.create(String(1).padStart(20, '0'), new Uint8Array(70_000));
  expect(await codeOf(new NumberedCheckpointStore(files).newest())).toBe('LOG_STORE_INVALID');
});

it('with every call failing, stored or not, each version has at most one winner and its chain holds', async () => {
  const fate: fc.Arbitrary<Fate> = fc.constantFrom('done', 'done', 'done', 'failed', 'done but failed');
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fate), fc.infiniteStream(fc.nat({ max: 2 })), async (fates, order) => {
      const files = new MemoryOnceFiles();
      const faulty = faultyOnceFiles(files, () => fates.next().value);
      const stores = [0, 1, 2].map(() => new NumberedCheckpointStore(faulty));
      const known: (StoredCheckpoint | null)[] = [null, null, null];
      const winners = new Map<number, string>();
      const before = new Map<number, string | null>();
      for (let step = 0; step < 150; step += 1) {
        const who: number = order.next().value;
        const store = stores[who]!;
        const from = known[who]!;
        const text = `${who} ${from?.version ?? 0}`;
        try {
          const stored = await store.swap(from, note(text));
          known[who] = stored ?? (await store.newest());
          if (stored === null) continue;
          // The same swap may be asked for again and won again: it is the same note.
          expect(winners.get(stored.version) ?? text).toBe(text);
          winners.set(stored.version, text);
          before.set(stored.version, from === null ? null : textOf(from.note));
        } catch (error) {
          expect(error).toMatchObject({ code: 'LOG_STORE_UNAVAILABLE', retriable: true });
        }
      }
      for (const [version, from] of before)
        if (winners.has(version - 1)) expect(from).toBe(`${winners.get(version - 1)}\n`);
      const newest = await new NumberedCheckpointStore(files).newest();
      expect(newest?.version ?? 0).toBeGreaterThanOrEqual(Math.max(0, ...winners.keys()));
    }),
    { numRuns: 200 },
  );
});
