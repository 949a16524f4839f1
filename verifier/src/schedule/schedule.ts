import { VerifierError } from '../errors.ts';
import type { Overdue, RunTrigger } from '../report/reporter.ts';
import { invalid, parseCron, type CronTimes } from './cron.ts';
import { DeadMan } from './dead-man.ts';
import { isUnfinished, type RunRecord } from './run-record.ts';
import { Runner, type Attempt, type RunnerOptions } from './runner.ts';

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

/** The longest the loop sleeps, ms: so that it notices a wall clock that was set. */
const longestSleep = 20_000;

/**
 * Verifies at the times of a cron pattern until the signal ends it. One run at a time: a time that comes while a run goes on is left out and
 * counted. A run is begun at once where the last one did not finish (the process was killed), where a time was missed meanwhile, and at the
 * very first start, so that what is set up wrongly shows then.
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
  const under: { run: Promise<void> | null; alarm: Promise<unknown> | null } = { run: null, alarm: null };

  const begin = (trigger: RunTrigger): void => {
    under.run = attempt(runner, trigger, signal).then((result) => {
      under.run = null;
      if (result?.kind !== 'stuck') return;
      stuck = new VerifierError('VERIFY_STUCK', result.error.message);
      ended.abort();
    });
  };

  const over = AbortSignal.any([signal, ended.signal]);
  const due = dueAtStart(runner.record, times, clock.now());
  if (due !== null && !over.aborted) begin(due);
  let last = clock.now();
  let next = times.next(last);
  observer.next(next);
  while (!over.aborted) {
    onBeat?.();
    const now = clock.now();
    if (now < last - 60_000) {
      // The clock was put back: what was computed by the wrong one could lie years ahead.
      next = times.next(now);
      observer.next(next);
    }
    last = now;
    if (next !== null && now >= next) {
      if (under.run === null) begin('schedule');
      else {
        observer.skipped('running');
        logger.warn('a run is still going on: this one is left out', { time: new Date(next).toISOString() });
      }
      next = times.next(now);
      observer.next(next);
    }
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
  await under.run;
  await under.alarm;
  if (stuck !== null) throw stuck;
}

/** The lock that cannot be used is no reason to end: the next time comes, and the dead man's switch goes off meanwhile. */
async function attempt(runner: Runner, trigger: RunTrigger, signal: AbortSignal): Promise<Attempt | null> {
  try {
    return await runner.attempt(trigger, signal);
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
