import type { ChainPoint } from '@tallystick/core/judge';
import type { GapStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';

// Sealing goes on in both cases, and every verification reports the loss.

/** What a gap statement says, as an alarm. */
export function recordsDeleted({ topic, partition, generation, offsets }: GapStatement): KafkaError {
  const message = `Offsets ${offsets.first} to ${offsets.last} of ${topic}/${partition} were deleted before they were sealed: a gap statement says so, and every verification reports it.`;
  return new KafkaError('RECORDS_DELETED', message, { evidence: { topic, partition, generation, offsets } });
}

/**
 * Records below the log start that the generation covered. Where a prune was accepted the log start may lie there by right; how far is
 * the verifier's to say, for a state tells the index of a prune and not its offset.
 * @returns the alarm, or null where nothing is missing
 */
export function deletedLater(point: ChainPoint, logStart: number): KafkaError | null {
  const { topic, partition, generation, firstOffset, nextSeal, pruned } = point;
  if (nextSeal === 0 || logStart <= firstOffset || pruned.size > 0) return null;
  const message = `Records of ${topic}/${partition} that generation ${generation} covers were deleted: it begins at offset ${firstOffset}, and the log starts at ${logStart}. Sealing goes on.`;
  return new KafkaError('RECORDS_DELETED', message, {
    evidence: { topic, partition, generation, expected: firstOffset, found: logStart },
  });
}
