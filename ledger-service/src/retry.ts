import { setTimeout } from 'node:timers/promises';

/** Waits before try `attempt` (from 0) is made again: doubling from 100 ms up to 5 s. Rejects when the signal ends it. */
export async function retryPause(attempt: number, signal: AbortSignal): Promise<void> {
  await setTimeout(Math.min(5_000, 100 * 2 ** Math.min(attempt, 10)), undefined, { signal });
}
