import type { JudgeCounts } from '@tallystick/core/judge';

/** Something that a person has to look at. */
export interface Alarm {
  /** Of this package's errors or of the kafka package's. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
  /** `<topic>/<partition>`, or a topic or file. */
  readonly place: string;
  /** What to do. */
  readonly todo: string;
  /** Unix milliseconds. */
  readonly since: number;
}

/** starting: reads statements and its last batch. retrying: an error that can pass. stopped: only a restart goes on. */
export type PartitionActivity = 'starting' | 'sealing' | 'retrying' | 'stopped';

export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly state: PartitionActivity;
  readonly generation: number | null;
  /** Number of the last accepted seal in its generation, whichever ledger wrote it. */
  readonly lastSeal: number | null;
  /** Last offset that is sealed. */
  readonly sealedOffset: number | null;
  /** Exclusive end of the partition when it was last read. */
  readonly highWatermark: number | null;
  /** Events that are not sealed yet; null until the partition was read. */
  readonly lag: number | null;
  readonly alarms: readonly Alarm[];
}

export interface LedgerStatus {
  readonly origin: string;
  /** The vkey that this ledger seals with. */
  readonly key: string;
  readonly state: 'running' | 'stopped';
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly seals: { readonly topic: string; readonly readTo: number; readonly counts: JudgeCounts };
  /** Of the ledger as a whole; those of partitions are with them. */
  readonly alarms: readonly Alarm[];
  readonly partitions: readonly PartitionStatus[];
}
