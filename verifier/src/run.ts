import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { Patience } from './deadline.ts';
import type { Findings } from './domain/findings.ts';

/** What all parts of one run share. */
export interface Run extends Patience {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly settleMs: number;
  readonly maxTailAgeMs: number | null;
  readonly now: () => number;
  readonly sha256: Sha256;
  readonly codecs: Codecs;
  readonly findings: Findings;
  /** What was read so far: for rates and progress. */
  readonly meter: Meter;
}

/** Counts what is read and tells the caller now and then. */
export class Meter {
  bytes = 0;
  events = 0;
  /** The partition that is being read. */
  partition: number | null = null;
  private readonly tell: (events: number, partition: number | null) => void;
  private told = 0;

  constructor(tell: (events: number, partition: number | null) => void) {
    this.tell = tell;
  }

  add(bytes: number, events: number): void {
    this.bytes += bytes;
    this.events += events;
    if (this.events - this.told < 10_000) return;
    this.told = this.events;
    this.tell(this.events, this.partition);
  }
}
