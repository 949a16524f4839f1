import { systemClock, type Clock } from './ports/clock.ts';

/** Waits before try `attempt` (from 0) is made again: doubling from 100 ms up to 5 s. Rejects when the signal ends it. */
export async function retryPause(attempt: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
  await clock.sleep(Math.min(5_000, 100 * 2 ** Math.min(attempt, 10)), signal);
}
