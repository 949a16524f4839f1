import { randomUUID } from 'node:crypto';
import { silentLogger, type Logger } from '@tallystick/kafka/logger';
import type { Reporter, RunError, RunTrigger, VerificationRun } from '../report/reporter.ts';
import type { Progress, Verdict } from '../verdict.ts';
import { systemClock, type ScheduleClock } from './clock.ts';
import { invalid } from './cron.ts';
import { deliverInGrace, type Message } from './deliver.ts';
import { noObserver, type RunObserver } from './observer.ts';
import { isHeld, type HeldLock, type RunLock } from './run-lock.ts';
import {
  isUnfinished,
  newRecord,
  withStart,
  type EndedRun,
  type RunRecord,
  type RunRecordStore,
  type StartedRun,
} from './run-record.ts';
import { defaultExitCodeOf, supervise, type RunEnd } from './supervise.ts';
import { keepUntold, tellUntold, type Telling } from './tell-untold.ts';
import type { UntoldRuns } from './untold-runs.ts';

export interface RunnerOptions {
  /** One verification, which may tell how far it is. It must heed the signal: reject soon after it is aborted. */
  readonly run: (signal: AbortSignal, onProgress: (progress: Progress) => void) => Promise<Verdict>;
  readonly reporters: readonly Reporter[];
  readonly lock: RunLock;
  readonly record: RunRecordStore;
  /** Where runs are kept for reporters that want every run and are away; left out: nowhere. */
  readonly untold?: UntoldRuns;
  readonly clock?: ScheduleClock;
  readonly logger?: Logger;
  readonly observer?: RunObserver;
  /** A run that takes longer is cancelled, ms. Default 24 h. */
  readonly maxRunMs?: number;
  /** How long a cancelled run, and reports under way when the process is to end, may take yet, ms. Default 10,000. */
  readonly graceMs?: number;
  /** Tries for each report, and the time for one, ms. Default 3 and 30,000. */
  readonly reportAttempts?: number;
  readonly reportMs?: number;
  /** The exit code that an error of `run` means. Default: 2 for options, anchors, policies and schedules, else 3. */
  readonly exitCodeOf?: (error: unknown) => 2 | 3;
  /** UUIDs. */
  readonly newId?: () => string;
}

/** Of each report: tries, the time for one and, where the process is to end, for what is under way yet, ms. */
export const defaultReporting = { attempts: 3, attemptMs: 30_000, graceMs: 10_000 } as const;

/** What became of one attempt to run. `failed` are the reporters that could not be told. */
export type Attempt =
  | { readonly kind: 'not needed' }
  | { readonly kind: 'ended'; readonly run: VerificationRun; readonly failed: readonly string[] }
  | { readonly kind: 'skipped'; readonly holder: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'stuck'; readonly error: RunError };

/** When a run was due. */
export interface Due {
  readonly trigger: RunTrigger;
  /** Unix ms: one that another process began since then, and ended, will do. */
  readonly since: number;
  /** It was tried before. */
  readonly again: boolean;
}

/** Runs verifications one at a time, remembers how they ended, and tells the reporters. */
export class Runner {
  readonly clock: ScheduleClock;
  readonly logger: Logger;
  readonly observer: RunObserver;
  readonly #options: RunnerOptions;
  #record: RunRecord;

