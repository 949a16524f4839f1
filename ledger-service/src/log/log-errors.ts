import { encodeBase64 } from '@tallystick/core/encoding';
import { LedgerError } from '../errors.ts';

type Evidence = Readonly<Record<string, unknown>>;

/** The stored or published checkpoint is none of this log, or no log key held signed it: nothing is built on it. */
export function checkpointInvalid(where: string, cause: unknown): LedgerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LedgerError('CHECKPOINT_INVALID', `The ${where} cannot be used: ${why}.`, { cause, evidence: { where } });
}

/** Tiles or entries are missing, or do not give the root of the checkpoint. */
export function logDamaged(message: string, evidence: Evidence, cause?: unknown): LedgerError {
  return new LedgerError('LOG_DAMAGED', message, { evidence, cause });
}

/** The log holds, under its own signed root, an entry that does not count: it was written by nobody who follows the protocol. */
export function logRefused(index: number, outcome: string): LedgerError {
  return new LedgerError(
    'LOG_REFUSED',
    `Entry ${index} of the log is not a statement that counts there (${outcome}), although a signed checkpoint holds it: the log was tampered with, or its log key was used by somebody else.`,
    { evidence: { index, expected: 'accepted', found: outcome }, fatal: true },
  );
}

export function unknownStatement(place: string, kind: string): LedgerError {
  return new LedgerError(
    'UNKNOWN_STATEMENT',
    `${place} is a valid ${JSON.stringify(kind)}, which this release does not know.`,
    { evidence: { place, kind }, fatal: true },
  );
}

/** What is stored is smaller than what was seen signed before. */
export function rolledBack(what: string, expected: number, found: number | null, cause?: unknown): LedgerError {
  return new LedgerError(
    'CHECKPOINT_ROLLED_BACK',
    `${what} was of size ${expected}, and the newest stored checkpoint ${found === null ? 'is gone' : `has size ${found}`}: the checkpoint store was rolled back. Nothing is published, so that no second history is signed.`,
    { evidence: { what, expected, found }, fatal: true, cause },
  );
}

/** What is published is smaller than what was published before; what is stored need not be. */
export function publishedRolledBack(expected: number, found: number | null): LedgerError {
  const now = found === null ? 'is gone' : `has size ${found}`;
  return new LedgerError(
    'CHECKPOINT_ROLLED_BACK',
    `The published checkpoint was of size ${expected}, and now ${now}: somebody put an older one in its place. No proofs are made until the publisher has put the newest one there again, which it does within a minute unless the checkpoint store was rolled back, too.`,
    { evidence: { expected, found }, fatal: true },
  );
}

/** Two signed checkpoints that are not of one growing tree. */
export function logForked(what: string, evidence: Evidence): LedgerError {
  return new LedgerError(
    'LOG_FORKED',
    `${what} is not of the same tree as the newest stored checkpoint, and both carry a signature of this log: two histories were signed. Nothing is published.`,
    { evidence, fatal: true },
  );
}

/** Two published checkpoints of one size; it is said what the roots are, for who is told keeps them. */
export function publishedForked(size: number, before: Uint8Array, now: Uint8Array): LedgerError {
  const [expected, found] = [encodeBase64(before), encodeBase64(now)];
  return new LedgerError(
    'LOG_FORKED',
    `Two published checkpoints of size ${size} have two roots, first ${expected}, then ${found}, and both carry a signature of this log: two histories were signed. No proofs are made from the second.`,
    { evidence: { size, expected, found }, fatal: true },
  );
}

/** The published checkpoint is of this log, but not one that counts by the policy. */
export function publishedWithoutQuorum(size: number, cause: Error): LedgerError {
  return new LedgerError(
    'WITNESS_QUORUM',
    `The published checkpoint of size ${size} does not count by the policy: ${cause.message}. No proofs are made from it.`,
    { cause, evidence: { size }, retriable: true },
  );
}

/** Which snapshot was not used, and why: a start takes longer, nothing else. */
export function snapshotUnusable(why: string, cause?: unknown, evidence: Evidence = {}): LedgerError {
  return new LedgerError(
    'SNAPSHOT_UNUSABLE',
    `The snapshot of the log is not used: ${why}. It is replaced by the next one; this start reads the log from its beginning.`,
    { cause, evidence },
  );
}
