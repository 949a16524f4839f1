import type { Judge, NeededEnd } from '@tallystick/core/judge';

/** The published log at one moment, as a role begins from it: what the newest stored checkpoint holds. */
export interface PublishedLog {
  /**
   * Was offered every entry of the log, and nothing else; records of the seals topic may be offered to it from any offset on. Whoever gets
   * it owns it.
   */
  readonly judge: Judge;
  /** How many statements of a partition the judge remembers. */
  readonly remembered: number;
  /** Entries of the log. */
  readonly size: number;
  /**
   * Where the seals topic was when the log's snapshot was made: below it lies no statement that counts and is not in the log. null where
   * none is known. What lies behind it may be in the log too.
   */
  readonly position: { readonly topicId: string; readonly offset: number } | null;
  /**
   * Entries of the log in order, `from` to `to` (exclusive, at most `size`), each the whole note.
   * @throws LedgerError of the log's stores; where what they hold is not what the checkpoint says
   */
  entries(from: number, to: number): AsyncIterable<Uint8Array>;
}

/** What the roles ask of the log. All throw LedgerError where it cannot be read or is not what its keys signed. */
export interface LogReader {
  /** The log as it is now. */
  open(): Promise<PublishedLog>;
  /** The newest stored checkpoint's size, and the entries from `from` up to it, each held against its root. Nothing else is read. */
  since(from: number): Promise<{ readonly size: number; readonly entries: AsyncIterable<Uint8Array> }>;
  /** Does the log hold a seal of that partition and generation with that end? It may look through all of it. */
  holdsSealEnd(needs: NeededEnd): Promise<boolean>;
}
