/**
 * Keeps, for each log, the checkpoint that was cosigned last. All that a witness promises rests on it: what it forgets it can be
 * made to contradict. One witness at a time holds it.
 */
export interface WitnessStore {
  /** The origins that something was ever written of. */
  origins(): readonly string[];
  /**
   * The last note written, null where none ever was. What cannot be read is an error, never null.
   * @throws VerifierError WITNESS_STATE_CORRUPT, WITNESS_STATE_UNREADABLE
   */
  read(origin: string): Promise<Uint8Array | null>;
  /**
   * Replaces the note of one log as a whole. Once this resolves the note survives a crash of process and machine; where it rejects the
   * note may be stored or not, and `read` says which.
   * @throws VerifierError WITNESS_STATE_UNREADABLE, WITNESS_STATE_LOCKED where another process holds the store by now
   */
  write(origin: string, note: Uint8Array): Promise<void>;
  /** Lets another process hold it. */
  close(): Promise<void>;
}
