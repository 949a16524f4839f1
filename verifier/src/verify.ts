import { KafkaError } from '@tallystick/kafka/errors';
import { abortError, inTime } from './deadline.ts';
import { checkAnchorFits } from './domain/anchor.ts';
import type { VerifierError } from './errors.ts';
import { NeedsFullRun } from './run/incremental.ts';
import { checkOptions } from './run/options-check.ts';
import type { Anchor, AnchorStore } from './ports/anchor-store.ts';
import { leftAside, ProgressBrokeOff } from './progress/run-progress.ts';
import { runOnce } from './run/run-once.ts';
import type { Verdict } from './verdict.ts';
import type { VerifyOptions } from './verify-options.ts';

export { follow } from './follow.ts';
export type { FollowOptions } from './follow.ts';
export type { VerifyOptions } from './verify-options.ts';

/**
 * Recomputes everything that the statements of one log say from the records as the brokers store them, holds the published log against its
 * checkpoint and against both, and compares (protocol, sections 1 to 6 and 9). Trusts the root key, the keys and the policy that it is given,
 * and what the anchor remembers. A full run begins with the first genesis; an incremental one with what the anchor's state says was checked,
 * and is a full one where that does not suffice. It reads only, and resolves with a verdict whatever it finds; a verdict is `verified` only if
 * everything that was asked for was read and agrees.
 *
 * @throws VerifierError for what makes a verdict impossible (exit code 2): OPTIONS_INVALID, VERIFY_ABORTED, and ANCHOR_* for an
 *   anchor that is damaged, foreign or cannot be written; and what `options.intact` throws
 */
export async function verify(options: VerifyOptions): Promise<Verdict> {
  checkOptions(options);
  try {
    return await verifyAll(options);
  } catch (error) {
    if (options.signal?.aborted === true) {
      // Whoever was stopped first says so in its own words.
      throw error instanceof KafkaError && error.code === 'ABORTED' ? abortError(error) : error;
    }
    // A source that is damaged explains whatever else went wrong.
    await options.intact?.();
    throw error;
  }
}

async function verifyAll(options: VerifyOptions): Promise<Verdict> {
  const anchor = await anchorOf(options);
  if (anchor !== null) checkAnchorFits(anchor, options.origin, options.rootKey.vkey);
  try {
    return await verifyFrom(options, anchor);
  } catch (error) {
    if (!(error instanceof ProgressBrokeOff)) throw error;
    return await verifyFrom(anew(options, error.why), anchor);
  }
}

/** How long a store of an anchor may take, ms: longer than that of a file does, whatever its file system does. */
const longestLoadMs = 600_000;

async function anchorOf({ anchor, signal }: VerifyOptions): Promise<Anchor | null> {
  if (anchor === undefined) return null;
  return await inTime('The store of the anchor', { deadlineMs: longestLoadMs, signal }, anchor.load());
}

/** The same, with nothing taken over of a run that did not end. */
function anew(options: VerifyOptions, why: VerifierError): VerifyOptions {
  const { anchor: store } = options;
  if (store?.progress === undefined) return options;
  const anchor: AnchorStore = {
    progress: leftAside(store.progress, why),
    load: () => store.load(),
    update: (next) => store.update(next),
    keepEvidence: (evidence) => store.keepEvidence(evidence),
  };
  return { ...options, anchor };
}

async function verifyFrom(options: VerifyOptions, anchor: Anchor | null): Promise<Verdict> {
  if (options.incremental !== true) return await fullRun(options, anchor, null);
  try {
    return await runOnce(options, anchor, { kind: 'incremental' });
  } catch (error) {
    if (!(error instanceof NeedsFullRun)) throw error;
    return await fullRun(options, anchor, error.message);
  }
}

/** Statements of a partition that are remembered at first: losers of races stand near those that they lost to. */
const remembered = 4_096;

/** A full run in bounded memory, and where that cannot decide (a statement of long ago came again) once more with all of them remembered. */
async function fullRun(options: VerifyOptions, anchor: Anchor | null, because: string | null): Promise<Verdict> {
  try {
    return await runOnce(options, anchor, { kind: 'full', because, remember: remembered });
  } catch (error) {
    if (!(error instanceof NeedsFullRun)) throw error;
    return await runOnce(options, anchor, { kind: 'full', because, remember: Infinity });
  }
}
