import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. */
export const kafkaErrors = {
  CONFIG_INVALID: 'the Kafka connection settings make no sense; nothing was sent',
  UNREACHABLE: 'no broker could be reached, or the connection was lost before the answer came',
  TIMED_OUT: 'a broker did not answer, or a state did not pass, before the deadline',
  AUTHENTICATION_FAILED: 'a broker refused the user name, the password, the SASL mechanism or the TLS certificate',
  NOT_AUTHORIZED: 'the principal lacks the right (ACL) for this operation',
  TOPIC_MISSING: 'the topic or the partition does not exist, or the principal may not know that it does',
  TOPIC_RECREATED: 'the topic has another id than expected: it was deleted and created again',
  LOG_DIVERGED: 'the partition parts from what was read before: it was truncated or rewritten',
  OFFSET_GAP: 'offsets are missing between two batches, or a batch goes back',
  OFFSET_OUT_OF_RANGE:
    'the offset lies beyond the end of the partition, or its leader epoch is unknown there: records were lost',
  RECORDS_DELETED: 'the offset lies below the log start: records were deleted before they were read',
  NOT_INCLUDED: 'an evidence bundle that holds no such offsets or topic: they were not chosen when it was made',
  BATCH_CRC: 'a record batch does not match its CRC-32C: stored bytes were changed',
  BATCH_MAGIC: 'a record batch is of a format other than magic 2',
  BATCH_INVALID: 'a record batch whose header cannot be right (length, last offset delta or leader epoch)',
  MESSAGE_TOO_LARGE: 'a record or batch has more bytes than the topic takes; sending it again cannot help',
  INVALID_RECORD: 'the broker refuses the record as invalid; sending it again cannot help',
  APPENDER_UNUSABLE:
    'an appender was used after a rejection or while another append was in flight: a programming error',
  BROKER_ERROR: 'the broker answered with an error that has no code of its own here; its name is in the message',
  PROTOCOL: 'an answer of the broker could not be understood',
  CLOSED: 'the connection was closed by its owner',
  ABORTED: 'the caller stopped the operation',
} as const;

export type KafkaErrorCode = keyof typeof kafkaErrors;

export class KafkaError extends TallystickError<KafkaErrorCode> {
  override readonly name = 'KafkaError';
}
