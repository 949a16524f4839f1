import type { Logger } from '@tallystick/kafka/logger';
import type { Overdue, Reporter, VerificationRun } from '../report/reporter.ts';
import { systemClock, type ScheduleClock } from './clock.ts';

/** What is told: a run, or that none finished in time. */
export type Message = { readonly run: VerificationRun } | { readonly overdue: Overdue };

export interface Delivery {
  readonly clock: ScheduleClock;
  readonly logger: Logger;
  /** Tries for each reporter. */
  readonly attempts: number;
  /** Time for one try, ms. */
  readonly attemptMs: number;
  /** No more tries; what is under way is broken off. */
  readonly stop: AbortSignal;
  readonly onResult?: (reporter: string, delivered: boolean) => void;
}

/** What was to be told when the process is told to end is told yet, if that takes no longer than the grace. */
export interface Grace extends Omit<Delivery, 'stop'> {
  /** The process is to end. */
  readonly ending: AbortSignal;
  /** ms. */
  readonly graceMs: number;
}

/** As `deliver`, until some time after the process is told to end. */
export async function deliverInGrace(
  reporters: readonly Reporter[],
  message: Message,
  { ending, graceMs, ...delivery }: Grace,
): Promise<readonly string[]> {
  const over = new AbortController();
  const late = new AbortController();
  const onEnding = (): void => void delivery.clock.sleep(graceMs, over.signal).then(() => late.abort());
  if (ending.aborted) onEnding();
  else ending.addEventListener('abort', onEnding, { once: true, signal: over.signal });
  try {
    return await deliver(reporters, message, { ...delivery, stop: late.signal });
  } finally {
    over.abort();
  }
}

/**
 * Tells every reporter, all at once, each with its own tries. A failure is logged and counted and stays without effect on anything else.
 * @returns the names of those that failed
 */
export async function deliver(
  reporters: readonly Reporter[],
  message: Message,
  delivery: Delivery,
): Promise<readonly string[]> {
  const failed = await Promise.all(
    reporters.map(async (reporter) => {
      if ('overdue' in message && reporter.overdue === undefined) return null;
      const delivered = await tryOften(reporter, message, delivery);
      delivery.onResult?.(reporter.name, delivered);
      return delivered ? null : reporter.name;
    }),
  );
  return failed.filter((name) => name !== null);
}

/** What a reporter holds (connections) is given back. One that does not end soon, or fails at it, holds up nothing: its reports are told. */
export async function closeReporters(reporters: readonly Reporter[], clock = systemClock): Promise<void> {
  const over = new AbortController();
  const closed = Promise.allSettled(reporters.map(async (reporter) => await reporter.close?.()));
  await Promise.race([closed, clock.sleep(longestCloseMs, over.signal)]);
  over.abort();
}

const longestCloseMs = 2_000;

async function tryOften(reporter: Reporter, message: Message, delivery: Delivery): Promise<boolean> {
  const { clock, logger, attempts, stop } = delivery;
  for (let attempt = 1; ; attempt++) {
    try {
      await tryOnce(reporter, message, delivery);
      return true;
    } catch (error) {
      const last = attempt >= attempts || stop.aborted;
      const fields = {
        reporter: reporter.name,
        attempt,
        of: attempts,
        ...('run' in message && { run: message.run.id }),
        error,
      };
      if (last) {
        logger.error('a report could not be delivered; the verdict stands', { code: 'REPORT_FAILED', ...fields });
        return false;
      }
      logger.warn('a report could not be delivered; it is tried again', fields);
      await clock.sleep(Math.min(30_000, 1_000 * 2 ** (attempt - 1)), stop);
    }
  }
}

/** One try. A reporter that does not heed its signal is left behind: it cannot hold up what follows. */
async function tryOnce(reporter: Reporter, message: Message, { clock, attemptMs, stop }: Delivery): Promise<void> {
  const over = new AbortController();
  const cancel = new AbortController();
  const giveUp = async (): Promise<never> => {
    await clock.sleep(attemptMs, AbortSignal.any([stop, over.signal]));
    cancel.abort();
    throw new Error(stop.aborted ? 'the process is told to end' : `no end within ${attemptMs} ms`);
  };
  const work = async (): Promise<void> => {
    if ('run' in message) await reporter.report(message.run, cancel.signal);
    else await reporter.overdue?.(message.overdue, cancel.signal);
  };
  const end = giveUp();
  end.catch(() => undefined);
  const done = work();
  done.catch(() => undefined);
  try {
    await Promise.race([done, end]);
  } finally {
    over.abort();
  }
}
