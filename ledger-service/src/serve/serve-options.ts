import type { VerifierKey } from '@tallystick/core/note';
import type { Policy } from '@tallystick/core/policy';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { AlarmBoard } from '../alarm-board.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { Alarm } from '../status.ts';

/** What proofs are made from. Nothing of it is written to, and no secret key is among it. */
export interface ProofSources {
  /** Read on all three topics is enough. */
  readonly log: RecordLog;
  readonly topics: TopicNames;
  /** The log's name. */
  readonly origin: string;
  readonly rootKey: VerifierKey;
  readonly logKeys: readonly VerifierKey[];
  readonly store: LogStore;
  /** Whose quorum the published checkpoint must have, and by whose witnesses its age is told. Default: none. */
  readonly policy?: Policy | null;
}

export interface ProofLimits {
  /** How long one proof may take before it is given up (503, tried again later), in milliseconds. Default 5,000. */
  readonly deadlineMs?: number;
  /** Bytes of record batches that are kept. Default 64 MiB; trees of sealed batches are kept besides, 16 MiB of them. */
  readonly cacheBytes?: number;
  /** Newest events that are loaded ahead once proofs are asked for. Default 100,000; 0: none. */
  readonly warmEvents?: number;
}

/** Where a server listens: a loopback address, for it asks nobody who he is. */
export interface ListenOn {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

export interface ServeOptions extends Omit<ProofSources, 'store'>, ProofLimits {
  readonly stores: { readonly store: LogStore; readonly checkpoints: CheckpointStore };
  readonly listen: ListenOn;
  /** The public root of the log where a proxy stands before it: requests under its host name are answered too. */
  readonly publicUrl?: string | null;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Where alarms go that are shown elsewhere too. Default: the status alone. */
  readonly alarms?: AlarmBoard;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
}

export interface ServeStatus {
  /** Root of the served log, without a slash at the end. */
  readonly url: string;
  /** Entries of the newest checkpoint that is published, as this server read it last; null: none yet. */
  readonly published: number | null;
  /** Requests answered so far. */
  readonly requests: number;
  /** Why the published log cannot be used, or could not: a fork is kept. */
  readonly alarms: readonly Alarm[];
}
