import { CoreError, TallystickError } from '@tallystick/core/errors';
import { KafkaError, type KafkaErrorCode } from '@tallystick/kafka/errors';
import { LedgerError, type LedgerErrorCode } from './errors.ts';
import type { Alarm } from './status.ts';

const generation =
  'Run "tallystick verify" and find out who did this. The partition stays stopped; the others go on. "tallystick generation" begins it anew with a statement of the root key; sealing then goes on by itself.';
const mend = 'Restore the log segment from a replica or a backup: it is tried again every half minute.';
const rights = 'Check the ACLs and the login of the ledger; it goes on by itself.';
const wait = 'Check the brokers; the ledger goes on by itself.';

const todos: Partial<Record<LedgerErrorCode | KafkaErrorCode, string>> = {
  SEALS_LOST:
    'Find out what became of the seals topic, and run "tallystick verify". What the published log holds is produced again, what was only pending is sealed anew. The alarm is over once the topic was found whole.',
  FORK: 'Two statements contradict each other or the records: run "tallystick verify" and treat the seal keys as compromised until it is known why.',
  RECORDS_DISAGREE:
    'Run "tallystick verify": the records of a sealed batch were changed. Restore them (it is tried again every half minute), or begin a generation with "tallystick generation".',
  UNKNOWN_STATEMENT: 'Update this ledger to the release that wrote the statement.',
  TOPIC_SETTINGS:
    'Find out who changed it, and run "tallystick verify": records may be gone already. The alarm goes when it is right again.',
  UNSEALABLE: generation,
  TOPIC_PARTITIONS:
    'Give the leaves topic as many partitions as the events topic, and the seals topic one; the ledger goes on by itself.',
  KEY_NOT_VALID:
    'Give the ledger a seal key that an accepted key statement adds, or add this one ("tallystick keys add"): sealing then goes on by itself.',
  ROOT_KEY_WRONG: 'Give the root key of this log, or another seals topic.',
  SIGNER_UNAVAILABLE: 'Check the signer and the way to it; the ledger goes on by itself.',
  SIGNER_REFUSED: "Check the signer's rights and token; it is tried again every half minute.",
  SIGNER_INVALID: 'Give the signer the key of this log, or correct its address; it is tried again every half minute.',
  LOG_STORE_UNAVAILABLE: 'Check the folder or bucket of the log and of its checkpoints; the ledger goes on by itself.',
  LOG_STORE_INVALID: 'Mend what the message says of the store of the log or of its checkpoints.',
  CHECKPOINT_INVALID: 'Give the log keys and the checkpoint store of this log, or find out who wrote into the store.',
  CHECKPOINT_ROLLED_BACK:
    'Restore the checkpoint store; the larger checkpoint is where the message says. Never delete that one to be rid of the alarm.',
  LOG_FORKED:
    'Keep both checkpoints, run "tallystick verify", and treat the log key as compromised until it is known why.',
  LOG_DAMAGED:
    'Find out who changed the published log. What the seals topic still holds is made again by itself; restore the rest from a backup.',
  LOG_REFUSED: 'Run "tallystick verify" and treat the log key as compromised: nothing goes on from such a log.',
  SNAPSHOT_UNUSABLE: 'Nothing: the next publishing writes a new one. If it comes back, find out who changes it.',
  WITNESS_QUORUM:
    "Look at the witnesses' alarms, and at who else writes the published checkpoint; it goes on by itself once the quorum is reached.",
  WITNESS_UNAVAILABLE: 'Check the witness and the way to it; it is asked again by itself.',
  WITNESS_REFUSED:
    'Read what the witness says: 422 means that it knows another history of this log; a larger size that the checkpoint store was rolled back, or that it lies; else give its operator the vkey of this log.',
  WITNESS_INVALID: 'Check that URL and vkey in the policy are of one witness, and both clocks.',
  SERVE_LISTEN: 'Find out who listens there (log.listen), or give another port; it is tried again every half minute.',
  STATEMENT_REFUSED: 'Run "tallystick verify" and report this with its output.',
  STATE_NOT_READ: 'Set the rights of the state folder, or mend its disk; publishing goes on by itself.',
  STATE_NOT_WRITTEN: 'Make room or set the rights of the state folder.',
  TOPIC_RECREATED: generation,
  TOPIC_MISSING: 'Create the topic, or correct its name; if it was deleted, find out who did it.',
  LOG_DIVERGED: generation,
  OFFSET_OUT_OF_RANGE: generation,
  OFFSET_GAP: mend,
  RECORDS_DELETED:
    'Find out who deleted them: nobody should have the right. Sealing goes on; "tallystick verify" says which are gone.',
  BATCH_CRC: mend,
  BATCH_MAGIC: mend,
  BATCH_INVALID: mend,
  MESSAGE_TOO_LARGE:
    "Raise max.message.bytes of the topic to the 2 MiB that Tallystick's topics have; it is tried again every half minute.",
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

/** Errors that another try can mend: whatever has to do with reaching brokers, stores and signers and being let in. */
export function canPass(error: unknown): boolean {
  if (!(error instanceof TallystickError)) return false;
  return error.retriable || (error instanceof KafkaError && passing.has(error.code));
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
  if (error instanceof TallystickError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LedgerError('UNEXPECTED', `An error that was not expected: ${message}`, { cause: error, fatal: true });
}
