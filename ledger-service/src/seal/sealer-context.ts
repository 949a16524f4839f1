import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { BatchLimits } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { SealsView } from '../seals-view.ts';
import type { StatementWriter } from './statement-writer.ts';

/** What all sealers of a ledger share. */
export interface SealerContext {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly limits: BatchLimits;
  readonly view: SealsView;
  readonly writer: StatementWriter;
  readonly codecs: Codecs;
  readonly sha256: Sha256;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly pollMs: number;
  /** How often what somebody has to mend is tried again. */
  readonly mendMs: number;
  /** For how long another ledger's partition may lag before it is taken over. */
  readonly takeoverMs: number;
  /** How many partitions the leaves topic has now. */
  readonly leavesPartitions: () => number;
  readonly logger: Logger;
  /** Called with each seal of this ledger that was accepted. */
  readonly onSeal: (seal: SealStatement) => void;
}
