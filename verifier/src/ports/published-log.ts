/** The published log as anybody reads it: paths below its root as C2SP tlog-tiles names them ("checkpoint", "tile/0/000", "tile/entries/x001/234.p/5"). */
export interface PublishedLog {
  /** For messages: the URL, folder or file. */
  readonly place: string;

  /**
   * The bytes at this path; null: there are none. It ends within a deadline of its own.
   * @throws VerifierError LOG_UNAVAILABLE (it cannot be asked, or gives no answer in time), LOG_RESOURCE_TOO_LARGE (more than `maxBytes`)
   */
  read(path: string, maxBytes: number): Promise<Uint8Array | null>;

  close(): Promise<void>;
}
