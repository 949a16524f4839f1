import { checkAbort, pause } from './deadline.ts';
import { VerifierError } from './errors.ts';
import type { Verdict } from './verdict.ts';
import { verify } from './verify.ts';
import type { VerifyOptions } from './verify-options.ts';

export interface FollowOptions {
  /** From the end of one run to the start of the next, ms. */
  readonly everyMs: number;
  /** Each verdict as it comes; it is waited for. */
  readonly onVerdict: (verdict: Verdict) => void | Promise<void>;
  /** Ends it: a run that is under way is cancelled. */
  readonly signal: AbortSignal;
}

/**
 * Verifies as the log grows: one incremental run after the other, until it is told to stop. The first is a full one where the anchor holds no
 * state; so is every one after a run that did not end 0, as the anchor moves with those only.
 * @throws VerifierError as `verify`, but for VERIFY_ABORTED: an end that was asked for is none
 */
export async function follow(options: VerifyOptions, { everyMs, onVerdict, signal }: FollowOptions): Promise<void> {
  if (!Number.isSafeInteger(everyMs) || everyMs < 1)
    throw new VerifierError(
      'OPTIONS_INVALID',
      `The time between two runs is ${everyMs}: it must be a whole number of ms from 1.`,
    );
  const either = options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]);
  try {
    for (;;) {
      checkAbort(either);
      await onVerdict(await verify({ ...options, incremental: true, signal: either }));
      await pause(everyMs, either);
    }
  } catch (error) {
    if (error instanceof VerifierError && error.code === 'VERIFY_ABORTED' && either.aborted) return;
    throw error;
  }
}
