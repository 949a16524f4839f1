import type { Progress } from '../verdict.ts';

type Phase = Progress['phase'];

/** The rate is not known before so much time, ms. */
const warmUpMs = 1_000;
/** How fast an older rate is forgotten, ms. */
const memoryMs = 30_000;

/** Tells the caller how far a run is, and about how long each phase will take yet. */
export class TimeLeft {
  private readonly to: ((progress: Progress) => void) | undefined;
  private readonly now: () => number;
  private phase: Phase | null = null;
  private total = 0;
  private begun = 0;
  private last = { at: 0, done: 0 };
  /** Done in a ms, newer ones weighing more. */
  private rate: number | null = null;

  constructor(to: ((progress: Progress) => void) | undefined, now: () => number = () => performance.now()) {
    this.to = to;
    this.now = now;
  }

  /** Says how much of a phase there is, where that is known before it begins. */
  expect(phase: Phase, total: number): void {
    this.enter(phase);
    this.total = total;
  }

  tell(phase: Phase, done: number, total: number, partition: number | null = null): void {
    this.enter(phase);
    this.total = total;
    this.report(done, partition);
  }

  records(done: number, partition: number | null): void {
    if (this.phase === 'records') this.report(Math.min(done, this.total), partition);
  }

  done(phase: Phase): void {
    this.enter(phase);
    this.report(this.total, null);
  }

  private enter(phase: Phase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.begun = this.now();
    this.last = { at: this.begun, done: 0 };
    this.rate = null;
    this.total = 0;
  }

  private report(done: number, partition: number | null): void {
    if (this.to === undefined || this.phase === null) return;
    const at = this.now();
    const passed = at - this.last.at;
    if (passed > 0 && at - this.begun >= warmUpMs) {
      const newest = Math.max(0, done - this.last.done) / passed;
      const weight = 1 - Math.exp(-passed / memoryMs);
      this.rate = this.rate === null ? newest : this.rate + (newest - this.rate) * weight;
      this.last = { at, done };
    }
    const left = this.total - done;
    const leftMs = left <= 0 ? 0 : this.rate === null || this.rate <= 0 ? null : Math.round(left / this.rate);
    this.to({ phase: this.phase, done, total: this.total, partition, leftMs });
  }
}
