import { KafkaError, type KafkaErrorCode } from '@tallystick/kafka/errors';
import { LedgerError } from './errors.ts';

/** What the strict reader says when records that were read are no longer there. */
const losses: ReadonlySet<KafkaErrorCode> = new Set([
  'TOPIC_RECREATED',
  'LOG_DIVERGED',
  'OFFSET_OUT_OF_RANGE',
  'OFFSET_GAP',
  'RECORDS_DELETED',
]);

/** An error of reading the seals topic: a loss as SEALS_LOST, which beginning anew from the log mends; any other as it is. */
export function asSealsLost(error: unknown, topic: string): unknown {
  if (!(error instanceof KafkaError) || !losses.has(error.code)) return error;
  const message = `The seals topic ${topic} lost statements that were read before: ${error.message}`;
  return new LedgerError('SEALS_LOST', message, { cause: error, evidence: { ...error.evidence, topic }, fatal: true });
}
