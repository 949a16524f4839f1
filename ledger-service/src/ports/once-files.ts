/**
 * Small files that are made once and never changed, which is all that a checkpoint store needs of a folder or a bucket. Names are plain
 * (digits, lower-case letters, "-"). Errors are those of a CheckpointStore.
 */
export interface OnceFiles {
  /** Where they lie, for messages. */
  readonly where: string;
  /**
   * Makes the file, whole and durable once resolved: of all that ask for the same name, over all processes, one gets true. False where
   * there is one already; that one is durable then too. After a rejection it may have been made.
   */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** The bytes, or null where there is no such file. More than `maxBytes` are LOG_STORE_INVALID. */
  read(name: string, maxBytes: number): Promise<Uint8Array | null>;
  /** All names after that one, in the order of their characters. Holds every file whose making had resolved and that nobody removes. */
  list(after: string): Promise<readonly string[]>;
  /** Removes these; one that is not there is fine. */
  remove(names: readonly string[]): Promise<void>;
  /** Resolves once all that was seen so far is durable, whoever made it. */
  settle(): Promise<void>;
  close(): Promise<void>;
}
