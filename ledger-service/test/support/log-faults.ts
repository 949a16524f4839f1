import type { NoteSigner } from '@tallystick/core/note';
import type { SeenCheckpoint } from '../../src/log/seen-checkpoint.ts';
import type { CheckpointStore } from '../../src/ports/checkpoint-store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import { LedgerError } from '../../src/errors.ts';
import { storeUnavailable } from '../../src/store-errors.ts';

/** fail: nothing happened. persisted: it happened, and the answer was lost. Both as errors that can pass. */
export type FaultKind = 'fail' | 'persisted';

export interface Planned {
  readonly call: string;
  /** From 1. */
  readonly nth: number;
  readonly kind: FaultKind;
  /** The process ends with it: from then on nothing it asks for happens. */
  readonly crash?: boolean;
}

/** Stands between a publisher and everything that it asks of the outside: each call may be delayed, fail, or be the last one. */
export class Faults {
  readonly counts = new Map<string, number>();
  readonly hit: string[] = [];
  dead = false;
  /** Runs before each call. */
  before: (call: string) => Promise<void> = async () => await Promise.resolve();
  /** Runs after each call that was answered, before the answer is handed over. */
  after: (call: string) => Promise<void> = async () => await Promise.resolve();
  readonly #plan: readonly Planned[];

  constructor(plan: readonly Planned[] = []) {
    this.#plan = plan;
  }

  async run<T>(call: string, action: () => Promise<T>): Promise<T> {
    if (this.dead) throw died();
    await this.before(call);
    const nth = (this.counts.get(call) ?? 0) + 1;
    this.counts.set(call, nth);
    const planned = this.#plan.find((one) => one.call === call && one.nth === nth);
    if (planned === undefined) {
      const answer = await action();
      await this.after(call);
      return answer;
    }
    this.hit.push(`${call} ${nth}`);
    if (planned.kind === 'persisted') await action();
    if (planned.crash === true) {
      this.dead = true;
      throw died();
    }
    throw storeUnavailable(`injected: ${call} ${nth}`);
  }

  store(inner: LogStore): LogStore {
    const nameOf = (path: string) => (path.startsWith('tile') ? 'tile' : path);
    return {
      read: async (path, most) => await this.run(`read ${nameOf(path)}`, async () => await inner.read(path, most)),
      write: async (path, bytes) => await this.run(`write ${nameOf(path)}`, async () => await inner.write(path, bytes)),
      writeAll: async (objects) => await this.run('write tiles', async () => await inner.writeAll(objects)),
      remove: async (paths) => await this.run('remove', async () => await inner.remove(paths)),
      list: (prefix) => inner.list(prefix),
      close: async () => await inner.close(),
    };
  }

  checkpoints(inner: CheckpointStore): CheckpointStore {
    return {
      newest: async () => await this.run('newest', async () => await inner.newest()),
      swap: async (from, note) => await this.run('swap', async () => await inner.swap(from, note)),
      close: async () => await inner.close(),
    };
  }

  signer(inner: NoteSigner): NoteSigner {
    return { key: inner.key, sign: async (message) => await this.run('sign', async () => await inner.sign(message)) };
  }

  seen(inner: SeenCheckpoint): SeenCheckpoint {
    return {
      load: async () => await this.run('seen load', async () => await inner.load()),
      save: async (note) => await this.run('seen save', async () => await inner.save(note)),
    };
  }
}

function died(): LedgerError {
  return new LedgerError('UNEXPECTED', 'injected: this process is dead', { fatal: true });
}

/** A clock that is so many times as fast, so that pauses cost a test little. */
export function fastClock(times = 20): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * times,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const done = () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        };
        const timer = setTimeout(done, ms / times);
        const abort = () => {
          clearTimeout(timer);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
  };
}
