import type { ParsedBatch, UnparsedBatch } from '@tallystick/core/batch';
import type { VerifierKey } from '@tallystick/core/note';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { NewFinding } from '../domain/findings.ts';
import type { SpilledIds } from './id-spill.ts';
import type { SeenLife } from './lives.ts';
import type { TallyData } from './tally.ts';
import type { TurnedRun } from './turned-runs.ts';

/** A key that may sign events of the source it is named after, and where: `added < place`, and `place < retired`. */
export interface ProducerKey {
  readonly key: VerifierKey;
  /** Places as those of {@link ContentCheck.section}. */
  readonly added: number;
  /** null: not retired. */
  readonly retired: number | null;
}

export interface ContentOptions {
  readonly topic: string;
  readonly partition: number;
  /** Name of the log: signatures cover it. */
  readonly origin: string;
  /** null: what is written with another schema than this release's is `unavailable`. */
  readonly schemas: SchemaSource | null;
  readonly producerKeys: readonly ProducerKey[];
  /** null: clocks are not compared. */
  readonly maxClockSkewMs: number | null;
  /** An existing folder, the caller's to make and to remove. Holds 24 bytes for each event until the ids are compared. */
  readonly tempDir: string;
  /** Longest wait for one schema, ms. Default 30,000. */
  readonly deadlineMs?: number;
}

/**
 * Reads what the records of one run of offsets of one partition say. Offsets only ever go up. One check is for one shard; a
 * partition may be cut into any number of shards.
 */
export interface ContentCheck {
  /** Place of the seal that covers what comes next (its index in the log; Infinity for the unsealed tail). Default Infinity. */
  section(place: number): void;
  /**
   * A whole batch as `parseBatch` judged it, its CRC checked; only its records with from <= offset <= to are looked at. Where it
   * returns a promise, its bytes must stay as they are and nothing else may be called until that settles. Two slices of one batch
   * are given with the same object, so that the second goes on where the first ended.
   */
  batch(judged: ParsedBatch | UnparsedBatch, from: number, to: number): void | Promise<void>;
  /**
   * These offsets (both inclusive) are not given, but nothing says that their events are gone: `unread`, they hold records that could
   * not be read (another finding says so); `lost`, an earlier generation lost them. Offsets that are just missing need no call.
   */
  skipped(first: number, last: number, why: 'unread' | 'lost'): void;
  /** Ends the check. Plain data that can cross threads. */
  finish(): Promise<ContentPart>;
}

/** What was counted. */
export interface ContentCounts {
  /** Offsets that were looked at: the sum of the next five. */
  readonly records: number;
  readonly decoded: number;
  /** No audit events, by the code of `@tallystick/schemas` that says why. */
  readonly undecodable: Readonly<Record<string, number>>;
  /** Not looked at for want of their schema. */
  readonly unavailable: number;
  /** Control records of transactions. */
  readonly control: number;
  /** Offsets of batches that do not parse. */
  readonly unparsed: number;
  /** Events whose schema is the registry's word. */
  readonly unpinned: number;
  /** Records with a signature that counts; with one that does not; without one. */
  readonly signed: number;
  readonly badSignatures: number;
  readonly unsigned: number;
  /** Distinct names of instances, and lives (instance and epoch). Exact up to 65,536 at once. */
  readonly instances: number;
  readonly epochs: number;
  /** Sequence numbers that are missing, that came again, and that came behind a later one. */
  readonly missing: number;
  readonly repeated: number;
  readonly late: number;
}

/** What is known of one life of a producer in one partition. */
export interface LifeState {
  /** As `keptText` gives it. */
  readonly instance: string;
  readonly epoch: number;
  /** The sequence that comes next, and the offset of the event before it. */
  readonly next: number;
  readonly lastOffset: number;
}

/** What a later run has to know of one partition: plain JSON, at most some 1 MB. */
export interface ContentState {
  readonly version: 1;
  /** The offset that comes next. */
  readonly nextOffset: number;
  /** Whether every record from offset 0 on was read: only then a life that begins above 0 has a hole. */
  readonly complete: boolean;
  /** Whether lives were left out for want of room. */
  readonly dropped: boolean;
  /** Latest append time seen, unix ms; null where none. */
  readonly latestMs: number | null;
  /** The newest 5,000, or fewer where they are more than 1 MB together; oldest first. */
  readonly lives: readonly LifeState[];
}

/** A run of offsets that were not given. */
export interface SkippedRun {
  readonly first: number;
  last: number;
  readonly why: 'unread' | 'lost';
}

/** What one shard came to: for {@link mergeContent} and {@link compareIds}, opaque to all others. */
export interface ContentPart {
  readonly topic: string;
  readonly partition: number;
  /** First and last offset looked at or skipped; null where there was none. */
  readonly offsets: { readonly first: number; readonly last: number } | null;
  readonly tally: TallyData;
  /** In the order of their first events. */
  readonly lives: readonly SeenLife[];
  /** Lives that were begun; those of them that were forgotten; whether anything else had to be left out. */
  readonly begun: number;
  readonly forgotten: number;
  readonly overflow: boolean;
  /** In ascending order. */
  readonly skipped: readonly SkippedRun[];
  readonly ids: SpilledIds;
  readonly maxClockSkewMs: number | null;
}

/** What stays of a part when its counts and lives are put together with those of others: for {@link compareIds}. */
export type PartIds = Pick<ContentPart, 'topic' | 'partition' | 'offsets' | 'ids'>;

export interface MergedContent {
  readonly findings: readonly NewFinding[];
  readonly counts: ContentCounts;
  readonly state: ContentState;
  /** Numbers of producers that came again in what was read: with the same events, or with others. For {@link compareIds}. */
  readonly repeats: readonly TurnedRun[];
}
