import { setTimeout } from 'node:timers/promises';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Appender, FetchRequest, FetchResponse, RecordLog, TopicDescription } from '@tallystick/kafka/record-log';
import type { Bounds } from '../domain/shards.ts';
import type { BundlePartition } from './bundle-partition.ts';
import type { StoredTopic } from './manifest.ts';

export interface BundleTopic {
  readonly stored: StoredTopic;
  readonly partitions: ReadonlyMap<number, BundlePartition>;
}

// Kafka's error codes ("Error Codes").
const unknownPartition = 3;
const unknownTopicId = 100;

/** The records of a bundle as the port that the verifier reads a cluster through. */
export class BundleRecords implements RecordLog {
  readonly principal = 'The reader of this bundle';
  private readonly byName = new Map<string, BundleTopic>();
  private readonly byId = new Map<string, BundleTopic>();
  private readonly missing: ReadonlySet<string>;
  private readonly named: () => Promise<string | null>;
  private open = true;

  /** @param named which bundle this is, as `source` */
  constructor(topics: Iterable<BundleTopic>, missing: readonly string[], named: () => Promise<string | null>) {
    this.named = named;
    for (const topic of topics) {
      this.byName.set(topic.stored.name, topic);
      this.byId.set(topic.stored.topicId, topic);
    }
    this.missing = new Set(missing);
  }

  async describeTopic(name: string): Promise<TopicDescription> {
    await this.enter();
    const { topicId, partitions } = this.topic(name).stored;
    return {
      name,
      topicId,
      partitions: partitions.map(({ partition, leader, leaderEpoch }) => ({ partition, leader, leaderEpoch })),
    };
  }

  async fetch(request: FetchRequest): Promise<FetchResponse> {
    await this.enter();
    const topic = this.byId.get(request.topicId);
    const partition = topic?.partitions.get(request.partition);
    if (partition === undefined) {
      const error = topic === undefined ? unknownTopicId : unknownPartition;
      return { error, highWatermark: -1, logStart: -1, diverging: null, records: new Uint8Array() };
    }
    const answer = await partition.fetch(request);
    // Nothing ever comes: who waits for it waits as long as at a broker.
    if (answer.error === 0 && answer.records.length === 0) await setTimeout(request.maxWaitMs);
    return answer;
  }

  async bounds(name: string, partition: number): Promise<Bounds> {
    await this.enter();
    const found = this.topic(name).partitions.get(partition);
    if (found === undefined)
      throw missing(`Topic ${name} of the bundle has no partition ${partition}.`, { topic: name, partition });
    const { logStart, highWatermark } = found.stored;
    return { logStart, highWatermark };
  }

  async source(): Promise<string | null> {
    await this.enter();
    return await this.named();
  }

  async createAppender(): Promise<Appender> {
    await this.enter();
    throw new KafkaError('NOT_AUTHORIZED', 'A bundle is only read: nothing can be appended to it.');
  }

  async close(): Promise<void> {
    this.open = false;
    await Promise.resolve();
  }

  private async enter(): Promise<void> {
    await Promise.resolve();
    if (!this.open) throw new KafkaError('CLOSED', 'The bundle was closed; open it again.');
  }

  private topic(name: string): BundleTopic {
    const found = this.byName.get(name);
    if (found !== undefined) return found;
    if (this.missing.has(name)) {
      throw missing(`Topic ${name} did not exist, or could not be seen, when the bundle was made.`, { topic: name });
    }
    throw new KafkaError('NOT_INCLUDED', `The bundle says nothing of a topic ${name}. Check the name.`, {
      evidence: { topic: name },
    });
  }
}

function missing(message: string, evidence: Record<string, unknown>): KafkaError {
  return new KafkaError('TOPIC_MISSING', message, { evidence });
}
