import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { type Context, deploymentOf } from './context.ts';
import type { Deployment } from './deployment.ts';

export interface PartitionSealing {
  readonly partition: number;
  readonly logStart: number;
  readonly highWatermark: number;
  /** Offset after the last sealed one; null where there is no accepted genesis yet. */
  readonly sealed: number | null;
  /** Records that are not sealed yet. */
  readonly lag: number;
}

export interface Sealing {
  readonly partitions: readonly PartitionSealing[];
  readonly lag: number;
}

/** How far sealing is, as the statements and the broker say, read with the verifier's rights: it asks no ledger. */
export async function readSealing(context: Context): Promise<Sealing> {
  const deployment = deploymentOf(context);
  const log = connectRecordLog(deployment.kafka('verifier'));
  try {
    const { events } = deployment.topics;
    const judge = await judgeSeals(log, deployment);
    const { partitions: described } = await log.describeTopic(events);
    const partitions = await Promise.all(
      described.map(async ({ partition }): Promise<PartitionSealing> => {
        const { logStart, highWatermark } = await log.bounds(events, partition);
        const sealed = judge.partition(events, partition)?.nextOffset ?? null;
        return { partition, logStart, highWatermark, sealed, lag: Math.max(0, highWatermark - (sealed ?? logStart)) };
      }),
    );
    partitions.sort((a, b) => a.partition - b.partition);
    return { partitions, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) };
  } finally {
    await log.close();
  }
}

async function judgeSeals(log: RecordLog, deployment: Deployment): Promise<Judge> {
  const judge = new Judge({
    origin: deployment.origin,
    rootKey: deployment.rootKey,
    verify: nodeVerifyEd25519,
    remember: 1000,
  });
  const topic = deployment.topics.seals;
  const { topicId } = await log.describeTopic(topic);
  const { logStart } = await log.bounds(topic, 0);
  for await (const { batches } of readPartition({ log, topic, topicId, partition: 0, from: logStart })) {
    for (const { bytes, header } of batches) {
      const parsed = header.control ? null : parseBatch(bytes, header, nodeCodecs);
      if (parsed === null || !parsed.parsed) continue;
      for (const { offset, value } of recordsOf(parsed)) judge.offer(value, { in: 'seals', offset });
    }
  }
  return judge;
}
