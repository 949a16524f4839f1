import { KafkaError } from '@tallystick/kafka/errors';
import type { FetchRequest, FetchResponse, RecordLog, TopicDescription } from '@tallystick/kafka/record-log';
import type { Bounds } from '../domain/shards.ts';
import { IdleClock } from './idle-clock.ts';

/** One stored batch, and where a broker's index says that it lies: what its altered header says is served as it is. */
export interface CopiedBatch {
  bytes: Buffer;
  first: number;
  /** Inclusive. */
  last: number;
}

export interface CopiedPartition {
  logStart: number;
  highWatermark: number;
  /** In the order in which they are served. */
  batches: CopiedBatch[];
}

export interface CopiedTopic {
  /** Kafka's text form. */
  topicId: string;
  partitions: CopiedPartition[];
}

/** Kafka's error codes of a fetch. */
const offsetOutOfRange = 1;
const unknownTopicOrPartition = 3;
const unknownTopicId = 100;

/**
 * A copy of some topics as plain bytes, to be altered at will and read like a cluster. What it was copied from is never touched:
 * nothing leads back there, and it takes no writes. It answers at once; who waits for more waits on a clock of its own.
 */
export class CopiedLog implements RecordLog {
  readonly clock = new IdleClock();
  /** By name. Whoever changes what is in here alters the copy. */
  readonly topics: Map<string, CopiedTopic>;

  constructor(topics: ReadonlyMap<string, CopiedTopic>) {
    this.topics = new Map(topics);
  }

  /** A copy of the copy, which shares no byte with it. */
  clone(): CopiedLog {
    const topics = new Map<string, CopiedTopic>();
    for (const [name, topic] of this.topics) topics.set(name, cloneTopic(topic));
    return new CopiedLog(topics);
  }

  /** @throws KafkaError TOPIC_MISSING */
  topic(name: string): CopiedTopic {
    const topic = this.topics.get(name);
    if (topic === undefined) throw missing(name, null);
    return topic;
  }

  /** @throws KafkaError TOPIC_MISSING */
  partition(name: string, partition: number): CopiedPartition {
    const found = this.topic(name).partitions[partition];
    if (found === undefined) throw missing(name, partition);
    return found;
  }

  async describeTopic(name: string): Promise<TopicDescription> {
    await Promise.resolve();
    const { topicId, partitions } = this.topic(name);
    return { name, topicId, partitions: partitions.map((_, partition) => ({ partition, leader: 0, leaderEpoch: 0 })) };
  }

  async bounds(name: string, partition: number): Promise<Bounds> {
    await Promise.resolve();
    const { logStart, highWatermark } = this.partition(name, partition);
    return { logStart, highWatermark };
  }

  async fetch(request: FetchRequest): Promise<FetchResponse> {
    await Promise.resolve();
    const { topicId, partition, offset, maxBytes, maxWaitMs } = request;
    const topic = [...this.topics.values()].find((each) => each.topicId === topicId);
    if (topic === undefined) return refusal(unknownTopicId);
    const stored = topic.partitions[partition];
    if (stored === undefined) return refusal(unknownTopicOrPartition);
    const { logStart, highWatermark } = stored;
    if (offset < logStart || offset > highWatermark) return refusal(offsetOutOfRange);
    const records = read(stored, offset, maxBytes);
    // As a broker does, which readers are paced by: where there is nothing it waits for something.
    if (records.length === 0) await this.passes(maxWaitMs);
    return { error: 0, highWatermark, logStart, diverging: null, records };
  }

  /** @throws KafkaError INVALID_RECORD always: a copy takes no writes */
  async createAppender(): Promise<never> {
    await Promise.resolve();
    throw new KafkaError('INVALID_RECORD', 'A copy of a log takes no writes.');
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  private async passes(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.clock.after(ms, resolve));
  }
}

/** As a broker does: the first batch whole whatever its size, then up to `maxBytes`, which may cut the last one. */
function read({ batches, highWatermark }: CopiedPartition, offset: number, maxBytes: number): Uint8Array {
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const batch of batches) {
    if (batch.last < offset) continue;
    if (batch.last >= highWatermark || (bytes > 0 && bytes >= maxBytes)) break;
    parts.push(batch.bytes);
    bytes += batch.bytes.length;
  }
  return new Uint8Array(Buffer.concat(parts).subarray(0, Math.max(maxBytes, parts[0]?.length ?? 0)));
}

function cloneTopic({ topicId, partitions }: CopiedTopic): CopiedTopic {
  return {
    topicId,
    partitions: partitions.map(({ logStart, highWatermark, batches }) => ({
      logStart,
      highWatermark,
      batches: batches.map(({ bytes, first, last }) => ({ bytes: Buffer.from(bytes), first, last })),
    })),
  };
}

function refusal(error: number): FetchResponse {
  return { error, highWatermark: -1, logStart: -1, diverging: null, records: new Uint8Array() };
}

function missing(topic: string, partition: number | null): KafkaError {
  const what = partition === null ? `Topic ${topic}` : `Partition ${partition} of topic ${topic}`;
  return new KafkaError('TOPIC_MISSING', `${what} is not in this copy.`, { evidence: { topic, partition } });
}
