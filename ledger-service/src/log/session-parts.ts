import type { Codecs } from '@tallystick/core/codecs';
import type { Judge } from '@tallystick/core/judge';
import type { NoteSigner } from '@tallystick/core/note';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { AlarmBoard } from '../alarm-board.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogObject } from '../ports/log-store.ts';
import type { LogEdge } from './log-edge.ts';
import type { LogPlace, StoredHead } from './stored-log.ts';

/** What stays the same from one session to the next. */
export interface SessionParts {
  readonly place: LogPlace;
  readonly signers: readonly NoteSigner[];
  readonly log: RecordLog;
  readonly topic: string;
  readonly codecs: Codecs;
  readonly publishMs: number;
  readonly snapshotMs: number;
  readonly deadlineMs: number;
  /** Statements that are collected before reading waits for publishing. */
  readonly maxPending: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly alarms: AlarmBoard;
  /** A checkpoint is the newest stored one, by this publisher or another. */
  readonly onStored: (head: StoredHead, objects: readonly LogObject[]) => void;
}

/** Where a session begins: all of the same stored checkpoint. */
export interface SessionStart {
  readonly head: StoredHead | null;
  readonly edge: LogEdge;
  readonly judge: Judge;
  readonly topicId: string;
  readonly from: number;
  /** The size at which the stored snapshot is, null without a usable one. */
  readonly snapshotSize: number | null;
}
