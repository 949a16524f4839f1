/** What may follow, and what must, from the faults that a world was given. By default nothing may be noticed at all. */
export interface Expectations {
  /** The one fault of this world that no ledger can make undone; null: none. */
  readonly fault: string | null;
  /** Findings of tampering or loss that a verifier may report; null: any. */
  readonly findings: ReadonlySet<string> | null;
  /** Records were deleted: a race that was lost, and whose records are among them, cannot be told from a fork any more. */
  readonly racesMayBeForks: boolean;
  /** A verifier must report tampering or loss. */
  readonly mustFail: boolean;
  /** Alarms that may be shown besides those that pass. */
  readonly alarms: ReadonlySet<string>;
  /** One of these must have been shown; empty: none must. */
  readonly mustAlarm: readonly string[];
  /** Partitions that may stay unsealed, where they show an alarm: somebody is needed. */
  readonly mayStop: ReadonlySet<number>;
  /** Publishing must have stopped with an alarm. */
  readonly publishingStops: boolean;
}

export const undisturbed: Expectations = {
  fault: null,
  findings: new Set(),
  racesMayBeForks: false,
  mustFail: false,
  alarms: new Set(),
  mustAlarm: [],
  mayStop: new Set(),
  publishingStops: false,
};

/** Alarms of disturbances that pass by themselves. */
export const passingAlarms: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'TIMED_OUT',
  'BROKER_ERROR',
  'LOG_STORE_UNAVAILABLE',
  'SIGNER_UNAVAILABLE',
  'STATE_NOT_READ',
  'STATE_NOT_WRITTEN',
  'SNAPSHOT_UNUSABLE',
  'WITNESS_UNAVAILABLE',
  'WITNESS_REFUSED',
  'WITNESS_INVALID',
  'WITNESS_QUORUM',
]);

/** Alarms of what the ledgers mend themselves: they are over once it is mended. */
export const mendedAlarms: ReadonlySet<string> = new Set(['SEALS_LOST', 'LOG_DAMAGED']);
