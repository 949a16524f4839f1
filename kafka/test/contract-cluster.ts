import type { FetchRequest, RecordLog, TopicDescription } from '@tallystick/kafka/record-log';
import { expect } from 'vitest';
import { record } from './records.ts';

/** What the contract suite needs of an implementation: a log with all rights, and hands on the cluster. */
export interface ContractCluster {
  connect(): RecordLog;
  /** A topic of its own name with 2 partitions, LogAppendTime and `max.message.bytes` as given (default 2 MiB). */
  createTopic(options?: { maxMessageBytes?: number }): Promise<TopicDescription>;
  recreateTopic(name: string): Promise<TopicDescription>;
  deleteTopic(name: string): Promise<void>;
  deleteRecords(topic: string, partition: number, below: number): Promise<void>;
  close(): Promise<void>;
}

/** What each part of the suite works on; filled in before its first test. */
export interface Bench {
  readonly cluster: ContractCluster;
  readonly log: RecordLog;
}

export const KiB = 1024;

export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

export function request(topic: TopicDescription, changes: Partial<FetchRequest> = {}): FetchRequest {
  return {
    topic: topic.name,
    topicId: topic.topicId,
    partition: 0,
    offset: 0,
    lastFetchedEpoch: -1,
    maxBytes: 64 * KiB,
    maxWaitMs: 0,
    ...changes,
  };
}

export function readerOptions(bench: Bench, topic: TopicDescription, changes: object = {}) {
  return { log: bench.log, topic: topic.name, topicId: topic.topicId, partition: 0, from: 0, ...changes };
}

/** A topic with `batches` batches of three records each in partition 0: values "0" to "3n-1". */
export async function filledTopic({ cluster, log }: Bench, batches: number, size = 1): Promise<TopicDescription> {
  const topic = await cluster.createTopic();
  const appender = await log.createAppender();
  for (let batch = 0; batch < batches; batch += 1) {
    const records = [0, 1, 2].map((index) => record(`${batch * 3 + index}`.padEnd(size, ' ')));
    expect(await appender.append(topic.name, 0, records)).toEqual({ baseOffset: batch * 3 });
  }
  appender.drop();
  return topic;
}
