import { equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { sha256 } from '@tallystick/core/hash';
import { verifyConsistency } from '@tallystick/core/merkle';
import type { Held } from './held.ts';
import { refusal, type Refusal } from './refusal.ts';
import type { Submission } from './request.ts';

/** How far our clock may have gone back behind the last cosignature of a log before nothing is signed. */
const maxClockStepSeconds = 60;

/**
 * May this checkpoint follow the one that was cosigned last? In the order of C2SP tlog-witness: 409, then 422.
 * @param held null where nothing of this log was ever cosigned
 * @returns null where it may
 */
export function judge(submission: Submission, held: Held | null): Refusal | null {
  const { oldSize, path, checkpoint } = submission;
  const known = held?.size ?? 0;
  // The same size under another root needs no proof to be one, whatever old size came with it.
  const fork =
    held !== null && checkpoint.size === held.size && !equalBytes(checkpoint.root, held.root)
      ? ({ fork: true } as const)
      : {};
  if (oldSize !== known) {
    return { ...refusal(409, `the latest checkpoint has size ${known}, not ${oldSize}`), size: known, ...fork };
  }
  if (checkpoint.size === 0 && !equalBytes(checkpoint.root, sha256(new Uint8Array(0)))) {
    return refusal(422, 'the root of size 0 is not that of the empty tree');
  }
  if (held === null || held.size === 0) {
    return path.length === 0 ? null : refusal(422, 'there is nothing to prove from size 0, so the proof must be empty');
  }
  try {
    verifyConsistency({
      oldSize: held.size,
      newSize: checkpoint.size,
      oldRoot: held.root,
      newRoot: checkpoint.root,
      path,
    });
    return null;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    return { ...refusal(422, error.message), ...fork };
  }
}

/**
 * The time to cosign at, in unix seconds: now, but never before the last one of this log.
 * @param nowMs unix milliseconds
 */
export function cosigningTime(nowMs: number, held: Held | null): number | Refusal {
  const now = Math.floor(nowMs / 1000);
  const last = held?.time ?? 0;
  if (last <= now) return now;
  // A cosignature says "as of this time": a small step of the clock is bridged, for more than that we would have to lie.
  if (last - now <= maxClockStepSeconds) return last;
  return refusal(503, `the clock of this witness is ${last - now} s behind its last cosignature`);
}
