import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { KeyState } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { Patience } from '../deadline.ts';
import type { Findings } from '../domain/findings.ts';
import type { SourceDescriptor } from '../ports/evidence-source.ts';
import type { RunProgress } from '../progress/run-progress.ts';

/** What all parts of one run share. */
export interface Run extends Patience {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  /** Name of the log. */
  readonly origin: string;
  /** The pinned root key. */
  readonly rootKey: VerifierKey;
  /** The key chain as the statements gave it: final before any record is read. */
  readonly keys: KeyState;
  /** null: events of our own schema can be read, others cannot. */
  readonly schemas: SchemaSource | null;
  readonly maxClockSkewMs: number | null;
  /** Threads that read records, and from what they open them again (set where there are more than one). */
  readonly workers: number;
  readonly reopen: SourceDescriptor | null;
  /** Where fewer events than this are to be read, one thread does it. */
  readonly threadsFrom: number;
  /** By `chainName`, what the checks of content knew at the end of the run that this one goes on from (plain JSON); empty for a full run. */
  readonly contentBefore: ReadonlyMap<string, unknown>;
  /** What is checked is kept in it until the run ends; null or left out: it is not. */
  readonly unfinished?: RunProgress | null;
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
