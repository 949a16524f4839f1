import type { VerificationRun } from '../report/reporter.ts';
import type { Progress } from '../verdict.ts';
import type { RunRecord } from './run-record.ts';

/** Told what happens, for metrics. Must not throw and must not wait. */
export interface RunObserver {
  /** What earlier processes left behind. */
  remembered(record: RunRecord): void;
  begun(at: number): void;
  /** How far the run is that goes on. */
  progressed(progress: Progress): void;
  ended(run: VerificationRun): void;
  /** Ended without anything to report: the process was told to end, the lock went to another one, or a cancelled run went on. */
  brokenOff(why: 'stopped' | 'lost' | 'stuck'): void;
  interrupted(runs: number): void;
  skipped(why: 'running' | 'locked'): void;
  reported(reporter: string, delivered: boolean): void;
  /** Unix ms; null where the schedule is over. */
  next(at: number | null): void;
  overdue(overdue: boolean): void;
}

export const noObserver: RunObserver = {
  remembered() {},
  begun() {},
  progressed() {},
  ended() {},
  brokenOff() {},
  interrupted() {},
  skipped() {},
  reported() {},
  next() {},
  overdue() {},
};
