import { setTimeout } from 'node:timers/promises';

/** Time as the ledger sees it: code that decides by time asks here, so that a simulation can drive it. */
export interface Clock {
  /** The wall clock: unix milliseconds, whole. For what is written down; it may jump. */
  now(): number;
  /** Milliseconds that only grow, from any start. For how long something takes. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds.
   * @throws the signal's reason, once it is aborted (at once where it is already)
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
