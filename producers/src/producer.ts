import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { silentLogger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { EventProducer } from './event-producer.ts';
import type { Producer } from './event-producer.ts';
import { Lane } from './lane.ts';
import { settingsOf } from './producer-options.ts';
import type { ProducerOptions, SchemaRegistration } from './producer-options.ts';

export type { Emitted, EventInput, ImportedEvent, Producer, ProducerStatus, Receipt } from './event-producer.ts';
export type { OrderBy } from './ordering-key.ts';
export type { EventSigner, ProducerOptions, SchemaRegistration } from './producer-options.ts';

/**
 * Connects, registers the event schema and looks at the topic, so that what is set up wrongly shows before the first event.
 * @throws ProducersError PRODUCER_OPTION; KafkaError UNREACHABLE, AUTHENTICATION_FAILED, NOT_AUTHORIZED, TOPIC_MISSING, …;
 *   SchemasError REGISTRY_UNREACHABLE, SCHEMA_INCOMPATIBLE, …
 */
export async function createProducer(options: ProducerOptions): Promise<Producer> {
  const settings = settingsOf(options);
  const logger = options.logger ?? silentLogger;
  const own = 'brokers' in options.kafka;
  const log: RecordLog = 'brokers' in options.kafka ? connectRecordLog(options.kafka) : options.kafka;
  try {
    const { partitions } = await log.describeTopic(settings.topic);
    const registry: SchemaRegistration =
      'register' in options.registry ? options.registry : new SchemaRegistry(options.registry);
    const schemaId = await registry.register(`${settings.topic}-value`);
    const writers = Array.from(
      { length: Math.min(settings.connections, partitions.length) },
      // The limit is ours: a batch is never cut again, so that its offsets are consecutive. What the topic takes, the broker says.
      () =>
        new SafeWriter({
          log,
          topic: settings.topic,
          logger,
          maxBatchBytes: Math.max(settings.batchBytes, settings.maxEventBytes) + 4_096,
        }),
    );
    const instance = options.instance ?? `${options.source}-${randomUUID()}`;
    const stopping = new AbortController();
    const lanes = partitions.map(
      (_, partition) =>
        new Lane({
          partition,
          schemaId,
          instance,
          origin: options.signer?.origin ?? '',
          topic: settings.topic,
          lingerMs: settings.lingerMs,
          batchBytes: settings.batchBytes,
          batchEvents: settings.batchEvents,
          logger,
          nextEpoch,
          append: async (records) => {
            const writer = writers[partition % writers.length];
            if (writer === undefined) throw new RangeError('there is no writer');
            return writer.append(partition, records);
          },
          pause: (attempt) => pause(Math.min(5_000, 100 * 2 ** Math.min(attempt, 6)), stopping.signal),
        }),
    );
    return new EventProducer({
      source: options.source,
      settings,
      lanes,
      secret: options.orderingSecret ?? randomBytes(32),
      signers: new Map(options.signer?.keys.map((signer) => [signer.key.name, signer])),
      ...(options.orderBy === undefined ? {} : { orderBy: options.orderBy }),
      async release(now) {
        stopping.abort();
        if (now) for (const writer of writers) writer.drop();
        else await Promise.all(writers.map((writer) => writer.close()));
        if (own) await log.close();
      },
    });
  } catch (error) {
    // What went wrong first is what the caller has to hear.
    if (own) await log.close().catch(() => undefined);
    throw error;
  }
}

// One for the process: producers that follow each other under one instance name have growing epochs too.
let lastEpoch = 0;

/** Unix microseconds, the last three digits random: two processes that begin in one millisecond differ. Always growing. */
function nextEpoch(): number {
  lastEpoch = Math.max(lastEpoch + 1, Date.now() * 1_000 + randomInt(1_000));
  return lastEpoch;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
