import { decodeUtf8 } from '@tallystick/core/encoding';
import { acknowledgementFault } from './domain/acknowledgement.ts';
import type { Acknowledgement } from './domain/acknowledgement.ts';
import { isCount, isObject } from './domain/json-shape.ts';
import { repeatedMember } from './domain/repeated-member.ts';
import { VerifierError } from './errors.ts';

/** A verification policy: what an operator answers for, and the limits of a verification. All but `version` may be left out. */
export interface VerificationPolicy {
  readonly version: 1;
  readonly acknowledged: readonly Acknowledgement[];
  /** Limits as those of `VerifyOptions`, ms. */
  readonly maxTailAgeMs?: number;
  readonly maxCheckpointAgeMs?: number;
  readonly maxPendingAgeMs?: number;
  readonly maxClockSkewMs?: number;
  /** `queryCopy.minRetentionMs` of `VerifyOptions`: how long rows of the query copy have to be kept, ms. */
  readonly minCopyRetentionMs?: number;
}

const largestFile = 16 * 1024 * 1024;
const mostAcknowledged = 10_000;
const limits = [
  'maxTailAgeMs',
  'maxCheckpointAgeMs',
  'maxPendingAgeMs',
  'maxClockSkewMs',
  'minCopyRetentionMs',
] as const;

/**
 * Reads a verification policy: JSON of {@link VerificationPolicy}. What is not known is refused: a limit that is misspelt would check nothing.
 * So is a member that stands there twice: the second one would switch the first off unseen.
 * @param where names the file in errors
 * @throws VerifierError POLICY_FILE_INVALID, which names the member
 */
export function parseVerificationPolicy(bytes: Uint8Array, where: string): VerificationPolicy {
  const invalid = (what: string, cause?: unknown): VerifierError =>
    new VerifierError('POLICY_FILE_INVALID', `The limits file ${where} cannot be used: ${what}.`, {
      evidence: { where, what },
      ...(cause === undefined ? {} : { cause }),
    });
  if (bytes.length > largestFile) throw invalid(`it has ${bytes.length} bytes`);
  let text: string;
  let file: unknown;
  try {
    text = decodeUtf8(bytes);
    file = JSON.parse(text);
  } catch (cause) {
    throw invalid('it is not JSON in UTF-8', cause);
  }
  const twiceNamed = repeatedMember(text);
  if (twiceNamed !== null) throw invalid(`the member ${JSON.stringify(twiceNamed).slice(1, -1)} stands there twice`);
  if (!isObject(file)) throw invalid('it is no JSON object');
  refuseOthers(file, ['version', 'acknowledged', ...limits], '', invalid);
  if (file['version'] !== 1) throw invalid(`version is ${JSON.stringify(file['version'])}; this release knows 1`);
  const found: Partial<Record<(typeof limits)[number], number>> = {};
  for (const name of limits) {
    const value = file[name];
    if (value === undefined) continue;
    if (!isCount(value)) throw invalid(`${name} is no whole number of milliseconds from 0`);
    found[name] = value;
  }
  const list = file['acknowledged'] ?? [];
  if (!Array.isArray(list)) throw invalid('acknowledged is no list');
  if (list.length > mostAcknowledged) throw invalid(`acknowledged has more than ${mostAcknowledged} items`);
  const acknowledged = list.map((each: unknown, at) => readAcknowledgement(each, `acknowledged[${at}]`, invalid));
  const twice = acknowledged.find(({ hash }, at) => acknowledged.findIndex((each) => each.hash === hash) !== at);
  if (twice !== undefined) throw invalid(`acknowledged names ${twice.hash} twice`);
  return { version: 1, acknowledged, ...found };
}

function readAcknowledgement(value: unknown, at: string, invalid: (what: string) => VerifierError): Acknowledgement {
  if (!isObject(value)) throw invalid(`${at} is no JSON object`);
  refuseOthers(value, ['hash', 'reason', 'by', 'until'], `${at}.`, invalid);
  const { hash, reason, by, until } = value;
  if (typeof hash !== 'string') throw invalid(`${at}.hash is no text`);
  if (typeof reason !== 'string') throw invalid(`${at}.reason is no text`);
  if (by !== undefined && typeof by !== 'string') throw invalid(`${at}.by is no text`);
  if (until !== undefined && typeof until !== 'string') throw invalid(`${at}.until is no text`);
  const made = { hash, reason, ...(by === undefined ? {} : { by }), ...(until === undefined ? {} : { until }) };
  const fault = acknowledgementFault(made);
  if (fault !== null) throw invalid(`${at}.${fault}`);
  return made;
}

function refuseOthers(
  value: Record<string, unknown>,
  names: readonly string[],
  prefix: string,
  invalid: (what: string) => VerifierError,
): void {
  const other = Object.keys(value).find((name) => !names.includes(name));
  if (other !== undefined) throw invalid(`${prefix}${JSON.stringify(other).slice(1, -1)} is not known`);
}
