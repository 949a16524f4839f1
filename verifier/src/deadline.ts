import { KafkaError } from '@tallystick/kafka/errors';
import { VerifierError } from './errors.ts';

/** What a run may wait for, and when it must stop. */
export interface Patience {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The promise's outcome, if it comes in time: no wait of the verifier is without an end.
 * @param what names the wait in the error
 * @throws KafkaError TIMED_OUT; VerifierError VERIFY_ABORTED; or what the promise rejects with
 */
export async function inTime<T>(what: string, { deadlineMs, signal }: Patience, promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  checkAbort(signal);
  let stop = (): void => {};
  const end = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      reject(new KafkaError('TIMED_OUT', `${what} gave no answer within ${deadlineMs} ms.`, { retriable: true }));
    }, deadlineMs);
    const onAbort = (): void => reject(abortError());
    signal?.addEventListener('abort', onAbort, { once: true });
    stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    stop();
  }
}

/**
 * Waits `ms`.
 * @throws VerifierError VERIFY_ABORTED
 */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await inTime('A pause', { deadlineMs: ms + 60_000, signal }, new Promise((resolve) => setTimeout(resolve, ms)));
}

/** @throws VerifierError VERIFY_ABORTED */
export function checkAbort(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError();
}

export function abortError(cause?: unknown): VerifierError {
  return new VerifierError(
    'VERIFY_ABORTED',
    'The verification was cancelled before it could give a verdict. Nothing was decided and no anchor was moved.',
    cause === undefined ? {} : { cause },
  );
}
