import type { JudgeState } from '@tallystick/core/judge';
import type { ProgressStore } from './progress-store.ts';

/** What a checker keeps between two runs so that nothing it accepted can be taken back unnoticed. */
export interface Anchor {
  readonly origin: string;
  /** C2SP vkey text of the root key. */
  readonly rootKey: string;
  /** Unix ms of the run that wrote it. */
  readonly savedAt: number;
  /** The newest accepted key statement. */
  readonly keys: AnchoredKeys;
  /** One for each partition with an accepted statement, sorted by topic and partition. */
  readonly partitions: readonly AnchoredPartition[];
  /** The published log as it was accepted; null where none ever was. */
  readonly log: AnchoredLog | null;
  /** What an incremental run goes on from; null where the run that wrote this could not leave it. */
  readonly resume: ResumePoint | null;
}

export interface AnchoredLog {
  /** Checkpoints that counted, oldest first, of different sizes: at most 16, the first and the newest ones. */
  readonly checkpoints: readonly AnchoredCheckpoint[];
}

export interface AnchoredCheckpoint {
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** The whole note with its cosignatures, base64: what convicts whoever signs another history. */
  readonly note: string;
  /** Unix ms of the run that accepted it. */
  readonly at: number;
}

/** The place at which a run ended: everything before it was judged and checked. */
export interface ResumePoint {
  /** Which cluster or bundle was read; null where nobody could say, left out by releases that did not ask: then no run goes on from here. */
  readonly source?: string | null;
  /** The seals topic, and the offset behind what was read of it. */
  readonly seals: { readonly topicId: string; readonly offset: number };
  readonly judge: JudgeState;
  /** The log's size then; null: the run read no published log. */
  readonly logSize: number | null;
  /** Root (base64) of the tree over all accepted statements, those of the log first, then those that it does not hold yet. */
  readonly root: string | null;
  /** Leaf hashes (base64) of the accepted statements that the log does not hold yet. */
  readonly pending: readonly string[];
  /** When each of them was stored, unix ms; null: nobody says. Left out by releases that did not ask. */
  readonly pendingSince?: readonly (number | null)[];
  /** In the order of `partitions`. */
  readonly partitions: readonly ResumePartition[];
}

export interface ResumePartition {
  readonly topic: string;
  readonly partition: number;
  /** The first offset whose records were not compared with a seal. */
  readonly next: number;
  /** Where the first run began to read. */
  readonly floor: number;
  readonly acceptedSeals: number;
  readonly sealedEvents: number;
  readonly count: number;
  readonly prunedTo: readonly (readonly [generation: number, offset: number])[];
  /** What the checks of the events' content knew, as they gave it. */
  readonly content: unknown;
}

export interface AnchoredKeys {
  readonly number: number;
  /** SHA-256 of the statement's text, base64. */
  readonly statement: string;
}

export interface AnchoredPartition {
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
  readonly topicId: string;
  /** Last accepted statement: its hash, its kind and how many the partition's chain holds with it. */
  readonly statement: string;
  readonly kind: 'genesis' | 'seal' | 'gap' | 'prune';
  readonly count: number;
  /** Last seal's number, event index and offset in that generation; null if it has none. */
  readonly seal: number | null;
  readonly index: number | null;
  readonly offset: number | null;
  /** Chain head: base64 of the last sealed leaf, or the genesis leaf. */
  readonly head: string;
}

/** Where an anchor is kept. One file or row for each log. */
export interface AnchorStore {
  /** Where a run that is to move the anchor keeps what it has checked until it ends; left out: a run that is killed is begun anew. */
  readonly progress?: ProgressStore;

  /**
   * The anchor kept, or null if there never was one.
   * @throws VerifierError ANCHOR_CORRUPT, ANCHOR_VERSION, ANCHOR_UNREADABLE, ANCHOR_TIMED_OUT; a damaged anchor is never taken for none.
   */
  load(): Promise<Anchor | null>;

  /**
   * Replaces the anchor by what `next` makes of the one kept now. Nobody else can change it between the two: a lock or a
   * compare-and-swap holds. `next` may throw; then nothing changes. When this resolves, the new anchor survives a
   * power cut.
   * @throws VerifierError as `load`, and ANCHOR_LOCKED
   */
  update(next: (current: Anchor | null) => Anchor): Promise<void>;

  /**
   * Keeps what shows that history was taken back or split, beside the anchor and for good. The same again is kept once.
   * @returns where it is; null where nothing more is kept (there is a limit)
   * @throws VerifierError ANCHOR_UNREADABLE, ANCHOR_TIMED_OUT
   */
  keepEvidence(evidence: Uint8Array): Promise<string | null>;
}
