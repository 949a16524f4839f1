import { isKeyName } from '@tallystick/core/encoding';
import { checkAbort } from '../deadline.ts';
import { acknowledgementFault } from '../domain/acknowledgement.ts';
import { VerifierError } from '../errors.ts';
import { scopeFault } from '../scope.ts';
import type { VerifyOptions } from '../verify-options.ts';

/** @throws VerifierError OPTIONS_INVALID, VERIFY_ABORTED */
export function checkOptions(options: VerifyOptions): void {
  const { origin, signal, policy, scope, acknowledged = [] } = options;
  checkAbort(signal);
  if (!isKeyName(origin))
    throw invalid(
      `The origin ${JSON.stringify(origin)} is not the name of a log: 1 to 255 visible ASCII characters without "+".`,
    );
  for (const [name, least] of [
    ['deadlineMs', 1],
    ['settleMs', 0],
    ['maxTailAgeMs', 0],
    ['maxCheckpointAgeMs', 0],
    ['maxPendingAgeMs', 0],
    ['maxClockSkewMs', 0],
    ['maxFindings', 1],
    ['workers', 1],
    ['threadsFrom', 0],
    ['progressEveryEvents', 1],
    ['progressEveryMs', 0],
  ] as const) {
    const value = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) continue;
    throw invalid(`The option ${name} is ${value}: it must be a whole number of at least ${least}.`);
  }
  for (const name of ['maxLagMs', 'minRetentionMs'] as const) {
    const value = options.queryCopy?.[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue;
    throw invalid(`The option queryCopy.${name} is ${value}: it must be a whole number of at least 0.`);
  }
  // Nobody vouches for a time without a quorum: the limit would check nothing.
  if (
    options.maxCheckpointAgeMs !== undefined &&
    (policy === undefined || policy.quorum === 'none' || options.published === undefined)
  )
    throw invalid(
      'A limit for the age of the checkpoint needs a published log and a policy with a quorum of witnesses: their time is what it is measured by.',
    );
  if (options.maxPendingAgeMs !== undefined && options.published === undefined)
    throw invalid(
      'A limit for the age of statements that are not published needs a published log: name its URL or folder.',
    );
  if ((options.checkpoints ?? []).length > 0 && options.published === undefined)
    throw invalid('A checkpoint that is given needs a published log to compare it with: name its URL or folder.');
  if (policy !== undefined && options.published === undefined)
    throw invalid('A policy of witnesses needs a published log to check: name its URL or folder.');
  if (options.incremental === true && options.anchor === undefined)
    throw invalid('An incremental run needs an anchor: it goes on from what that remembers.');
  if (options.incremental === true && scope?.kind === 'ranges')
    throw invalid('An incremental run checks all that is new: it takes no ranges.');
  if ((options.workers ?? 1) > 1 && options.reopen === undefined)
    throw invalid('More than one worker need a source that each of them can open again.');
  const badScope = scope === undefined ? null : scopeFault(scope);
  if (badScope !== null) throw invalid(`The scope makes no sense: ${badScope}.`);
  for (const each of acknowledged) {
    const fault = acknowledgementFault(each);
    if (fault !== null) throw invalid(`An acknowledgement cannot be used: ${fault}.`);
  }
}

function invalid(message: string): VerifierError {
  return new VerifierError('OPTIONS_INVALID', message);
}
