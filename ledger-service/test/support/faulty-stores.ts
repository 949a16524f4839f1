import { checkDistinct } from '../../src/domain/log-paths.ts';
import { LedgerError } from '../../src/errors.ts';
import type { CheckpointStore } from '../../src/ports/checkpoint-store.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import type { OnceFiles } from '../../src/ports/once-files.ts';

/** What becomes of one call: done, not done and an error, or done and an error (the answer was lost). */
export type Fate = 'done' | 'failed' | 'done but failed';

/** Asked before every call, with the method's name. */
export type Fates = (method: string) => Fate;

/** Every external call fails as the fates will, with LOG_STORE_UNAVAILABLE. `close` never does, and a list fails before its first path. */
async function through<T>(fates: Fates, method: string, work: () => Promise<T>): Promise<T> {
  const fate = fates(method);
  const result = fate === 'failed' ? null : { value: await work() };
  if (result === null || fate === 'done but failed') {
    const message = `${method}: ${fate} (injected).`;
    throw new LedgerError('LOG_STORE_UNAVAILABLE', message, { retriable: true, evidence: { fate } });
  }
  return result.value;
}

export function faultyLogStore(store: LogStore, fates: Fates): LogStore {
  return {
    read: async (path, maxBytes) => await through(fates, 'read', async () => await store.read(path, maxBytes)),
    write: async (path, bytes) => await through(fates, 'write', async () => await store.write(path, bytes)),
    // Where it fails any of them may be stored, so each has a fate of its own; all are tried.
    writeAll: async (objects) => {
      checkDistinct(objects.map(({ path }) => path));
      let failure: unknown = null;
      for (const { path, bytes } of objects) {
        try {
          await through(fates, 'writeAll', async () => await store.write(path, bytes));
        } catch (error) {
          failure ??= error;
        }
      }
      if (failure !== null) throw failure as Error;
    },
    remove: async (paths) => await through(fates, 'remove', async () => await store.remove(paths)),
    async *list(prefix) {
      await through(fates, 'list', async () => await Promise.resolve());
      yield* store.list(prefix);
    },
    close: async () => await store.close(),
  };
}

export function faultyCheckpointStore(store: CheckpointStore, fates: Fates): CheckpointStore {
  return {
    newest: async () => await through(fates, 'newest', async () => await store.newest()),
    swap: async (from, note) => await through(fates, 'swap', async () => await store.swap(from, note)),
    close: async () => await store.close(),
  };
}

export function faultyOnceFiles(files: OnceFiles, fates: Fates): OnceFiles {
  return {
    where: files.where,
    create: async (name, bytes) => await through(fates, 'create', async () => await files.create(name, bytes)),
    read: async (name, maxBytes) => await through(fates, 'read', async () => await files.read(name, maxBytes)),
    list: async (after) => await through(fates, 'list', async () => await files.list(after)),
    remove: async (names) => await through(fates, 'remove', async () => await files.remove(names)),
    settle: async () => await through(fates, 'settle', async () => await files.settle()),
    close: async () => await files.close(),
  };
}
