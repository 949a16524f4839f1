import { Cron } from 'croner';
import { VerifierError } from '../errors.ts';

/** The times of a cron pattern. */
export interface CronTimes {
  /** Unix ms of the first time after `after`; null if there is none any more. */
  next(after: number): number | null;
  /** The longest wait between two times that follow each other, of the next ten, ms. */
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
  return {
    next,
    longestGap(after) {
      let gap = 0;
      let last = next(after);
      for (let times = 0; times < 10 && last !== null; times++) {
        const following = next(last);
        if (following === null) break;
        gap = Math.max(gap, following - last);
        last = following;
      }
      return gap;
    },
  };
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
