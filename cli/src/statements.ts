import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge, type Outcome } from '@tallystick/core/judge';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { Deployment } from './deployment.ts';
import type { KafkaRole } from './settings.ts';

/** What the statements say, judged by the one rule that ledger and verifier share. */
export interface Statements {
  readonly judge: Judge;
  /** Offset in the seals topic after the last record that was read. */
  readonly end: number;
}

export interface ReadOptions {
  /** Called with what was read at each offset of the seals topic. */
  readonly onOutcome?: (outcome: Outcome, offset: number) => void;
}

/** Reads and judges all that the seals topic holds now. @throws KafkaError; CliError where Kafka is not configured */
export async function readStatements(
  log: RecordLog,
  deployment: Deployment,
  { onOutcome }: ReadOptions = {},
): Promise<Statements> {
  const { origin, rootKey } = deployment;
  const judge = new Judge({ origin, rootKey, verify: nodeVerifyEd25519, remember: 1000 });
  const topic = deployment.topics.seals;
  const { topicId } = await log.describeTopic(topic);
  const { logStart, highWatermark } = await log.bounds(topic, 0);
  let end = Math.max(logStart, highWatermark);
  for await (const { batches, nextOffset } of readPartition({ log, topic, topicId, partition: 0, from: logStart })) {
    end = Math.max(end, nextOffset);
    for (const { bytes, header } of batches) {
      const parsed = header.control ? null : parseBatch(bytes, header, nodeCodecs);
      if (parsed === null || !parsed.parsed) continue;
      for (const { offset, value } of recordsOf(parsed)) {
        const outcome = judge.offer(value, { in: 'seals', offset });
        onOutcome?.(outcome, offset);
      }
    }
  }
  return { judge, end };
}

/** Opens Kafka under the login of a role for the time of `work`. */
export async function withLog<T>(
  deployment: Deployment,
  role: KafkaRole,
  work: (log: RecordLog) => Promise<T>,
): Promise<T> {
  const log = connectRecordLog(deployment.kafka(role));
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}