  /**
   * @param record what earlier processes left behind
   * @throws VerifierError SCHEDULE_INVALID
   */
  constructor(options: RunnerOptions, record: RunRecord | null) {
    checkLimits(options);
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.observer = options.observer ?? noObserver;
    const now = this.clock.now();
    this.#record = record ?? newRecord(now);
    // Written by a clock that was wrong.
    if (this.#record.since > now) this.#record = { ...this.#record, since: now };
    this.observer.remembered(this.#record);
  }

  /** How long after its end was asked for an attempt may take: a run that does not heed it, its reports and its lock each have their time, ms. */
  get longestEndMs(): number {
    return 3 * (this.#options.graceMs ?? defaultReporting.graceMs);
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Runs once, unless another process does or did. Rejects only where the lock cannot be used (SCHEDULE_STATE). */
  async attempt(due: Due, stop: AbortSignal): Promise<Attempt> {
    const taken = await this.#options.lock.take();
    if (!isHeld(taken)) {
      await this.reload();
      if (!due.again) {
        this.observer.skipped('locked');
        this.logger.warn('another process runs the verification: this run is left out', { holder: taken.holder });
      }
      return { kind: 'skipped', holder: taken.holder };
    }
    try {
      await this.reload();
      const isLeft = isUnfinished(this.#record);
      if (due.again && !isLeft && (this.#record.started?.at ?? 0) >= due.since) return { kind: 'not needed' };
      return await this.#attempt(due.again && isLeft ? 'resume' : due.trigger, taken, stop);
    } finally {
      await taken
        .release()
        .catch((error: unknown) => this.logger.error('the lock of the run is not released', { error }));
    }
  }

  async #attempt(trigger: RunTrigger, lock: HeldLock, stop: AbortSignal): Promise<Attempt> {
    const { run, maxRunMs = 86_400_000, graceMs = 10_000, newId = randomUUID } = this.#options;
    const id = newId();
    const at = this.clock.now();
    await this.#remember(withStart(this.#record, { id, trigger, at }));
    this.observer.begun(at);
    this.logger.info('a verification begins', { run: id, trigger });
    const exitCodeOf = this.#options.exitCodeOf ?? defaultExitCodeOf;
    const limits = { clock: this.clock, maxRunMs, graceMs, stop, lost: lock.lost, exitCodeOf };
    let isOver = false;
    // A run that was cancelled and goes on all the same is no longer told of.
    const onProgress = (progress: Progress): void => void (isOver || this.observer.progressed(progress));
    const end = await supervise(async (signal) => await run(signal, onProgress), limits);
    isOver = true;
    if (end.kind === 'stopped' || end.kind === 'lost') {
      this.observer.brokenOff(end.kind);
      this.logger.warn(
        end.kind === 'lost'
          ? 'another process took the lock over: this run is given up'
          : 'the verification was broken off: the next start goes on with it',
        { run: id },
      );
      return end;
    }
    const over = runOf({ id, trigger, startedAt: iso(at), finishedAt: iso(this.clock.now()) }, end);
    this.#say(over);
    this.observer.ended(over);
    await this.#remember(withEnd(this.#record, over, this.clock.now(), false));
    const telling = this.#telling();
    const left = await this.#tellInterrupted(over.startedAt, stop);
    const failed = await this.#tell(over, stop);
    await this.#remember({ ...withEnd(this.#record, over, this.clock.now(), true), interrupted: left });
    if (telling !== null) {
      const once = (run: VerificationRun, to: readonly Reporter[]) => this.deliver({ run }, stop, to, 1);
      await tellUntold(failed, telling, once, stop);
    }
    if (end.kind === 'stuck') {
      this.observer.brokenOff('stuck');
      return end;
    }
    return { kind: 'ended', run: over, failed };
  }

  /**
   * Tells of runs that never ended. Before this one, so that a report in a file is that of the newest run.
   * @returns those that are left because the process is to end
   */
  async #tellInterrupted(noticedAt: string, stop: AbortSignal): Promise<readonly StartedRun[]> {
    const { interrupted } = this.#record;
    for (const [told, lost] of interrupted.entries()) {
      if (stop.aborted) return interrupted.slice(told);
      this.observer.interrupted(1);
      const before = interruptedRun(lost, noticedAt);
      this.#say(before);
      await this.#tell(before, stop);
    }
    return [];
  }

  #telling(): Telling | null {
    const { untold, reporters } = this.#options;
    return untold === undefined ? null : { untold, reporters, logger: this.logger };
  }

  /** Tells a run, and keeps it for those that are away. */
  async #tell(run: VerificationRun, stop: AbortSignal): Promise<readonly string[]> {
    const failed = await this.deliver({ run }, stop);
    const telling = this.#telling();
    if (telling !== null) await keepUntold(run, failed, telling);
    return failed;
  }

  /** @returns the names of those that could not be told */
  async deliver(
    message: Message,
    stop: AbortSignal,
    reporters = this.#options.reporters,
    attempts = this.#options.reportAttempts ?? defaultReporting.attempts,
  ): Promise<readonly string[]> {
    const { reportMs } = this.#options;
    const { clock, logger } = this;
    const attemptMs = reportMs ?? defaultReporting.attemptMs;
    const graceMs = this.#options.graceMs ?? defaultReporting.graceMs;
    const onResult = (reporter: string, delivered: boolean): void => this.observer.reported(reporter, delivered);
    const delivery = { clock, logger, attempts, attemptMs, ending: stop, graceMs, onResult };
    return await deliverInGrace(reporters, message, delivery);
  }

  /** Another process on the same state may have run meanwhile. */
  async reload(): Promise<void> {
    const stored = await this.#options.record.load();
    if (stored !== null && (stored.started?.at ?? 0) >= (this.#record.started?.at ?? 0)) this.#record = stored;
  }

  /** A record that cannot be kept stops no verification. */
  async #remember(record: RunRecord): Promise<void> {
    this.#record = record;
    try {
      await this.#options.record.save(record);
    } catch (error) {
      this.logger.error('the state of the schedule cannot be kept: after a restart a run may be repeated', { error });
    }
  }

  #say({ id, verdict, error }: VerificationRun): void {
    if (verdict === undefined) {
      this.logger.error(`the verification broke off: ${error.message}`, { run: id, code: error.code });
      return;
    }
    const { exitCode, durationMs, checked, findings } = verdict;
    const fields = { run: id, exitCode, durationMs, events: checked.events, findings: findings.length };
    if (exitCode === 0) this.logger.info('verified', fields);
    else this.logger.error(`the verification ended: ${verdict.verdict}`, fields);
  }
}

function runOf(
  times: Pick<VerificationRun, 'id' | 'trigger' | 'startedAt' | 'finishedAt'>,
  end: Exclude<RunEnd, { kind: 'stopped' | 'lost' }>,
): VerificationRun {
  return end.kind === 'verdict' ? { ...times, verdict: end.verdict } : { ...times, error: end.error };
}

function interruptedRun({ id, trigger, at }: StartedRun, noticedAt: string): VerificationRun {
  const message = `The process of the run that began at ${iso(at)} ended before it had a verdict.`;
  const error: RunError = { code: 'VERIFY_INTERRUPTED', message, exitCode: 3 };
  return { id, trigger, startedAt: iso(at), finishedAt: noticedAt, error };
}

function withEnd(record: RunRecord, { id, verdict }: VerificationRun, at: number, reported: boolean): RunRecord {
  const ended: EndedRun = {
    id,
    at: record.ended?.id === id ? record.ended.at : at,
    verdict: verdict?.verdict ?? 'error',
    reported,
  };
  if (verdict === undefined) return { ...record, ended };
  const { updated, since } = verdict.anchoredTo;
  return {
    ...record,
    ended,
    finishedAt: ended.at,
    verifiedAt: verdict.exitCode === 0 ? ended.at : record.verifiedAt,
    anchoredAt: timeOf(updated ? verdict.startedAt : since),
  };
}

function timeOf(text: string | null): number | null {
  const time = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** As far as Node's timers reach: one that is longer comes at once. ms. */
const longestTimer = 0x7fffffff;

function checkLimits({ maxRunMs, graceMs, reportAttempts, reportMs }: RunnerOptions): void {
  for (const [name, value] of Object.entries({ maxRunMs, graceMs, reportAttempts, reportMs })) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0 && value <= longestTimer)) continue;
    throw invalid(`The option ${name} is ${value}: it must be a whole number from 1 to ${longestTimer}.`);
  }
}
