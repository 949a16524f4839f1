import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. Those of alarms are also codes of the kafka package. */
export const ledgerErrors = {
  CONFIG_INVALID: 'a setting of the ledger makes no sense; nothing was read or written',
  KEY_STATEMENT_INVALID:
    'what is given as a key statement is no note of one that the root key signed for this log, or is out of order',
  KEY_FILE_MISSING: 'a key file cannot be read',
  KEY_FILE_MODE: 'others than its owner may read a key file',
  KEY_FILE_INVALID: 'a key file does not hold a signer key, or holds it in another form than is said',
  KEY_PASSPHRASE_MISSING: 'a key file is encrypted and no passphrase is given',
  KEY_PASSPHRASE_WRONG: 'an encrypted key file does not open: another passphrase, or the file was altered',
  SIGNER_UNAVAILABLE: 'a signer over HTTP does not answer or cannot sign now; signing is tried again',
  SIGNER_REFUSED: 'a signer over HTTP refuses to sign',
  SIGNER_INVALID: 'a signer over HTTP holds another key, or gives what is no signature of it',
  KEY_NOT_VALID:
    'no accepted key statement adds the seal key of this ledger, or it was retired; nothing is sealed with it',
  ROOT_KEY_WRONG: 'the seals topic holds statements, but none under the root key given',
  STATE_NOT_READ:
    'a file in the state folder cannot be read; nothing is published until it can, for it says what was published before',
  STATE_NOT_WRITTEN: 'a file in the state folder cannot be written; sealing goes on',
  TOPIC_SETTINGS: 'a topic has settings under which records can vanish or change; it is not sealed',
  TOPIC_PARTITIONS:
    'the seals topic has more than one partition, or the leaves topic has fewer than the events topic: those without are not sealed',
  SEALS_LOST:
    'the seals topic lacks statements that were accepted: it was emptied, created anew or rolled back. What the log holds is produced again',
  UNKNOWN_STATEMENT: 'the seals topic holds a valid statement of a later version: this release must not go on',
  FORK: 'another valid statement won, and the records do not give what it says',
  RECORDS_DISAGREE: 'the records of a sealed batch are not what was sealed',
  UNSEALABLE: 'the partition holds a batch that is never sealed',
  STATEMENT_REFUSED: 'a statement of this ledger was not accepted although nothing else won',
  WITNESS_UNAVAILABLE: 'a witness does not answer, or not in time, or has a fault that passes',
  WITNESS_REFUSED: 'a witness does not cosign the checkpoint; its status and words are in the message',
  WITNESS_INVALID: 'a witness answered, but what it says does not verify',
  LOG_STORE_UNAVAILABLE:
    'the store of the published log or of its checkpoints does not answer or has no room; it is tried again',
  LOG_STORE_INVALID: 'the store of the published log or of its checkpoints refuses, or holds what it must not hold',
  CHECKPOINT_INVALID: 'the stored checkpoint is none of this log, or no log key held signed it',
  CHECKPOINT_ROLLED_BACK:
    'the newest stored checkpoint is smaller than one that was seen signed before; nothing is published, sealing goes on',
  LOG_FORKED:
    'two checkpoints with a signature of this log are not of one growing tree; nothing is published, no proofs are made',
  LOG_DAMAGED: 'tiles or entries of the published log are missing or wrong, and could not be made again',
  LOG_REFUSED: 'the log holds an entry that does not count, under a signed checkpoint: it was tampered with',
  SNAPSHOT_UNUSABLE: 'the snapshot of the log is missing or not usable; the log was read from its start',
  WITNESS_QUORUM:
    'the witnesses have not cosigned for too long, or the published checkpoint lacks their quorum: it falls behind, or no proofs are made from it; sealing goes on',
  REQUEST_MALFORMED: 'a request for a proof names no topic, partition and offset',
  PARTITION_UNKNOWN: 'a proof is asked for of a partition of which the published log says nothing',
  OFFSET_BEYOND_END: 'a proof is asked for of an offset beyond the end of its partition',
  OFFSET_NOT_COVERED: 'a proof is asked for of an offset that is in no seal and will be in none',
  OFFSET_IN_GAP: 'a proof is asked for of an event that was deleted before it was sealed',
  NOT_SEALED_YET: 'a proof is asked for of an event that is not sealed yet',
  NOT_PUBLISHED_YET: 'a proof is asked for of an event whose seal is in no published checkpoint yet',
  EVENT_GONE: 'neither the leaves nor the records of a sealed batch are there, so that no proof can be made',
  PROOF_LATE: 'a proof was not ready in time; what was read for it is kept',
  SERVER_BUSY: 'too many proofs are being made at once',
  SERVE_LISTEN: 'the log cannot be served at the address given; it is tried again',
  UNEXPECTED: 'an error that this release did not expect: please report it',
} as const;

export type LedgerErrorCode = keyof typeof ledgerErrors;

export class LedgerError extends TallystickError<LedgerErrorCode> {
  override readonly name = 'LedgerError';
}
