import { VerifierError } from '../errors.ts';
import type { Overdue, RunTrigger } from '../report/reporter.ts';
import { invalid, parseCron, type CronTimes } from './cron.ts';
import { DeadMan } from './dead-man.ts';
import { isUnfinished, type RunRecord } from './run-record.ts';
import { endingSoon } from './supervise.ts';
import { Runner, type Attempt, type Due, type RunnerOptions } from './runner.ts';

export { runOnce, type OnceOptions, type OnceResult } from './once.ts';

export interface ScheduleOptions extends RunnerOptions {
  /** As `parseCron` takes it. */
  readonly cron: string;
  /** IANA name; default UTC. */
  readonly timezone?: string;
  /** An alarm goes off when no run has had a verdict for so long, ms. Default: twice the longest wait between two runs, at least 10 min. */
  readonly deadManMs?: number;
  /** Ends the schedule: the run under way is cancelled and begun again by the next start. */
  readonly signal: AbortSignal;
  /** Told at least twice a minute while the schedule lives. */
  readonly onBeat?: () => void;
}

/** What goes on, and the run that could not be begun: when it is tried again, unix ms. */
interface Under {
  run: Promise<void> | null;
  alarm: Promise<unknown> | null;
  owed: { readonly due: Due; readonly at: number } | null;
}

/** The longest the loop sleeps, ms: so that it notices a wall clock that was set. */
const longestSleep = 20_000;

/** How soon a run is tried again that could not be begun, ms. */
const againMs = 60_000;

/**
 * Verifies at the times of a cron pattern until the signal ends it. One run at a time: a time that comes while a run goes on is left out and
 * counted. A run is begun at once where the last one did not finish (the process was killed), where a time was missed meanwhile, and at the
 * very first start, so that what is set up wrongly shows then. One that could not be begun, because another process held the lock or the lock could
 * not be used, is tried again each minute, until a run of somebody has ended: the other process may be killed, or be gone on another machine.
 *
 * @throws VerifierError SCHEDULE_INVALID, before anything is begun; VERIFY_STUCK, when a cancelled run does not end: the process must be
 *   started anew
 */
export async function runSchedule(options: ScheduleOptions): Promise<void> {
  const { signal, onBeat } = options;
  const times = parseCron(options.cron, options.timezone);
  const runner = new Runner(options, await options.record.load());
  const { clock, observer, logger } = runner;
  const deadMan = new DeadMan(deadManLimit(options, times, clock.now()));
  const ended = new AbortController();
  let stuck: VerifierError | null = null;
  const under: Under = { run: null, alarm: null, owed: null };

  const begin = (due: Due): void => {
    under.owed = null;
    under.run = attempt(runner, due, signal).then((result) => {
      under.run = null;
      if (result === null || result.kind === 'skipped')
        under.owed = { due: { ...due, again: true }, at: clock.now() + againMs };
      if (result?.kind !== 'stuck') return;
      stuck = new VerifierError('VERIFY_STUCK', result.error.message);
      ended.abort();
    });
  };

  const over = AbortSignal.any([signal, ended.signal]);
  const due = dueAtStart(runner.record, times, clock.now());
  let last = clock.now();
  if (due !== null && !over.aborted) begin({ trigger: due, since: last, again: false });
  let next = times.next(last);
  observer.next(next);
  while (!over.aborted) {
    onBeat?.();
    const now = clock.now();
    if (now < last - 60_000) {
      // The clock was put back: what was computed by the wrong one could lie years ahead.
      next = times.next(now);
      observer.next(next);
      if (under.owed !== null) under.owed = { ...under.owed, at: now };
    }
    last = now;
    if (next !== null && now >= next) {
      if (under.run === null) begin({ trigger: 'schedule', since: next, again: false });
      else {
        observer.skipped('running');
        logger.warn('a run is still going on: this one is left out', { time: new Date(next).toISOString() });
      }
      next = times.next(now);
      observer.next(next);
    }
    const { owed } = under;
    if (owed !== null && under.run === null && now >= owed.at) begin(owed.due);
    // Another process on the same state may have finished one.
    if (deadMan.isOverdue(runner.record, now)) await runner.reload();
    observer.overdue(deadMan.isOverdue(runner.record, now));
    const overdue: Overdue | null = under.alarm === null ? deadMan.check(runner.record, now) : null;
    if (overdue !== null) {
      logger.error('no verification has finished in time', { ...overdue });
      under.alarm = runner.deliver({ overdue }, over).finally(() => (under.alarm = null));
    }
    await clock.sleep(Math.min(longestSleep, Math.max(1, (next ?? Infinity) - clock.now())), over);
  }
  await endingSoon(Promise.all([under.run, under.alarm]), { stop: over, ms: runner.longestEndMs, clock });
  if (stuck !== null) throw stuck;
}

/** The lock that cannot be used is no reason to end: it is tried again, and the dead man's switch goes off meanwhile. */
async function attempt(runner: Runner, due: Due, signal: AbortSignal): Promise<Attempt | null> {
  try {
    return await runner.attempt(due, signal);
  } catch (error) {
    runner.logger.error('a run could not be begun', { error });
    return null;
  }
}

function dueAtStart(record: RunRecord, times: CronTimes, now: number): RunTrigger | null {
  if (record.started === null) return 'start';
  if (isUnfinished(record)) return 'resume';
  const following = times.next(record.started.at);
  return following !== null && following <= now ? 'catch-up' : null;
}

function deadManLimit({ deadManMs }: ScheduleOptions, times: CronTimes, now: number): number {
  if (deadManMs === undefined) return Math.max(600_000, 2 * times.longestGap(now));
  if (Number.isSafeInteger(deadManMs) && deadManMs > 0) return deadManMs;
  throw invalid(`The option deadManMs is ${deadManMs}: it must be a whole number above 0.`);
}
