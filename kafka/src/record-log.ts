import type { Clock } from './clock.ts';

/** Kafka seen at the level of one fetch and one append. Offsets are numbers, checked to be safe integers. */
export interface RecordLog {
  /** Who the brokers see, such as `User:ledger`: for messages only. */
  readonly principal?: string;
  /** By which whoever uses this log waits and gives up. Default: the machine's; a simulated cluster has its own. */
  readonly clock?: Clock;
  /** From 0 to below 1: by which whoever reads draws where answers end. Default: the machine's; a simulated cluster has its own. */
  readonly random?: () => number;

  /**
   * What the cluster says of a topic now: asked afresh, never from a cache.
   * @throws KafkaError TOPIC_MISSING, NOT_AUTHORIZED, UNREACHABLE, AUTHENTICATION_FAILED
   */
  describeTopic(topic: string): Promise<TopicDescription>;

  /**
   * One fetch (protocol version 13, by topic id) from the partition's leader. Errors that the broker answers for the
   * partition come back in `error`; what keeps the request from being answered is thrown as a KafkaError with `retriable`.
   */
  fetch(request: FetchRequest): Promise<FetchResponse>;

  /** First and next offset of a partition now: log start and high watermark. */
  bounds(topic: string, partition: number): Promise<{ logStart: number; highWatermark: number }>;

  /** A writer of its own (an idempotent Kafka producer underneath): one append in flight. */
  createAppender(): Promise<Appender>;

  /**
   * Which cluster, or which copy of one, is read: what was read of one counts for nothing in another. Left out or null: nobody can say.
   * @throws KafkaError as `describeTopic`
   */
  source?(): Promise<string | null>;

  close(): Promise<void>;
}

export interface TopicDescription {
  readonly name: string;
  /** Kafka's text form: URL-safe base64, 22 characters. */
  readonly topicId: string;
  readonly partitions: readonly PartitionDescription[];
}

export interface PartitionDescription {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface FetchRequest {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  /** Leader epoch of the last record read before `offset`, -1 if none: lets the broker answer with `diverging`. */
  readonly lastFetchedEpoch: number;
  readonly maxBytes: number;
  /** How long the broker may wait for the first byte. */
  readonly maxWaitMs: number;
}

export interface FetchResponse {
  /** Kafka's error code of the partition, 0 for none. */
  readonly error: number;
  readonly highWatermark: number;
  readonly logStart: number;
  /** The log parts from what was read before: it was truncated or rewritten. */
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | null;
  /** Whole and perhaps one cut-off record batch, as stored. The first may begin before the offset asked for. */
  readonly records: Uint8Array;
  /** In which leader epoch the one who answered was taken for the leader; absent: not known. */
  readonly leaderEpoch?: number;
  /**
   * Whether `records` begin with the byte right behind the batch before `offset`, where the answer before ended; false: found by offset,
   * as a broker does. Left out: nobody can say.
   */
  readonly follows?: boolean;
  /** May be called once nobody looks at `records` any more: its memory is used again. Without it, it is garbage like any other. */
  readonly release?: () => void;
}

export interface RecordToAppend {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly (readonly [name: string, value: Uint8Array | null])[];
}

/** After any rejection an appender is unusable: drop it and make a new one (see the safe writer). */
export interface Appender {
  /**
   * Appends the records to one partition in order, acks=all. Resolves with the offset of the first.
   * @throws KafkaError; `retriable` tells whether sending the same again can pass. In that case the records may be stored all the same.
   */
  append(topic: string, partition: number, records: readonly RecordToAppend[]): Promise<{ baseOffset: number }>;
  /** Drops the connection; waits for nothing. */
  drop(): void;
}

/** The three topics of one ledger. */
export interface TopicNames {
  readonly events: string;
  readonly seals: string;
  readonly leaves: string;
}

export const defaultTopics: TopicNames = { events: 'audit.events', seals: 'audit.seals', leaves: 'audit.leaves' };
