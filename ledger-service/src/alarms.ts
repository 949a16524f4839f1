import { CoreError, type TallystickError } from '@tallystick/core/errors';
import { KafkaError, type KafkaErrorCode } from '@tallystick/kafka/errors';
import { LedgerError, type LedgerErrorCode } from './errors.ts';
import type { Alarm } from './status.ts';

const generation =
  'Find out who did this. The partition stays stopped; the others go on. Beginning it anew, with a root-signed genesis, comes with a later release.';
const restore =
  'Find out what became of the seals topic. Restore it, or make the statements good from a copy; nothing is sealed before. Do not delete the state folder: it is the evidence.';
const rights = 'Check the ACLs and the login of the ledger; it goes on by itself.';
const wait = 'Check the brokers; the ledger goes on by itself.';

const todos: Partial<Record<LedgerErrorCode | KafkaErrorCode, string>> = {
  SEALS_LOST: restore,
  FORK: 'Two statements contradict each other or the records: run "tallystick verify" and treat the seal keys as compromised until it is known why.',
  RECORDS_DISAGREE:
    'Run "tallystick verify": the records of a sealed batch were changed. Restore them, then start the ledger again.',
  UNKNOWN_STATEMENT: 'Update this ledger to the release that wrote the statement.',
  TOPIC_SETTINGS:
    'Find out who changed it, and run "tallystick verify": records may be gone already. The alarm goes when it is right again.',
  UNSEALABLE: generation,
  KEY_NOT_VALID: 'Give the ledger a seal key that an accepted key statement adds.',
  STATEMENT_REFUSED: 'Run "tallystick verify" and report this with its output.',
  STATE_NOT_WRITTEN: 'Make room or set the rights of the state folder.',
  TOPIC_RECREATED: generation,
  TOPIC_MISSING: 'Create the topic, or correct its name; if it was deleted, find out who did it.',
  LOG_DIVERGED: generation,
  OFFSET_OUT_OF_RANGE: generation,
  OFFSET_GAP: generation,
  RECORDS_DELETED:
    'Records were deleted before they were sealed: find out who did it. This release writes no gap; the partition stays stopped.',
  BATCH_CRC: 'Stored bytes were changed: restore the log segment from a replica, then start the ledger again.',
  BATCH_MAGIC: generation,
  BATCH_INVALID: generation,
  MESSAGE_TOO_LARGE:
    "Raise max.message.bytes of the topic to the 2 MiB that Tallystick's topics have, then start the ledger again.",
  NOT_AUTHORIZED: rights,
  AUTHENTICATION_FAILED: rights,
  UNREACHABLE: wait,
  TIMED_OUT: wait,
  BROKER_ERROR: wait,
};

/** What went wrong, as an alarm at a place. */
export function alarmOf(error: unknown, place: string, since: number): Alarm {
  const known = asTallystickError(error);
  const todo = (todos as Record<string, string | undefined>)[known.code] ?? 'Report this with the log of the ledger.';
  return { code: known.code, message: known.message, place, todo, since };
}

/** Errors that another try can mend: whatever has to do with reaching the brokers and being let in. */
export function canPass(error: unknown): boolean {
  if (!(error instanceof KafkaError)) return false;
  return error.retriable || passing.has(error.code);
}

// Somebody may grant the right, mend the login or create the topic: then sealing goes on where it stood. A topic that comes back with
// another id stops the partition as re-created.
const passing: ReadonlySet<KafkaErrorCode> = new Set([
  'UNREACHABLE',
  'TIMED_OUT',
  'BROKER_ERROR',
  'NOT_AUTHORIZED',
  'AUTHENTICATION_FAILED',
  'TOPIC_MISSING',
  'PROTOCOL',
  'APPENDER_UNUSABLE',
]);

/** Any error as one with a code. */
export function asTallystickError(error: unknown): TallystickError {
  if (error instanceof CoreError && error.code === 'BATCH_MALFORMED') {
    return new LedgerError('UNSEALABLE', error.message, { cause: error, evidence: error.evidence, fatal: true });
  }
  if (error instanceof KafkaError || error instanceof LedgerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LedgerError('UNEXPECTED', `An error that was not expected: ${message}`, { cause: error, fatal: true });
}
