import { type Clock, systemClock } from './clock.ts';
import { aborted } from './failures.ts';

/**
 * The promise's outcome, or the error after `ms`, or ABORTED when the signal says so. The loser goes on unobserved: its
 * outcome is dropped, never an unhandled rejection.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  late: () => Error,
  signal?: AbortSignal,
  clock: Clock = systemClock,
): Promise<T> {
  promise.catch(() => undefined);
  if (signal?.aborted === true) throw aborted('The operation', signal.reason);
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(ms, () => reject(late()));
  const onAbort = () => reject(aborted('The operation', signal?.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Waits `ms`. @throws KafkaError ABORTED */
export async function pause(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  if (signal?.aborted === true) throw aborted('The operation', signal.reason);
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      cancel();
      reject(aborted('The operation', signal?.reason));
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Milliseconds before try number `attempt` (from 0): doubling from 50 ms up to 2 s. */
export function backoffMs(attempt: number): number {
  return Math.min(2_000, 50 * 2 ** Math.min(attempt, 10));
}
