/** One object of the published log: its path below the log's root, and its bytes. */
export interface LogObject {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The published log (C2SP tlog-tiles): `checkpoint`, `snapshot` and `tile/...`, as a folder, a bucket or in memory. Other paths do not
 * exist for it: they are refused before anything is touched, so no path leads out of the log.
 *
 * - **Atomic**: whoever reads, through this port or past it, sees the old bytes of a path or the new ones, never a part.
 * - **Durable once resolved**: what `write` and `writeAll` have resolved is still there after a crash of the process, the machine or,
 *   with a bucket, of whatever the service promises.
 * - **A write that rejects may be stored all the same**, in whole. Writing the same bytes again is always safe.
 * - Any number of processes may read and write; of two that write the same path the later one wins.
 *
 * Every method rejects with LedgerError LOG_STORE_UNAVAILABLE (`retriable`: what was asked for may pass later) or LOG_STORE_INVALID
 * (somebody has to mend something; the message says what). No message holds credentials.
 */
export interface LogStore {
  /**
   * The bytes of the path, or null where there is none.
   * @param maxBytes an object of more bytes is LOG_STORE_INVALID, and is not read into memory
   */
  read(path: string, maxBytes: number): Promise<Uint8Array | null>;
  /** Makes or replaces one object. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Writes several at once, in no order: after a rejection or a crash any of them may be stored. No path may be given twice. */
  writeAll(objects: readonly LogObject[]): Promise<void>;
  /** Removes these; one that is not there is fine. Not promised to survive a crash: what was removed may be back after one. */
  remove(paths: readonly string[]): Promise<void>;
  /** The paths that begin with this text, in no order. What is no path of a log is left out. */
  list(prefix: string): AsyncIterable<string>;
  /** Ends what is open. Nothing is asked of the store afterwards. */
  close(): Promise<void>;
}
