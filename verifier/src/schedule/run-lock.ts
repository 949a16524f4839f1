/** Keeps runs on one state apart: of all processes that share it, one runs at a time. */
export interface RunLock {
  /**
   * Takes the lock if it is free, or its holder is gone. Does not wait.
   * @returns who holds it, in words, where it is not free
   * @throws VerifierError SCHEDULE_STATE
   */
  take(): Promise<HeldLock | { readonly holder: string }>;
}

export interface HeldLock {
  /** Aborted when another process has taken the lock over: it took this one for dead. */
  readonly lost: AbortSignal;
  /** @throws VerifierError SCHEDULE_STATE */
  release(): Promise<void>;
}

export function isHeld(taken: HeldLock | { readonly holder: string }): taken is HeldLock {
  return 'release' in taken;
}
