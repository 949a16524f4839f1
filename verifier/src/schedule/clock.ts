import { setTimeout as wait } from 'node:timers/promises';

/** Time as a schedule sees it; tests bring their own. */
export interface ScheduleClock {
  /** Unix ms; it may jump. */
  now(): number;
  /** Resolves after `ms` milliseconds, or at once when the signal is aborted. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: ScheduleClock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await wait(Math.min(Math.max(ms, 0), 0x7fffffff), undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
};
