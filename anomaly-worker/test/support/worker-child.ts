// A worker as a process of its own, so that a test can kill it. Argument: JSON.
import { parseVerifierKey } from '@tallystick/core/note';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { silentLogger } from '@tallystick/kafka/logger';
import type { TopicNames } from '@tallystick/kafka/record-log';
import type { ClickHouseConfig } from '../../src/clickhouse.ts';
import { startWorker } from '../../src/worker.ts';

export interface ChildArguments {
  readonly kafka: KafkaConfig;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly rootKey: string;
  readonly registry: string;
  readonly clickhouse: ClickHouseConfig;
  readonly rows: number;
}

const given = JSON.parse(process.argv[2] ?? '') as ChildArguments;
const log = connectRecordLog(given.kafka);
const worker = startWorker({
  log,
  topics: given.topics,
  origin: given.origin,
  rootKey: parseVerifierKey(given.rootKey),
  registry: { url: given.registry },
  clickhouse: given.clickhouse,
  logger: silentLogger,
  limits: { rows: given.rows, ageMs: 50, stateEvents: 1_000 },
});
await worker.done;
