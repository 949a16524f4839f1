import { randomBytes, randomUUID } from 'node:crypto';
import { encodeBatch, sealCrc } from './batch-encoder.ts';
import { type Clock, systemClock } from './clock.ts';
import { KafkaError } from './errors.ts';
import { topicMissing } from './failures.ts';
import { MemoryPartition, type StoredBatch } from './memory-partition.ts';
import { MemoryRecordLog } from './memory-record-log.ts';
import type { RecordLog, TopicDescription } from './record-log.ts';

export interface MemoryTopicOptions {
  /** Default 1. */
  readonly partitions?: number;
  /** The topic's `max.message.bytes`: the limit of a whole batch. Default 2 MiB. */
  readonly maxMessageBytes?: number;
  /** `message.timestamp.type`: LogAppendTime (default) or CreateTime. */
  readonly appendTime?: boolean;
}

/** What goes wrong in place of, or after, one operation. */
export interface Fault {
  readonly on: 'append' | 'fetch' | 'describe' | 'bounds';
  /** Default: any. */
  readonly topic?: string;
  readonly partition?: number;
  /** Thrown to the caller. For fetch, a number is answered as the partition's error code instead. */
  readonly error: KafkaError | number;
  /** Append only: the records are stored and the answer alone is lost. */
  readonly persisted?: boolean;
  /** How many operations it hits. Default 1. */
  readonly times?: number;
  /** How many matching operations pass before it begins. Default 0. */
  readonly skip?: number;
}

export interface MemoryConnection {
  /** Named in NOT_AUTHORIZED. Default `User:memory`. */
  readonly principal?: string;
  /** Topics that this connection may not read or write. */
  readonly denyRead?: readonly string[];
  readonly denyWrite?: readonly string[];
}

export interface MemoryTopic {
  readonly name: string;
  readonly topicId: string;
  readonly maxMessageBytes: number;
  readonly appendTime: boolean;
  readonly partitions: MemoryPartition[];
}

/**
 * A Kafka cluster in memory: real record batches of magic 2 with CRC-32C and LogAppendTime, leader epochs, the fetch
 * rules of a broker, and the faults that tests need. Held to the same contract suite as the real thing. For tests and
 * simulations: nothing is durable.
 */
export class MemoryCluster {
  /** Never that of another cluster, whatever `random` gives. */
  readonly id = randomUUID();
  /** While true every operation is rejected as UNREACHABLE (retriable). */
  down = false;
  private readonly topics = new Map<string, MemoryTopic>();
  private faults: { fault: Fault; left: number; skip: number }[] = [];
  /** By which fetches and their callers wait. */
  readonly clock: Clock;
  private readonly now: () => number;
  private readonly random: (bytes: number) => Buffer;

  /**
   * @param options.now the clock of LogAppendTime, unix milliseconds
   * @param options.clock by which fetches wait, and who reads and writes through connections
   * @param options.random gives topic ids
   */
  constructor(options: { now?: () => number; clock?: Clock; random?: (bytes: number) => Buffer } = {}) {
    this.now = options.now ?? Date.now;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? randomBytes;
  }

  /** A connection; any number may be open. */
  connect(connection: MemoryConnection = {}): RecordLog {
    return new MemoryRecordLog(this, connection);
  }

  createTopic(name: string, options: MemoryTopicOptions = {}): TopicDescription {
    const partitions = Array.from({ length: options.partitions ?? 1 }, () => new MemoryPartition());
    this.topics.set(name, {
      name,
      topicId: this.random(16).toString('base64url'),
      maxMessageBytes: options.maxMessageBytes ?? 2 * 1024 * 1024,
      appendTime: options.appendTime ?? true,
      partitions,
    });
    return this.describe(name);
  }

  deleteTopic(name: string): void {
    const topic = this.topic(name);
    this.topics.delete(name);
    for (const partition of topic.partitions) partition.wake();
  }

  /** Deletes the topic and creates it again, empty, with another id. */
  recreateTopic(name: string): TopicDescription {
    const { partitions, maxMessageBytes, appendTime } = this.topic(name);
    this.deleteTopic(name);
    return this.createTopic(name, { partitions: partitions.length, maxMessageBytes, appendTime });
  }

  /** Queues a fault. The oldest one that matches is used. */
  inject(fault: Fault): void {
    this.faults.push({ fault, left: fault.times ?? 1, skip: fault.skip ?? 0 });
  }

  clearFaults(): void {
    this.faults = [];
  }

  /** The next appends are stored, but their answer is lost. */
  loseAnswers(times = 1, topic?: string): void {
    const error = new KafkaError('UNREACHABLE', 'The connection was lost before the answer came (injected).', {
      retriable: true,
    });
    this.inject({ on: 'append', error, persisted: true, times, ...(topic === undefined ? {} : { topic }) });
  }

  /** The next appends are refused and nothing of them is stored. */
  rejectAppends(times = 1, error?: KafkaError, topic?: string): void {
    const refusal = error ?? new KafkaError('BROKER_ERROR', 'NOT_ENOUGH_REPLICAS (injected).', { retriable: true });
    this.inject({ on: 'append', error: refusal, times, ...(topic === undefined ? {} : { topic }) });
  }

