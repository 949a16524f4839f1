/**
 * Keeps what a run has checked so far, in parts, until it ends: what one that was killed leaves behind. It proves nothing and is worth nothing
 * but time: where it cannot be used, a run begins anew.
 */
export interface ProgressStore {
  /**
   * Takes over what a run left that did not end.
   * @returns how many parts there are; 0 where there is nothing
   * @throws VerifierError PROGRESS_CORRUPT where one of them is not what was appended; PROGRESS_UNUSABLE, also while another run has it;
   *   VERIFY_ABORTED
   */
  begin(signal?: AbortSignal): Promise<number>;

  /**
   * A part as it was appended.
   * @param index below what `begin` returned
   * @throws VerifierError PROGRESS_CORRUPT, PROGRESS_UNUSABLE
   */
  read(index: number): Promise<Uint8Array>;

  /**
   * Adds a part behind those that are there. Once this resolves it survives a power cut; where it does not, there is the whole part or none of it.
   * @throws VerifierError PROGRESS_UNUSABLE, ANCHOR_KEY
   */
  append(part: Uint8Array): Promise<void>;

  /** The run has ended: all parts are removed. @throws VerifierError PROGRESS_UNUSABLE */
  clear(): Promise<void>;

  /** The run breaks off: the parts stay for who comes next. @throws VerifierError PROGRESS_UNUSABLE */
  leave(): Promise<void>;
}
