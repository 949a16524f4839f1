import type { Alarm } from '../status.ts';
import type { WitnessStatus } from './published-checkpoint.ts';

/** What the publisher says of itself. Sizes are entries of the log; times are unix milliseconds. */
export interface PublishStatus {
  /** Of the newest stored checkpoint. */
  readonly size: number;
  /** base64; null before the first checkpoint. */
  readonly root: string | null;
  /** Of `/checkpoint`; null before the first. */
  readonly publishedSize: number | null;
  readonly publishedAt: number | null;
  /** When this publisher last stored or met a new checkpoint. */
  readonly checkpointAt: number | null;
  /** Unix seconds: the newest time at which the quorum stood; null without one. */
  readonly quorumTime: number | null;
  /** Accepted statements that no stored checkpoint holds. */
  readonly pending: number;
  /** The offset of the seals topic below which all was judged. */
  readonly readTo: number;
  readonly witnesses: readonly WitnessStatus[];
  readonly counts: {
    /** Checkpoints that this publisher stored. */
    readonly checkpoints: number;
    readonly entries: number;
    /** Times that the log was opened anew. */
    readonly openings: number;
  };
  readonly alarms: readonly Alarm[];
}
