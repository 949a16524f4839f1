import { batchBytesAtMost, encodeBatch } from './batch-encoder.ts';
import type { Clock } from './clock.ts';
import { KafkaError } from './errors.ts';
import { brokerError, closed, messageTooLarge, notAuthorized } from './failures.ts';
import type { Fault, MemoryCluster, MemoryConnection } from './memory-log.ts';
import type {
  Appender,
  FetchRequest,
  FetchResponse,
  RecordLog,
  RecordToAppend,
  TopicDescription,
} from './record-log.ts';

const nothing = { highWatermark: -1, logStart: -1, diverging: null, records: new Uint8Array() };

/** One connection to a MemoryCluster. Every call yields once, so that callers meet the same interleavings as on a network. */
export class MemoryRecordLog implements RecordLog {
  readonly cluster: MemoryCluster;
  readonly principal: string;
  readonly clock: Clock;
  /** Answers are as large as was asked for. */
  readonly random = (): number => 0;
  private readonly connection: MemoryConnection;
  private open = true;

  constructor(cluster: MemoryCluster, connection: MemoryConnection) {
    this.cluster = cluster;
    this.clock = cluster.clock;
    this.connection = connection;
    this.principal = connection.principal ?? 'User:memory';
  }

  async describeTopic(topic: string): Promise<TopicDescription> {
    await this.enter();
    this.throwFault('describe', topic, null);
    if (this.denied('denyRead', topic) && this.denied('denyWrite', topic))
      throw notAuthorized(this.principal, 'Describe', `topic ${topic}`);
    return this.cluster.describe(topic);
  }

  async fetch(request: FetchRequest): Promise<FetchResponse> {
    const { topic, partition, maxWaitMs } = request;
    await this.enter();
    const fault = this.cluster.takeFault('fetch', topic, partition);
    if (typeof fault?.error === 'number') return { error: fault.error, ...nothing };
    if (fault !== null) throw fault.error;
    const deadline = this.clock.monotonic() + maxWaitMs;
    for (;;) {
      const found = this.cluster.topicById(request.topicId);
      if (found === undefined) return { error: brokerError.unknownTopicId, ...nothing };
      if (this.denied('denyRead', found.name)) return { error: brokerError.topicAuthorizationFailed, ...nothing };
      const log = found.partitions[partition];
      if (log === undefined) return { error: brokerError.unknownTopicOrPartition, ...nothing };
      const answer = { ...log.read(request), leaderEpoch: log.leaderEpoch };
      const left = deadline - this.clock.monotonic();
      if (answer.error !== 0 || answer.diverging !== null || answer.records.length > 0 || left <= 0) return answer;
      await log.changed(left, this.clock);
      this.check();
    }
  }

  async bounds(topic: string, partition: number): Promise<{ logStart: number; highWatermark: number }> {
    await this.enter();
    this.throwFault('bounds', topic, partition);
    const { logStart, highWatermark } = this.cluster.partition(topic, partition);
    return { logStart, highWatermark };
  }

  async source(): Promise<string> {
    await this.enter();
    return `memory cluster ${this.cluster.id}`;
  }

  async createAppender(): Promise<Appender> {
    await this.enter();
    return new MemoryAppender(this);
  }

  async close(): Promise<void> {
    this.open = false;
    await Promise.resolve();
  }

  /** One turn of the event loop's microtask queue, then the state of connection and cluster. */
  async enter(): Promise<void> {
    await Promise.resolve();
    this.check();
  }

  denied(right: 'denyRead' | 'denyWrite', topic: string): boolean {
    return this.connection[right]?.includes(topic) ?? false;
  }

  private check(): void {
    if (!this.open) throw closed('This connection');
    if (this.cluster.down) {
      throw new KafkaError('UNREACHABLE', 'No broker could be reached at memory:0 (the cluster was taken down).', {
        retriable: true,
        evidence: { brokers: ['memory:0'] },
      });
    }
  }

  private throwFault(on: Fault['on'], topic: string, partition: number | null): void {
    const fault = this.cluster.takeFault(on, topic, partition);
    if (fault !== null) throw asError(fault);
  }
}

/** As strict as the port allows: use after a rejection, or a second append in flight, is an error of its own. */
class MemoryAppender implements Appender {
  private readonly log: MemoryRecordLog;
  private state: 'idle' | 'busy' | 'unusable' = 'idle';

  constructor(log: MemoryRecordLog) {
    this.log = log;
  }

  async append(topic: string, partition: number, records: readonly RecordToAppend[]): Promise<{ baseOffset: number }> {
    if (this.state !== 'idle') {
      throw new KafkaError(
        'APPENDER_UNUSABLE',
        `This appender is ${this.state}: one append in flight, none after a rejection.`,
      );
    }
    this.state = 'busy';
    try {
      const baseOffset = await this.store(topic, partition, records);
      this.state = 'idle';
      return { baseOffset };
    } catch (error) {
      this.state = 'unusable';
      throw error;
    }
  }

  drop(): void {
    this.state = 'unusable';
  }

  private async store(name: string, partition: number, records: readonly RecordToAppend[]): Promise<number> {
    await this.log.enter();
    const { cluster, principal } = this.log;
    if (records.length === 0) throw new KafkaError('INVALID_RECORD', 'An append needs at least one record.');
    const fault = cluster.takeFault('append', name, partition);
    if (fault !== null && fault.persisted !== true) throw asError(fault);
    if (this.log.denied('denyWrite', name)) throw notAuthorized(principal, 'Write', `topic ${name}`);
    const topic = cluster.topic(name);
    const log = cluster.partition(name, partition);
    if (batchBytesAtMost(records) > topic.maxMessageBytes) {
      const bytes = encodeBatch(records, 0).length;
      if (bytes > topic.maxMessageBytes) throw messageTooLarge(name, partition, bytes, topic.maxMessageBytes);
    }
    const baseOffset = cluster.store(topic, log, records);
    if (fault !== null) throw asError(fault);
    return baseOffset;
  }
}

function asError(fault: Fault): KafkaError {
  return typeof fault.error === 'number'
    ? new KafkaError('BROKER_ERROR', `The broker answered with error ${fault.error} (injected).`, { retriable: true })
    : fault.error;
}