  /**
   * Appends one batch's bytes as some producer sent them (compressed, odd, broken).
   * @param options.asIs keeps attributes, timestamps and CRC; only base offset and leader epoch are set, as a broker does
   * @returns the base offset
   */
  appendRaw(topic: string, partition: number, batch: Uint8Array, options: { asIs?: boolean } = {}): number {
    return this.partition(topic, partition).append(
      batch,
      options.asIs === true || !this.topic(topic).appendTime ? null : this.now(),
    );
  }

  /** The stored batches, oldest first: the very bytes, so writing into them is tampering. */
  batches(topic: string, partition: number): readonly Buffer[] {
    return this.partition(topic, partition).batches.map(({ bytes }) => bytes);
  }

  /**
   * Flips bits of one stored byte.
   * @param target.offset any offset of the batch
   * @param target.at byte position in the batch; negative counts from its end; default the last byte
   * @param target.mendCrc writes the CRC that fits afterwards, so that it looks as if it had been so always
   */
  flipByte(
    topic: string,
    partition: number,
    target: { offset: number; at?: number; mendCrc?: boolean; mask?: number },
  ): void {
    const batch = this.batchAt(topic, partition, target.offset).bytes;
    const at = target.at ?? -1;
    const place = at < 0 ? batch.length + at : at;
    batch.writeUInt8(batch.readUInt8(place) ^ (target.mask ?? 0x01), place);
    if (target.mendCrc === true) sealCrc(batch);
  }

  /** Writes the CRC that fits into the stored batch at that index: what an attacker does who knows the format. */
  mendCrc(topic: string, partition: number, index: number): void {
    const batch = this.partition(topic, partition).batches[index];
    if (batch !== undefined) sealCrc(batch.bytes);
  }

  /** Puts other bytes in the place of the batch that holds the offset. Nothing of them is adapted. */
  replaceBatch(topic: string, partition: number, offset: number, bytes: Uint8Array): void {
    this.batchAt(topic, partition, offset).bytes = Buffer.from(bytes);
  }

  /** Takes the batch that holds the offset away, as compaction or an attacker would: a gap. */
  removeBatch(topic: string, partition: number, offset: number): void {
    const { batches } = this.partition(topic, partition);
    batches.splice(batches.indexOf(this.batchAt(topic, partition, offset)), 1);
  }

  /** Cuts the log at `to` (whole batches); a new leader epoch begins. */
  truncate(topic: string, partition: number, to: number): void {
    this.partition(topic, partition).truncate(to);
  }

  deleteRecords(topic: string, partition: number, below: number): void {
    this.partition(topic, partition).deleteRecords(below);
  }

  bumpLeaderEpoch(topic: string, partition: number): void {
    this.partition(topic, partition).bumpLeaderEpoch();
  }

  /** The high watermark stays at `at`, as after a failover (KIP-207), until it is released with null. */
  holdHighWatermark(topic: string, partition: number, at: number | null): void {
    this.partition(topic, partition).holdHighWatermark(at);
  }

  // What connections use.

  /** @throws KafkaError TOPIC_MISSING */
  topic(name: string): MemoryTopic {
    const topic = this.topics.get(name);
    if (topic === undefined) throw topicMissing(name);
    return topic;
  }

  topicById(topicId: string): MemoryTopic | undefined {
    return [...this.topics.values()].find((topic) => topic.topicId === topicId);
  }

  /** @throws KafkaError TOPIC_MISSING */
  partition(name: string, partition: number): MemoryPartition {
    const found = this.topic(name).partitions[partition];
    if (found === undefined) throw topicMissing(name, partition);
    return found;
  }

  describe(name: string): TopicDescription {
    const { topicId, partitions } = this.topic(name);
    return {
      name,
      topicId,
      partitions: partitions.map(({ leaderEpoch }, partition) => ({ partition, leader: 0, leaderEpoch })),
    };
  }

  store(topic: MemoryTopic, partition: MemoryPartition, records: Parameters<typeof encodeBatch>[0]): number {
    const now = this.now();
    return partition.append(encodeBatch(records, now), topic.appendTime ? now : null);
  }

  takeFault(on: Fault['on'], topic: string, partition: number | null): Fault | null {
    const index = this.faults.findIndex(
      ({ fault }) =>
        fault.on === on &&
        (fault.topic ?? topic) === topic &&
        (partition === null || (fault.partition ?? partition) === partition),
    );
    const entry = this.faults[index];
    if (entry === undefined) return null;
    if (entry.skip > 0) {
      entry.skip -= 1;
      return null;
    }
    entry.left -= 1;
    if (entry.left === 0) this.faults.splice(index, 1);
    return entry.fault;
  }

  private batchAt(topic: string, partition: number, offset: number): StoredBatch {
    const batch = this.partition(topic, partition).batchAt(offset);
    if (batch === undefined) {
      throw new KafkaError('OFFSET_OUT_OF_RANGE', `No batch of ${topic}/${partition} holds offset ${offset}.`, {
        evidence: { topic, partition, offset },
      });
    }
    return batch;
  }
}
