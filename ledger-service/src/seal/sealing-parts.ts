import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { NoteSigner } from '@tallystick/core/note';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { AlarmBoard } from '../alarm-board.ts';
import type { GivenKeyStatement } from '../domain/key-statement.ts';
import type { BatchLimits } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogReader } from '../ports/published-log.ts';
import type { TopicSettings } from '../ports/topic-settings.ts';

export interface SealingMemory {
  /** Whether sealing had begun before. */
  begun: boolean;
  /** Whether the seals topic was seen to lose statements and was not made whole since. */
  lost: boolean;
}

/** What the role that seals works with; stays the same when it is begun anew. */
export interface SealingParts {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly limits: BatchLimits;
  readonly signer: NoteSigner;
  readonly keyStatements: readonly GivenKeyStatement[];
  readonly published: LogReader;
  readonly codecs: Codecs;
  readonly sha256: Sha256;
  readonly settings: TopicSettings | null;
  readonly logger: Logger;
  readonly onSeal: (seal: SealStatement) => void;
  readonly deadlineMs: number;
  readonly topicCheckMs: number;
  readonly mendMs: number;
  /** The partitions that are this ledger's; null: all. */
  readonly partitions: ReadonlySet<number> | null;
  readonly takeoverMs: number;
  /** How long alarms of what mends itself are shown at least. */
  readonly alarmShownMs: number;
  readonly clock: Clock;
  /** Of the role, and of each partition: they outlive one run, for a loss does not pass because sealing was begun anew. */
  readonly alarms: AlarmBoard;
  readonly partitionAlarms: Map<number, AlarmBoard>;
  /** What one run leaves to the next. */
  readonly memory: SealingMemory;
}
