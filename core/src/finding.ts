import { encodeBase64, encodeUtf8 } from './encoding.ts';
import { CoreError } from './errors.ts';
import { findingCodes, type FindingCode, type Severity } from './finding-codes.ts';
import { sha256 } from './hash.ts';
import type { Base64Hash } from './statement-types.ts';

export { findingCodes, type FindingCode, type PlaceKind, type Severity } from './finding-codes.ts';

/** One thing that a check found. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** null where it has none, as findings on keys. */
  readonly topic: string | null;
  readonly partition: number | null;
  readonly generation: number | null;
  /** A statement's hash in base64, `offsets <first>-<last>`, or `-` (see `place` of {@link findingCodes}). */
  readonly place: string;
  /** The evidence; hashes in base64. */
  readonly expected: string | null;
  readonly found: string | null;
  /** For people; no part of what an acknowledgement covers. */
  readonly message: string;
  readonly detail?: Record<string, unknown>;
}

/** A finding with the severity that its code has. */
export function makeFinding(finding: Omit<Finding, 'severity'>): Finding {
  return { severity: findingCodes[finding.code].severity, ...finding };
}

/** The place of a finding on offsets, both inclusive. */
export function offsetsPlace(first: number, last: number): string {
  return `offsets ${first}-${last}`;
}

/**
 * What an acknowledgement names: SHA-256 in base64 of code, topic, partition, generation, place, expected and found, each ended
 * by a newline, "-" for none.
 * @throws CoreError ENCODING_INVALID where one of them holds a newline: two findings could have one hash then
 */
export function findingHash(finding: Omit<Finding, 'severity' | 'message' | 'detail'>): Base64Hash {
  const { code, topic, partition, generation, place, expected, found } = finding;
  const lines = [code, topic, partition, generation, place, expected, found].map((line) => String(line ?? '-'));
  const bad = lines.find((line) => line.includes('\n'));
  if (bad !== undefined) {
    throw new CoreError('ENCODING_INVALID', `a finding's lines hold no newline: ${JSON.stringify(bad)}`, {
      evidence: { found: bad },
    });
  }
  return encodeBase64(sha256(encodeUtf8(lines.map((line) => `${line}\n`).join(''))));
}

export interface VerdictSummary {
  readonly exitCode: 0 | 1 | 3;
  readonly verdict: 'verified' | 'failed' | 'inconclusive';
}

/**
 * What all findings together come to: 1 wins over 3, 3 over 0. That there was nothing to check is a finding too
 * (`nothing-to-check`): without it an empty list is a 0.
 */
export function verdictOf(findings: Iterable<Pick<Finding, 'code'>>): VerdictSummary {
  let exitCode: 0 | 1 | 3 = 0;
  for (const { code } of findings) {
    const { exit } = findingCodes[code];
    if (exit === 1) return { exitCode: 1, verdict: 'failed' };
    if (exit === 3) exitCode = 3;
  }
  return { exitCode, verdict: exitCode === 3 ? 'inconclusive' : 'verified' };
}
