import type { JudgeCounts } from '@tallystick/core/judge';
import type { PublishStatus } from './log/publish-status.ts';
import type { RoleName } from './ports/role.ts';

/** Something that a person has to look at. */
export interface Alarm {
  /** Of this package's errors or of the kafka package's. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
  /** `<topic>/<partition>`, or a topic, role or file. */
  readonly place: string;
  /** What to do. */
  readonly todo: string;
  /** Unix milliseconds. */
  readonly since: number;
}

/**
 * starting: reads statements and its last batch. retrying: an error that can pass, tried again within seconds. stopped: something that
 * somebody has to mend, tried again every half minute. watching: another ledger's partition, whose seals do not lag.
 */
export type PartitionActivity = 'starting' | 'sealing' | 'retrying' | 'stopped' | 'watching';

export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly state: PartitionActivity;
  /** Whether it is this ledger's by configuration; another one's is sealed only while its seals lag. */
  readonly assigned: boolean;
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

/** What the role that seals says of itself. */
export interface SealStatus {
  readonly topic: string;
  /** The offset of the seals topic below which every statement was judged. */
  readonly readTo: number;
  readonly counts: JudgeCounts;
  readonly partitions: readonly PartitionStatus[];
}

/**
 * starting: for the first time. retrying: it failed with what can pass. stopped: it failed with what somebody has to mend, and is tried
 * again every half minute. failed: for good, only another start of the process helps. ended: it was told to stop.
 */
export type RoleState = 'starting' | 'running' | 'retrying' | 'stopped' | 'failed' | 'ended';

export interface LedgerStatus {
  readonly origin: string;
  /** The vkey that this ledger seals with; null where it does not seal. */
  readonly key: string | null;
  readonly state: 'running' | 'stopped';
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly updatedAt: number;
  /** The roles of this process. */
  readonly roles: Readonly<Partial<Record<RoleName, RoleState>>>;
  /** Null where this process does not seal, or not yet. */
  readonly seals: Omit<SealStatus, 'partitions'> | null;
  /** What the publisher and the server say; null where this process has no such role, or not yet. */
  readonly publish: PublishStatus | null;
  readonly serve: unknown;
  /** Of the ledger as a whole and its roles; those of partitions are with them. */
  readonly alarms: readonly Alarm[];
  readonly partitions: readonly PartitionStatus[];
}
