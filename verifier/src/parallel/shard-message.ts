import type { ContentOptions } from '../content/content-types.ts';
import type { IdPair } from '../content/id-join.ts';
import type { SpilledIds } from '../content/id-spill.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { Plan } from '../domain/plan.ts';
import type { Shard } from '../domain/shards.ts';
import type { SourceDescriptor } from '../ports/evidence-source.ts';
import type { SoundShard } from '../records/read-shard.ts';
import type { ShardContent } from '../records/record-content.ts';

// What crosses between the threads of one verification: plain data only.

/** What a thread is started with. */
export interface ThreadSettings {
  readonly reopen: SourceDescriptor;
  readonly deadlineMs: number;
  /** Whether the verification has a source of schemas, which the thread then asks through its starter where it has none of its own. */
  readonly schemas: boolean;
}

/** One shard to be read. */
export interface ShardTask {
  readonly id: number;
  readonly shard: Shard;
  /** The shard's sections in the form of `PackedSections`. */
  readonly sections: Uint8Array;
  readonly plan: Pick<Plan, 'topic' | 'partition' | 'genesis'>;
  readonly hasUnknown: boolean;
  readonly content: Omit<ContentOptions, 'schemas'>;
}

/** Ids in which pairs of equal ones are looked for. */
export interface JoinTask {
  readonly id: number;
  readonly lists: readonly SpilledIds[];
  /** Ids that are held in memory at once. */
  readonly held: number;
}

export const sealOutcome = { none: 0, agrees: 1, differs: 2 } as const;

/** What a thread found where there was no damage. */
export interface ShardResult extends SoundShard {
  readonly findings: readonly NewFinding[];
  /** For each section one of `sealOutcome`; `none` where none of its records was there, or it is no seal. */
  readonly outcomes: Uint8Array;
  /** For each section that agrees: SHA-256 of its leaves, one behind the other. */
  readonly digests: Uint8Array;
  /** For each section that differs, in order: the root that its records give. */
  readonly roots: readonly (string | null)[];
  readonly content: ShardContent;
}

/** Who reads shards elsewhere. */
export interface ShardReader {
  /** How many shards are read at once. */
  readonly size: number;
  /**
   * @returns null where the shard is damaged or cannot be read: then the caller reads it, and says what it finds
   * @throws VerifierError WORKER_FAILED; VERIFY_ABORTED
   */
  read(task: Omit<ShardTask, 'id'>): Promise<ShardResult | null>;
}

/** From a thread. A shard with damage (`result` null) is read again by who asked, who reports it. */
export type ThreadMessage =
  | { readonly kind: 'done'; readonly id: number; readonly result: ShardResult | null }
  | { readonly kind: 'joined'; readonly id: number; readonly pairs: readonly IdPair[] | null }
  /** `code`: of a bundle that is not to be read any more. */
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly code?: 'BUNDLE_CHANGED' }
  | { readonly kind: 'progress'; readonly bytes: number; readonly events: number }
  | { readonly kind: 'schema'; readonly request: number; readonly schemaId: number };

/** To a thread. */
export type StarterMessage =
  | { readonly kind: 'shard'; readonly task: ShardTask }
  | { readonly kind: 'join'; readonly task: JoinTask }
  | { readonly kind: 'schema'; readonly request: number; readonly text: string }
  | { readonly kind: 'no-schema'; readonly request: number; readonly code: string; readonly message: string };
