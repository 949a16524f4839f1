import type { ChainPoint } from '@tallystick/core/judge';
import { KafkaError } from '@tallystick/kafka/errors';
import { LedgerError } from '../errors.ts';
import type { SealerContext } from './sealer-context.ts';

// What must hold of the topics before a partition is sealed.

/** Its leaves have a partition of the same number. @throws LedgerError TOPIC_PARTITIONS */
export function checkLeavesPartition({ topics, leavesPartitions }: SealerContext, partition: number): void {
  const found = leavesPartitions();
  if (partition < found) return;
  const message = `${topics.leaves} has ${found} partitions, and none for the leaves of ${topics.events}/${partition}: nothing of it can be sealed. Give it as many partitions as ${topics.events} has.`;
  throw new LedgerError('TOPIC_PARTITIONS', message, { evidence: { topics, expected: partition + 1, found } });
}

/** The topic is the one that its statements are of. @throws KafkaError TOPIC_RECREATED */
export function checkSameTopic({ topic, partition, topicId: expected }: ChainPoint, topicId: string): void {
  if (expected === topicId) return;
  const message = `Topic ${topic} was created anew: its id is ${topicId}, but its statements are of ${expected}.`;
  throw new KafkaError('TOPIC_RECREATED', message, { evidence: { topic, partition, expected, found: topicId } });
}
