import { isKeyName } from '@tallystick/core/encoding';
import type { NoteSigner } from '@tallystick/core/note';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { RegistryConfig } from '@tallystick/schemas/registry';
import { ProducersError } from './errors.ts';
import type { OrderBy } from './ordering-key.ts';

/** What a producer needs of the schema registry. */
export interface SchemaRegistration {
  /** Registers the event schema under a subject and gives its id. */
  register(subject: string): Promise<number>;
}

/** Who signs events (protocol, section 8: the header `sig`). */
export interface EventSigner {
  /** Name of the log that the events go to: a signature counts in no other. */
  readonly origin: string;
  /** One is named as the producer's source; others, for imports, as theirs. Events of a source that has none go unsigned. */
  readonly keys: readonly NoteSigner[];
}

export interface ProducerOptions {
  /** Where to send: how to reach the cluster, or a record log of the caller's own, which stays open. */
  readonly kafka: KafkaConfig | RecordLog;
  readonly registry: RegistryConfig | SchemaRegistration;
  /** Default `audit.events`. */
  readonly topic?: string;
  /** Name of the service: 1 to 255 printable ASCII characters without space and "+". */
  readonly source: string;
  /** Name of this running copy; no two may run at once under one name. Default: a random one. */
  readonly instance?: string;
  /**
   * Key of the hash that makes record keys opaque, 16 bytes or more. Default: random for each producer. Producers that share
   * it send the events of one actor to one partition, in which all of them keep their order; it never leaves the process.
   */
  readonly orderingSecret?: Uint8Array;
  /** Signs each event. Default: none is signed. What it throws with `retriable` is tried again; all else refuses the receipts. */
  readonly signer?: EventSigner;
  /** What orders events. Default: tenant, account and id of the actor. */
  readonly orderBy?: OrderBy;
  /** What the queue in memory holds at most. Defaults: 32 MiB, 100,000 events. */
  readonly queueBytes?: number;
  readonly queueEvents?: number;
  /** What `emit` does when the queue is full: wait (default), or reject with QUEUE_FULL. */
  readonly whenFull?: 'wait' | 'reject';
  /** How long a first event waits for company, milliseconds. Default 5; 0 sends at once. */
  readonly lingerMs?: number;
  /** What one batch holds at most. Defaults: 512 KiB, 2,000 events. Below the topic's max.message.bytes. */
  readonly batchBytes?: number;
  readonly batchEvents?: number;
  /** What one event may take, its key and headers included. Default: 2 MiB less 4 KiB, what the topic takes as Tallystick sets it. */
  readonly maxEventBytes?: number;
  /** Connections used to send; partitions share them. Default 4, never more than partitions. */
  readonly connections?: number;
  readonly logger?: Logger;
}

export interface ProducerSettings {
  readonly topic: string;
  readonly queueBytes: number;
  readonly queueEvents: number;
  readonly whenFull: 'wait' | 'reject';
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly batchEvents: number;
  readonly maxEventBytes: number;
  readonly connections: number;
}

function refuse(option: string, what: string): never {
  throw new ProducersError('PRODUCER_OPTION', `producer option ${option} ${what}`, { evidence: { option } });
}

function checkSigner({ origin, keys }: EventSigner, source: string): void {
  if (!isKeyName(origin)) refuse('signer', 'needs the name of a log as its origin');
  const names = keys.map(({ key }) => key.name);
  if (!names.includes(source)) refuse('signer', `needs a key named as the source, ${source}`);
  if (new Set(names).size < names.length) refuse('signer', 'must have one key for each source');
}

/**
 * Checks the options and fills in the defaults.
 * @throws ProducersError PRODUCER_OPTION naming the option
 */
export function settingsOf(options: ProducerOptions): ProducerSettings {
  if (!/^[\x21-\x2a\x2c-\x7e]{1,255}$/.test(options.source))
    refuse('source', 'must be 1 to 255 printable ASCII characters without space and "+"');
  if (options.instance !== undefined && (options.instance === '' || options.instance.length > 100))
    refuse('instance', 'must have 1 to 100 characters');
  if (options.signer !== undefined) checkSigner(options.signer, options.source);
  if (options.orderingSecret !== undefined && options.orderingSecret.length < 16)
    refuse('orderingSecret', 'must have 16 bytes or more');
  const settings: ProducerSettings = {
    topic: options.topic ?? 'audit.events',
    queueBytes: options.queueBytes ?? 33_554_432,
    queueEvents: options.queueEvents ?? 100_000,
    whenFull: options.whenFull ?? 'wait',
    lingerMs: options.lingerMs ?? 5,
    batchBytes: options.batchBytes ?? 524_288,
    batchEvents: options.batchEvents ?? 2_000,
    maxEventBytes: options.maxEventBytes ?? 2_097_152 - 4_096,
    connections: options.connections ?? 4,
  };
  for (const option of [
    'queueBytes',
    'queueEvents',
    'batchBytes',
    'batchEvents',
    'maxEventBytes',
    'connections',
  ] as const) {
    if (!Number.isSafeInteger(settings[option]) || settings[option] < 1)
      refuse(option, 'must be a whole number of 1 or more');
  }
  if (!Number.isFinite(settings.lingerMs) || settings.lingerMs < 0) refuse('lingerMs', 'must be 0 or more');
  if (settings.maxEventBytes > settings.queueBytes)
    refuse(
      'queueBytes',
      `must be ${String(settings.maxEventBytes)} (maxEventBytes) or more: such an event would wait for ever`,
    );
  return settings;
}
