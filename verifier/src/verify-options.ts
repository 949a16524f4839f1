import type { JudgeOptions } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import type { Sha256 } from '@tallystick/core/hash';
import type { Codecs } from '@tallystick/core/codecs';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { Policy } from '@tallystick/core/policy';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { Acknowledgement } from './domain/acknowledgement.ts';
import type { AnchorStore } from './ports/anchor-store.ts';
import type { CopiedRows } from './ports/copied-rows.ts';
import type { SourceDescriptor } from './ports/evidence-source.ts';
import type { PublishedLog } from './ports/published-log.ts';
import type { Scope } from './scope.ts';
import type { Progress } from './verdict.ts';

/** A signed note, as whoever had it gave it. */
export interface GivenCheckpoint {
  /** Names it in what is told: a file. */
  readonly name: string;
  readonly note: Uint8Array;
}

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
  /** The published log: opened by the caller, who closes it too. Without it the seals topic alone says what was accepted. */
  readonly published?: PublishedLog;
  /** The log is left out on purpose: an anchor that remembers one is then no reason for exit 3. */
  readonly leaveOutLog?: boolean;
  /** Keys of the log; key statements with the role `log` vouch for further ones. */
  readonly logKeys?: readonly VerifierKey[];
  /** Whose cosignatures the checkpoint needs, and further keys of the log. Without it the log's signature is enough. */
  readonly policy?: Policy;
  /** Findings that somebody answers for. */
  readonly acknowledged?: readonly Acknowledgement[];
  /** Oldest age of the checkpoint by the quorum's time, ms; older is `checkpoint-old`. Needs a policy with a quorum. Default: no limit. */
  readonly maxCheckpointAgeMs?: number;
  /** Oldest age of an accepted statement that the published log does not hold, ms; older is `checkpoint-old`. Needs a published log. Default: no limit. */
  readonly maxPendingAgeMs?: number;
  /** Checkpoints of this log that came from elsewhere: the published log is held to each of them. Needs a published log. Default: none. */
  readonly checkpoints?: readonly GivenCheckpoint[];
  /**
   * How far the clocks of producers, brokers and witnesses may be apart, ms; more is `clock-skew`. A seal has no clock of its own (its time is that
   * of its last event): it is held to the time at which the broker stored it. Default: no limit.
   */
  readonly maxClockSkewMs?: number;
  /** Without it only events of our own schema can be read; what the others hold is then not looked at, and findings say so. */
  readonly schemas?: SchemaSource;
  /**
   * The query copy: every row is held against its record (ADR 8). Opened by the caller, who closes it too. Default: it is not looked at.
   * `maxLagMs`: how old the oldest record without a row may be; default 60,000. `minRetentionMs`: how long a row has to be kept, ms since the broker
   * took its record; default: for ever, whatever the database says of expiry.
   */
  readonly queryCopy?: { readonly rows: CopiedRows; readonly maxLagMs?: number; readonly minRetentionMs?: number };
  /** Default: everything. */
  readonly scope?: Scope;
  /** Goes on from what the anchor remembers, where it remembers enough; needs `anchor`. Default: everything from the first genesis. */
  readonly incremental?: boolean;
  /**
   * A run whose anchor keeps progress (`AnchorStore.progress`) does so after about so many events of a partition, and not more often than every so many ms: what
   * a kill loses. Default 100,000 and 60,000.
   */
  readonly progressEveryEvents?: number;
  readonly progressEveryMs?: number;
  /** Threads that read records; default 1. More need `reopen`. */
  readonly workers?: number;
  /** Where fewer events than this are to be read, one thread does it: starting others would take longer. Default 0. */
  readonly threadsFrom?: number;
  /** From what a thread opens the same records again. */
  readonly reopen?: SourceDescriptor;
  /**
   * Resolves when the source as a whole is known to be undamaged, where that is looked at beside the run (`Bundle.intact`): awaited before
   * the anchor is moved and before anything is told. What it throws is how the run ends, also where the run broke off itself.
   */
  readonly intact?: () => Promise<void>;
  /** When what is read was made, ISO 8601, where it is a copy that says so (`Bundle.manifest.made`): for the words of a rollback, never for the verdict. */
  readonly sourceMade?: string;
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
  /** How a full run reads statements and checks their signatures. Default: as core reads them, and Node's Ed25519. */
  readonly judging?: Pick<JudgeOptions, 'read' | 'verify'>;
}
