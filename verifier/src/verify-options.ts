import type { VerifierKey } from '@tallystick/core/note';
import type { Sha256 } from '@tallystick/core/hash';
import type { Codecs } from '@tallystick/core/codecs';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { AnchorStore } from './ports/anchor-store.ts';
import type { Progress } from './verdict.ts';

export interface VerifyOptions {
  /** Opened by the caller, who closes it too. */
  readonly log: RecordLog;
  readonly topics: TopicNames;
  /** Name of the log: statements of another one count for nothing. */
  readonly origin: string;
  /** The pinned root key: the one thing that is trusted. */
  readonly rootKey: VerifierKey;
  /** What earlier runs accepted. Moved forward by a run that ends 0, never otherwise. */
  readonly anchor?: AnchorStore;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Longest wait for any one answer, ms; default 30,000. A service that takes longer is `unavailable`. */
  readonly deadlineMs?: number;
  /**
   * How long a high watermark below a sealed offset is asked again before it counts as truncation, ms; default 10,000. (After
   * a failover a new leader may serve a lower one for some seconds with nothing lost: KIP-207.)
   */
  readonly settleMs?: number;
  /** Oldest age of an unsealed record, ms; older is the finding `tail-old`. Default: no limit. */
  readonly maxTailAgeMs?: number;
  /** Findings kept with their evidence; those beyond are counted by code. Default 10,000. */
  readonly maxFindings?: number;
  /** Unix ms; default Date.now. */
  readonly now?: () => number;
  /** Default: Node's. */
  readonly sha256?: Sha256;
  readonly codecs?: Codecs;
}
