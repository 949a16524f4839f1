/** SHA-256, 32 bytes, in canonical padded standard base64 (44 characters). */
export type Base64Hash = string;

/** Inclusive on both ends, as `<first>-<last>` in a statement. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

interface Common {
  /** The log's name. */
  readonly origin: string;
  /** SHA-256 of the text of the statement before (same partition; for key statements: the key statement before). */
  readonly previous: Base64Hash | null;
}

interface OfPartition extends Common {
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
}

export type KeyRole = 'seal' | 'log' | 'producer';
export type GenesisReason = 'new' | 'recreated' | 'truncated' | 'diverged' | 'migrated' | 'unsealable';

export interface KeyStatement extends Common {
  readonly kind: 'key';
  readonly number: number;
  readonly action: 'add' | 'retire';
  readonly role: KeyRole;
  /** C2SP vkey text. */
  readonly key: string;
  /** Unix milliseconds of the signer's clock. */
  readonly time: number;
}

export interface GenesisStatement extends OfPartition {
  readonly kind: 'genesis';
  /** Kafka's text form, 22 characters. */
  readonly topicId: string;
  readonly reason: GenesisReason;
  readonly firstOffset: number;
  readonly time: number;
}

export interface SealStatement extends OfPartition {
  readonly kind: 'seal';
  readonly previous: Base64Hash;
  /** Number in the generation, from 0. */
  readonly seal: number;
  readonly events: Range;
  readonly offsets: Range;
  /** Leader epoch of the last event's batch; null if negative. */
  readonly epoch: number | null;
  readonly root: Base64Hash;
  readonly after: Base64Hash;
  readonly head: Base64Hash;
  /** Timestamp of the last event, unix ms; null outside 0 to 2^53-1. */
  readonly time: number | null;
}

export interface GapStatement extends OfPartition {
  readonly kind: 'gap';
  readonly previous: Base64Hash;
  readonly offsets: Range;
  readonly reason: 'deleted';
  readonly time: number;
}

export interface PruneStatement extends OfPartition {
  readonly kind: 'prune';
  readonly previous: Base64Hash;
  /** Index of the last event removed. */
  readonly through: number;
  /** Its offset. */
  readonly offset: number;
  readonly rule: string;
  readonly archive: string;
  readonly sha256: Base64Hash;
  readonly time: number;
}

export type PartitionStatement = GenesisStatement | SealStatement | GapStatement | PruneStatement;
export type Statement = KeyStatement | PartitionStatement;
