import type { Overdue } from '../report/reporter.ts';
import type { RunRecord } from './run-record.ts';

/**
 * The dead man's switch: it goes off when no run has had a verdict for `limitMs`, and again after each further `limitMs`. Counted from the
 * end of the last one, or from when the first was waited for, across restarts: a process that is killed again and again does not put it off.
 */
export class DeadMan {
  readonly limitMs: number;
  #toldAt: number | null = null;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  isOverdue(record: RunRecord, now: number): boolean {
    return now - base(record, now) > this.limitMs;
  }

  /** What is to be told now, once for each `limitMs`; null for nothing. */
  check(record: RunRecord, now: number): Overdue | null {
    if (!this.isOverdue(record, now)) {
      this.#toldAt = null;
      return null;
    }
    if (this.#toldAt !== null && now >= this.#toldAt && now - this.#toldAt <= this.limitMs) return null;
    this.#toldAt = now;
    const { finishedAt, since } = record;
    return {
      lastFinishedAt: finishedAt === null ? null : new Date(finishedAt).toISOString(),
      since: new Date(finishedAt ?? since).toISOString(),
      limitMs: this.limitMs,
    };
  }
}

/** A time that lies ahead was written by a clock that was wrong: it must not put the switch off. */
function base({ finishedAt, since }: RunRecord, now: number): number {
  const last = finishedAt ?? since;
  return last > now + 60_000 ? 0 : last;
}
