import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

// kafkajs 2.2.4 (pinned exactly) does not publish these modules or types for them. Loaded with `require`, so that neither
// the source nor the compiled package needs ambient declarations.
const require = createRequire(import.meta.url);

/** kafkajs' silent or routed logger, as its own modules want it. */
export interface InternalLogger {
  info(): void;
  warn(): void;
  error(): void;
  debug(): void;
  namespace(): InternalLogger;
}

export interface InternalConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly logger: InternalLogger;
  readonly socketFactory: SocketFactory;
  readonly clientId: string;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly ssl: object | null;
  readonly sasl: object | null;
  readonly instrumentationEmitter: { emit(name: string): void };
}

export type SocketFactory = (target: {
  host: string;
  port: number;
  ssl?: object | null;
  onConnect: () => void;
}) => Socket;

export interface InternalProtocol<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<unknown>;
  };
  readonly response: { readonly decode: (payload: Buffer) => Promise<T>; readonly parse: (decoded: T) => Promise<T> };
  readonly requestTimeout: number;
  readonly logResponseError: boolean;
}

export interface InternalConnection {
  send<T>(protocol: InternalProtocol<T>): Promise<T>;
  /** What came and is no whole answer yet. */
  chunks: Buffer[];
  bytesBuffered: number;
}

export interface InternalConnectionPool {
  getConnection(index: number): Promise<InternalConnection>;
}

export interface InternalBroker {
  versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>> | null;
  connect(): Promise<void>;
  listOffsets(request: {
    isolationLevel: number;
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
  }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string }[] }[];
    /** For how long the broker looks at nothing more on the connection, milliseconds; kafkajs sends nothing then. */
    clientSideThrottleTime?: number;
  }>;
}

export const ConnectionPool: new (
  options: InternalConnectionOptions,
) => InternalConnectionPool = require('kafkajs/src/network/connectionPool.js');

export const Broker: new (options: {
  connectionPool: InternalConnectionPool;
  logger: InternalLogger;
  authenticationTimeout: number;
  allowAutoTopicCreation: boolean;
}) => InternalBroker = require('kafkajs/src/broker/index.js');

const Encoder: new (size: number) => { buf: Buffer; offset: number } = require('kafkajs/src/protocol/encoder.js');

/** Ready-made bytes in the form in which kafkajs takes a request body. They are not copied: leave them as they are. */
export function encodedBody(bytes: Buffer): unknown {
  return Object.assign(new Encoder(0), { buf: bytes, offset: bytes.length });
}

export const silentInternalLogger: InternalLogger = {
  info() {},
  warn() {},
  error() {},
  debug() {},
  namespace: () => silentInternalLogger,
};

/**
 * After every answer kafkajs schedules a look at its queue, with a delay that is negative where nothing is throttled: Node
 * 24 prints a TimeoutNegativeWarning for it, and it costs a timer an answer. There is only something to look at when
 * requests are pending; then the delay is right. Done once a process, before the first connection.
 */
export function silenceRequestQueues(): void {
  if (silenced) return;
  silenced = true;
  const { prototype: queue }: { prototype: RequestQueue } = require('kafkajs/src/network/requestQueue/index.js');
  const scheduleCheck = Reflect.get(queue, 'scheduleCheckPendingRequests');
  queue.scheduleCheckPendingRequests = function onlyWherePending(this: RequestQueue) {
    if (this.pending.length > 0) scheduleCheck.call(this);
  };
}

let silenced = false;

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(this: RequestQueue): void;
}
