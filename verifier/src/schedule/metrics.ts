import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { waitedMs } from '../ages.ts';
import type { VerificationRun } from '../report/reporter.ts';
import type { Age, Progress, Verdict } from '../verdict.ts';
import type { RunObserver } from './observer.ts';
import type { RunRecord } from './run-record.ts';

const verdicts = ['verified', 'failed', 'inconclusive', 'error'] as const;

/** What runs say of themselves to Prometheus, in a registry of its own. Times are unix seconds; NaN for what is not known yet. */
export class ScheduleMetrics implements RunObserver {
  readonly #registry = new Registry();
  readonly #now: () => number;
  readonly #verdict = this.#gauge('last_verdict', '1 for what the last run said; error: no verdict.', ['verdict']);
  readonly #exitCode = this.#gauge(
    'last_exit_code',
    'Last run: 0 verified, 1 tampering or loss, 2 usage, 3 inconclusive.',
  );
  readonly #findings = this.#gauge('last_findings', 'Findings of the last run that had a verdict.', [
    'code',
    'severity',
    'acknowledged',
  ]);
  readonly #checked = this.#gauge('last_checked', 'What the last run that had a verdict found to agree.', ['what']);
  readonly #unsealed = this.#gauge('last_unsealed_events', 'Records that were not sealed yet at the last run.');
  readonly #pending = this.#gauge(
    'last_unpublished_statements',
    'Accepted statements that the published log did not hold at the last run.',
  );
  readonly #unsealedAge = this.#gauge(
    'last_unsealed_age_seconds',
    'For how long the oldest unsealed record had been stored when the last run began; 0: there was none.',
  );
  readonly #pendingAge = this.#gauge(
    'last_unpublished_age_seconds',
    'For how long the first statement that the published log lacked had been stored; 0: there was none.',
  );
  readonly #checkpointAge = this.#gauge(
    'last_checkpoint_age_seconds',
    "Age of the checkpoint when the last run began, by the quorum's time.",
  );
  readonly #started = this.#gauge('last_started_timestamp_seconds', 'Start of the last run.');
  readonly #finished = this.#gauge('last_finished_timestamp_seconds', 'End of the last run that had a verdict.');
  readonly #verified = this.#gauge('last_verified_timestamp_seconds', 'End of the last run that ended 0.');
  readonly #next = this.#gauge('next_run_timestamp_seconds', 'The next time of the schedule.');
  readonly #duration = this.#gauge('last_duration_seconds', 'How long the last run took.');
  readonly #running = this.#gauge('running', '1 while a run goes on.');
  readonly #progress = this.#gauge(
    'progress_ratio',
    'How much of its present phase the run that goes on has done, 0 to 1; NaN: none goes on, or nothing is known yet.',
  );
  readonly #left = this.#gauge(
    'left_seconds',
    'About how long the present phase of the run that goes on will take yet; NaN: none goes on, or it is not known.',
  );
  readonly #overdue = this.#gauge('overdue', '1 when no run has had a verdict in time.');
  readonly #stateAge = this.#gauge('state_age_seconds', 'Age of the anchor that the last run went by or wrote.');
  readonly #runs = this.#counter('runs_total', 'Runs by verdict, or by how they ended without one.', ['verdict']);
  readonly #skipped = this.#counter('skipped_total', 'Runs left out: one was running here, or elsewhere (locked).', [
    'why',
  ]);
  readonly #reports = this.#counter('reports_total', 'Reports by reporter and result.', ['reporter', 'result']);
  #anchoredAt: number | null = null;

  /** @param now unix ms */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    collectDefaultMetrics({ register: this.#registry, prefix: 'tallystick_' });
    const unknown = [this.#exitCode, this.#unsealed, this.#started, this.#finished, this.#verified, this.#next];
    const ages = [this.#pending, this.#unsealedAge, this.#pendingAge, this.#checkpointAge];
    for (const gauge of [...unknown, ...ages, this.#duration, this.#progress, this.#left]) gauge.set(Number.NaN);
    for (const why of ['running', 'locked']) this.#skipped.inc({ why }, 0);
    for (const verdict of [...verdicts, 'interrupted', 'stopped', 'lost', 'stuck']) this.#runs.inc({ verdict }, 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    this.#stateAge.set(this.#anchoredAt === null ? Number.NaN : (this.#now() - this.#anchoredAt) / 1000);
    return await this.#registry.metrics();
  }

  remembered({ started, ended, finishedAt, verifiedAt, anchoredAt }: RunRecord): void {
    if (started !== null) this.#started.set(started.at / 1000);
    if (finishedAt !== null) this.#finished.set(finishedAt / 1000);
    if (verifiedAt !== null) this.#verified.set(verifiedAt / 1000);
    if (ended !== null) this.#say(ended.verdict);
    this.#anchoredAt = anchoredAt;
  }

  begun(at: number): void {
    this.#started.set(at / 1000);
    this.#running.set(1);
  }

  progressed({ done, total, leftMs }: Progress): void {
    this.#progress.set(total > 0 ? Math.min(1, done / total) : Number.NaN);
    this.#left.set(leftMs === null ? Number.NaN : leftMs / 1000);
  }

  ended({ startedAt, finishedAt, verdict, error }: VerificationRun): void {
    this.#noRun();
    const what = verdict?.verdict ?? 'error';
    this.#runs.inc({ verdict: what });
    this.#say(what);
    this.#duration.set((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
    if (verdict === undefined) {
      this.#exitCode.set(error.exitCode);
      return;
    }
    this.#exitCode.set(verdict.exitCode);
    this.#finished.set(Date.parse(finishedAt) / 1000);
    if (verdict.exitCode === 0) this.#verified.set(Date.parse(finishedAt) / 1000);
    this.#figuresOf(verdict);
  }

  brokenOff(why: 'stopped' | 'lost' | 'stuck'): void {
    this.#noRun();
    this.#runs.inc({ verdict: why });
  }

  interrupted(runs: number): void {
    this.#runs.inc({ verdict: 'interrupted' }, runs);
  }

  skipped(why: 'running' | 'locked'): void {
    this.#skipped.inc({ why });
  }

  reported(reporter: string, delivered: boolean): void {
    this.#reports.inc({ reporter, result: delivered ? 'delivered' : 'failed' });
  }

  next(at: number | null): void {
    this.#next.set(at === null ? Number.NaN : at / 1000);
  }

  overdue(overdue: boolean): void {
    this.#overdue.set(overdue ? 1 : 0);
  }

  #noRun(): void {
    this.#running.set(0);
    for (const gauge of [this.#progress, this.#left]) gauge.set(Number.NaN);
  }

  #say(what: (typeof verdicts)[number]): void {
    for (const verdict of verdicts) this.#verdict.set({ verdict }, verdict === what ? 1 : 0);
  }

  #figuresOf(verdict: Verdict): void {
    const { anchoredTo, startedAt, checked, counts, findings, findingsOmitted } = verdict;
    const since = anchoredTo.updated ? startedAt : anchoredTo.since;
    this.#anchoredAt = since === null ? null : Date.parse(since);
    this.#unsealed.set(counts.unsealed);
    this.#agesOf(verdict);
    for (const what of ['events', 'seals', 'statements'] as const) this.#checked.set({ what }, checked[what]);
    this.#findings.reset();
    for (const { code, severity, acknowledged } of findings)
      this.#findings.inc({ code, severity, acknowledged: acknowledged === undefined ? 'no' : 'yes' });
    for (const [code, count] of Object.entries(findingsOmitted)) {
      const severity = findings.find((finding) => finding.code === code)?.severity ?? 'unknown';
      this.#findings.inc({ code, severity, acknowledged: 'no' }, count);
    }
  }

  #agesOf({ startedAt, counts, ages }: Verdict): void {
    const seconds = (age: Age | null): number => (age === null ? Number.NaN : waitedMs(age, { startedAt }) / 1000);
    this.#pending.set(counts.pending ?? Number.NaN);
    this.#unsealedAge.set(counts.unsealed === 0 ? 0 : seconds(ages.unsealed));
    this.#pendingAge.set(counts.pending === 0 ? 0 : seconds(ages.pending));
    this.#checkpointAge.set(seconds(ages.checkpoint));
  }

  #gauge<T extends string>(name: string, help: string, labelNames: readonly T[] = []): Gauge<T> {
    return new Gauge({ name: `tallystick_verify_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #counter<T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> {
    return new Counter({ name: `tallystick_verify_${name}`, help, labelNames, registers: [this.#registry] });
  }
}
