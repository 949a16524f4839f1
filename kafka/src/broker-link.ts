import { KafkaError } from './errors.ts';
import {
  Broker,
  ConnectionPool,
  encodedBody,
  type InternalBroker,
  type InternalConnection,
  silenceRequestQueues,
  silentInternalLogger,
} from './kafkajs-internals.ts';
import type { ResolvedConfig } from './kafkajs-options.ts';
import { fetchApi } from './fetch-message.ts';
import { metadataApi } from './metadata-message.ts';
import type { Sockets } from './sockets.ts';
import { withDeadline } from './waiting.ts';
import { WireReader } from './wire.ts';

export interface Api {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
}

/**
 * One TCP connection of kafkajs to one broker, logged in. A broker answers the requests of a connection one after the
 * other, so a waiting fetch would block whatever comes behind it: one request at a time on a link.
 */
export class BrokerLink {
  readonly address: string;
  private readonly broker: InternalBroker;
  private readonly connection: InternalConnection;
  readonly sockets: Sockets;
  private readonly requestTimeoutMs: number;
  /** Until when the broker looks at nothing that comes on this link, by the monotonic clock. */
  private quietUntil = 0;

  private constructor(
    address: string,
    broker: InternalBroker,
    connection: InternalConnection,
    sockets: Sockets,
    requestTimeoutMs: number,
  ) {
    this.address = address;
    this.broker = broker;
    this.connection = connection;
    this.sockets = sockets;
    this.requestTimeoutMs = requestTimeoutMs;
  }

  /** How the link failed; null while it can be used. */
  get failure(): 'silent' | 'lost' | null {
    return this.sockets.failure;
  }

  /** How much longer the broker looks at nothing that comes here: it throttled the link (KIP-219). Milliseconds. */
  get quietMs(): number {
    return Math.max(0, this.quietUntil - performance.now());
  }

  /**
   * Connects and logs in.
   * @param sockets where the connection's sockets are kept, so that the caller can drop a connection in the making
   * @throws whatever kafkajs reports; KafkaError TIMED_OUT, PROTOCOL
   */
  static async open(config: ResolvedConfig, address: string, sockets: Sockets): Promise<BrokerLink> {
    silenceRequestQueues();
    const colon = address.lastIndexOf(':');
    const pool = new ConnectionPool({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      logger: silentInternalLogger,
      socketFactory: sockets.factory,
      clientId: config.clientId,
      connectionTimeout: config.connectTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      enforceRequestTimeout: true,
      ssl: config.ssl(),
      sasl: config.sasl(),
      instrumentationEmitter: {
        emit(name) {
          if (name === 'network.request_timeout') sockets.noteSilence();
        },
      },
    });
    const broker = new Broker({
      connectionPool: pool,
      logger: silentInternalLogger,
      authenticationTimeout: config.requestTimeoutMs,
      allowAutoTopicCreation: false,
    });
    const ms = config.loginTimeoutMs;
    try {
      await withDeadline(broker.connect(), ms, () => late(address, 'a login', ms));
      for (const api of [fetchApi, metadataApi]) checkVersion(broker, api, address);
      return new BrokerLink(address, broker, await pool.getConnection(0), sockets, config.requestTimeoutMs);
    } catch (error) {
      // Closed without being "lost": why it failed stays to be read.
      const { lost } = sockets;
      sockets.drop();
      sockets.lost = lost;
      throw error;
    }
  }

  /**
   * One request and its answer.
   * @param waitMs how long the broker may hold the answer back, besides the usual time for an answer
   */
  async request<T>(api: Api, body: Buffer, decode: (payload: Buffer) => T, waitMs = 0): Promise<T> {
    const ms = this.requestTimeoutMs + waitMs;
    // kafkajs keeps the nothing that followed an answer, and would copy the next answer to put the two together.
    if (this.connection.bytesBuffered === 0) this.connection.chunks = [];
    const sent = this.connection.send<{ readonly value: T }>({
      request: { ...api, encode: () => Promise.resolve(encodedBody(body)) },
      // kafkajs looks for a throttle time on what was decoded: an object of ours that has none.
      response: {
        decode: async (payload) => {
          this.heedThrottle(throttleMsOf(payload));
          return { value: await Promise.resolve(decode(payload)) };
        },
        parse: (decoded) => Promise.resolve(decoded),
      },
      requestTimeout: ms,
      logResponseError: false,
    });
    const { value } = await withDeadline(sent, ms + 1_000, () => late(this.address, api.apiName, ms));
    return value;
  }

  /** ListOffsets of one partition. @param timestamp -1 for the high watermark, -2 for the log start */
  async offsetAt(topic: string, partition: number, timestamp: -1 | -2): Promise<number> {
    const listed = this.broker.listOffsets({
      isolationLevel: 0,
      topics: [{ topic, partitions: [{ partition, timestamp }] }],
    });
    const ms = this.requestTimeoutMs + this.quietMs;
    const { responses, clientSideThrottleTime = 0 } = await withDeadline(listed, ms + 1_000, () =>
      late(this.address, 'ListOffsets', ms),
    );
    this.heedThrottle(clientSideThrottleTime);
    const offset = Number(responses[0]?.partitions[0]?.offset);
    if (Number.isSafeInteger(offset) && offset >= 0) return offset;
    throw new KafkaError('PROTOCOL', `Broker ${this.address} named no offset of ${topic}/${partition}.`, {
      evidence: { topic, partition, found: offset },
    });
  }

  private heedThrottle(ms: number): void {
    if (ms > 0) this.quietUntil = Math.max(this.quietUntil, performance.now() + ms);
  }

  /** Ends the connection at once; a request under way is rejected. */
  drop(): void {
    this.sockets.drop();
  }
}

/** What the answers to all our requests begin with, behind their header of version 1. @throws KafkaError PROTOCOL */
function throttleMsOf(payload: Buffer): number {
  const reader = new WireReader(payload, 'a request');
  reader.tags();
  return reader.int32();
}

function checkVersion(broker: InternalBroker, api: Api, address: string): void {
  const offered = broker.versions?.[api.apiKey];
  if (offered !== undefined && offered.minVersion <= api.apiVersion && api.apiVersion <= offered.maxVersion) return;
  const range = offered === undefined ? 'none' : `${offered.minVersion} to ${offered.maxVersion}`;
  const message = `Broker ${address} does not offer ${api.apiName} version ${api.apiVersion} (it has ${range}). Kafka 3.1 or newer is needed.`;
  throw new KafkaError('PROTOCOL', message, {
    evidence: { brokers: [address], expected: api.apiVersion, found: range },
  });
}

function late(address: string, what: string, ms: number): KafkaError {
  const message = `Broker ${address} did not answer ${what} within ${ms} ms. See whether the broker is alive.`;
  return new KafkaError('TIMED_OUT', message, { retriable: true, evidence: { brokers: [address] } });
}
