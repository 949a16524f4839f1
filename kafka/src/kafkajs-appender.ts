import type { Producer } from 'kafkajs';
import { batchBytesAtMost } from './batch-encoder.ts';
import { KafkaError } from './errors.ts';
import { topicMissing } from './failures.ts';
import { createKafka, retryOf } from './kafkajs-client.ts';
import { toKafkaError } from './kafkajs-errors.ts';
import type { ResolvedConfig } from './kafkajs-options.ts';
import { encodeOwnMessages, OwnMessage } from './kafkajs-produce.ts';
import type { Appender, RecordToAppend } from './record-log.ts';
import { Sockets } from './sockets.ts';
import { withDeadline } from './waiting.ts';

/**
 * kafkajs' idempotent producer under the discipline that keeps it safe: explicit partition, acks=all, one send in flight,
 * unusable after any rejection. Its own retries repeat the same sequence number, which the broker recognises.
 */
export class KafkajsAppender implements Appender {
  private readonly config: ResolvedConfig;
  private readonly onDrop: () => void;
  private readonly sockets = new Sockets();
  private readonly producer: Producer;
  private state: 'connecting' | 'idle' | 'busy' | 'unusable' = 'connecting';

  /** @param seed a broker that answers, if one is known: kafkajs waits long for one that does not */
  constructor(config: ResolvedConfig, seed: string | null, onDrop: () => void) {
    this.config = config;
    this.onDrop = onDrop;
    encodeOwnMessages();
    const kafka = createKafka(config, this.sockets, seed);
    this.producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: retryOf(config),
      createPartitioner: () => explicitPartition,
    });
    this.producer.on('producer.network.request_timeout', this.sockets.noteSilence);
  }

  /** Connects, logs in and gets a producer id. @throws KafkaError; the appender is unusable then */
  async connect(): Promise<void> {
    // Two logins at most: at a seed, and at the broker that gives producer ids.
    await this.guard('a producer id', {}, this.producer.connect(), 2 * this.config.loginTimeoutMs);
  }

  async append(topic: string, partition: number, records: readonly RecordToAppend[]): Promise<{ baseOffset: number }> {
    if (this.state !== 'idle') {
      throw new KafkaError(
        'APPENDER_UNUSABLE',
        `This appender is ${this.state}: one append in flight, none after a rejection.`,
      );
    }
    if (records.length === 0)
      throw this.refuse(new KafkaError('INVALID_RECORD', 'An append needs at least one record.'));
    this.state = 'busy';
    const what = `an append to ${topic}/${partition}`;
    const messages = records.map((record) => new OwnMessage(record, partition));
    const sent = this.producer.send({ topic, acks: -1, timeout: this.config.requestTimeoutMs, messages });
    const answers = await this.guard(what, { topic, partition, records }, sent);
    const answer = answers.find((entry) => entry.partition === partition);
    // kafkajs sends nothing for a partition that it does not know, and calls that success.
    if (answer === undefined) throw this.refuse(topicMissing(topic, partition));
    const baseOffset = Number(answer.baseOffset ?? Number.NaN);
    if (!Number.isSafeInteger(baseOffset) || baseOffset < 0) {
      const message = `The broker accepted ${what}, but named no offset (${String(answer.baseOffset)}).`;
      throw this.refuse(
        new KafkaError('PROTOCOL', message, {
          retriable: true,
          evidence: { topic, partition, found: answer.baseOffset },
        }),
      );
    }
    return { baseOffset };
  }

  drop(): void {
    this.state = 'unusable';
    this.sockets.drop();
    this.onDrop();
    // Not awaited: it waits for answers that may never come.
    this.producer.disconnect().catch(() => undefined);
  }

  /** The outcome of one operation of the producer within a deadline; after any rejection nothing of it is used again. */
  private async guard<T>(
    what: string,
    at: { topic?: string; partition?: number; records?: readonly RecordToAppend[] },
    operation: Promise<T>,
    ms = this.config.connectTimeoutMs + 2 * this.config.requestTimeoutMs,
  ): Promise<T> {
    const { principal, brokers: addresses } = this.config;
    const late = () =>
      new KafkaError(
        'TIMED_OUT',
        `Kafka (${addresses.join(', ')}) did not answer ${what} within ${ms} ms. See whether the broker is alive.`,
        { retriable: true, evidence: { brokers: addresses } },
      );
    try {
      const result = await withDeadline(operation, ms, late);
      if (this.state === 'unusable')
        throw new KafkaError('CLOSED', 'The appender was dropped by its owner.', { retriable: true });
      this.state = 'idle';
      return result;
    } catch (error) {
      const { records, ...place } = at;
      const { failure } = this.sockets;
      const bytes = records === undefined ? {} : { bytes: batchBytesAtMost(records) };
      throw this.refuse(
        toKafkaError(error, { what, addresses, principal, operation: 'Write', failure, ...place, ...bytes }),
      );
    }
  }

  private refuse(error: unknown): unknown {
    this.drop();
    return error;
  }
}

function explicitPartition({ message }: { message: { partition?: number } }): number {
  return message.partition ?? -1;
}
