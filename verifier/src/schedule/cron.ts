import { Cron } from 'croner';
import { VerifierError } from '../errors.ts';

/** The times of a cron pattern. */
export interface CronTimes {
  /** Unix ms of the first time after `after`; null if there is none any more. */
  next(after: number): number | null;
  /** The longest wait between two times that follow each other, ms: of the next ten, and over the nights, weekends and months of a year. */
  longestGap(after: number): number;
}

/**
 * Five fields (minute, hour, day of month, month, day of week), or six with seconds first; names, ranges, steps, `L`, `#` and nicknames
 * such as `@daily`. Where clocks are put forward, a fixed time that does not exist comes right after; where they are put back, it comes once.
 * @param timezone IANA name; default UTC, so that a schedule means the same on every machine
 * @throws VerifierError SCHEDULE_INVALID
 */
export function parseCron(pattern: string, timezone = 'UTC'): CronTimes {
  const cron = open(pattern, timezone);
  const next = (after: number): number | null => cron.nextRun(new Date(after))?.getTime() ?? null;
  return { next, longestGap: (after) => Math.max(gapOfTen(next, after), gapOfYear(next, after)) };
}

type Next = CronTimes['next'];

function gapOfTen(next: Next, after: number): number {
  let gap = 0;
  let last = next(after);
  for (let times = 0; times < 10 && last !== null; times++) {
    const following = next(last);
    if (following === null) break;
    gap = Math.max(gap, following - last);
    last = following;
  }
  return gap;
}

/** `*\/10 9-17 * * *` waits ten minutes, and then a night. So each hour of eight days and each day of a year is asked what it waits for. */
function gapOfYear(next: Next, after: number): number {
  const first = next(after);
  if (first === null) return 0;
  let gap = 0;
  for (const [step, count] of [
    [3_600_000, 8 * 24],
    [86_400_000, 366],
  ] as const) {
    for (let at = first, asked = 0; asked < count; at += step, asked++) {
      const coming = next(at);
      if (coming !== null && coming - at > gap) gap = Math.max(gap, coming - lastBefore(next, at, step));
    }
  }
  return gap;
}

/** The last time that is not after `at`, to a second. Where there is none within `ms`, an earlier question saw the longer wait. */
function lastBefore(next: Next, at: number, ms: number): number {
  const isBefore = (from: number): boolean => {
    const coming = next(from);
    return coming !== null && coming <= at;
  };
  let [low, high] = [at - ms, at];
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2);
    if (isBefore(middle)) low = middle;
    else high = middle;
  }
  return Math.min(at, isBefore(low) ? (next(low) ?? at) : at);
}

function open(pattern: string, timezone: string): Cron {
  // A date instead of a pattern would come once and never again.
  if (!/^\s*(?:@\w+\s*$|\S+\s+\S)/.test(pattern))
    throw invalid(
      `The schedule ${JSON.stringify(pattern)} is no pattern of cron: write five fields, such as "0 3 * * *".`,
    );
  if (!isTimeZone(timezone))
    throw invalid(
      `The schedule's time zone ${JSON.stringify(timezone)} is not known here: give a name such as "Europe/Berlin", or UTC.`,
    );
  try {
    // Without a function croner only computes: our loop does the waiting, with a clock that tests can hold.
    const cron = new Cron(pattern, { timezone, paused: true, mode: '5-or-6-parts' });
    if (cron.nextRun() !== null) return cron;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalid(`The schedule ${JSON.stringify(pattern)}: ${why}`, cause);
  }
  throw invalid(`The schedule ${JSON.stringify(pattern)} never comes: no date fits it.`);
}

function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export function invalid(message: string, cause?: unknown): VerifierError {
  return new VerifierError('SCHEDULE_INVALID', message, cause === undefined ? {} : { cause });
}
