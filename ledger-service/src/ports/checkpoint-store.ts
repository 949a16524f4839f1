/** A checkpoint as it is stored: a signed note, under a number that grows by one with each swap, from 1. */
export interface StoredCheckpoint {
  readonly version: number;
  readonly note: Uint8Array;
}

/** A note of more bytes is not stored: a checkpoint with a hundred cosignatures has 15 KiB. */
export const maxCheckpointBytes = 65_535;

/**
 * The one place where the publishers of a log agree which checkpoint is the newest: compare-and-swap, outside Kafka. No lock is held, so
 * none can be left behind by a process that is killed.
 *
 * - **One winner**: of all swaps from the same version, over all processes and machines, at most one stores its note.
 * - **Durable once resolved**: what `swap` or `newest` has resolved is not taken back by a crash.
 * - **It only grows**: a version, once stored, never holds another note, and `newest` never goes back.
 * - Old versions are removed after a while; the last 32 are always kept.
 *
 * Every method rejects with LedgerError LOG_STORE_UNAVAILABLE (`retriable`) or LOG_STORE_INVALID (somebody has to mend something).
 */
export interface CheckpointStore {
  /** The newest one, or null where none was ever stored. */
  newest(): Promise<StoredCheckpoint | null>;
  /**
   * Stores the note as the version after `from` (null: as the first one). Resolves to what is stored, or to null where somebody else
   * stored another one first: read `newest` and begin again from there. Null too, in place of the own note, where that was stored but so
   * many versions followed meanwhile that it cannot be told any more.
   *
   * After LOG_STORE_UNAVAILABLE the note may be stored: the same swap may be asked for again, and resolves to the note that it stored
   * the first time (the same bytes under the same version count as one's own, whoever stored them).
   */
  swap(from: StoredCheckpoint | null, note: Uint8Array): Promise<StoredCheckpoint | null>;
  /** Ends what is open, and waits for what is being tidied up. Nothing is asked of the store afterwards. */
  close(): Promise<void>;
}
