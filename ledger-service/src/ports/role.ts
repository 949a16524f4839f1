/** The parts of a ledger that run together or apart: each starts, fails, is tried again and reports by itself. */
export type RoleName = 'seal' | 'publish' | 'serve';

export const roleNames: readonly RoleName[] = ['seal', 'publish', 'serve'];

/** A part of the ledger that runs. What can pass it tries again itself; what it cannot go on from ends it, and then it may be begun anew. */
export interface RunningRole<Status = unknown> {
  status(): Status;
  /** Ends it after what is under way, at most a few seconds. Never rejects. */
  stop(): Promise<void>;
  /** Resolves after `stop()`; rejects where it cannot go on. */
  readonly done: Promise<void>;
}
