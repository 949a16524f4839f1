import { silentLogger } from '@tallystick/kafka/logger';
import { VerifierError } from '../errors.ts';
import type { VerificationRun } from '../report/reporter.ts';
import { printable } from '../report/text.ts';
import { systemClock } from './clock.ts';
import { deliverInGrace } from './deliver.ts';
import { defaultReporting, Runner, type RunnerOptions } from './runner.ts';
import { endingSoon } from './supervise.ts';

export { closeReporters } from './deliver.ts';

export interface OnceOptions extends RunnerOptions {
  readonly signal: AbortSignal;
}

/** One run that is over, and the reporters that could not be told of it. */
export interface OnceResult {
  readonly run: VerificationRun;
  readonly failed: readonly string[];
}

/**
 * One run with lock and reports, as a CronJob wants it: what an earlier process left unfinished is told too.
 * @throws VerifierError VERIFY_RUNNING, VERIFY_ABORTED, VERIFY_STUCK, SCHEDULE_STATE, SCHEDULE_INVALID
 */
export async function runOnce(options: OnceOptions): Promise<OnceResult> {
  const runner = new Runner(options, await options.record.load());
  const due = { trigger: 'once', since: runner.clock.now(), again: false } as const;
  const { clock, longestEndMs: ms } = runner;
  const attempt = await endingSoon(runner.attempt(due, options.signal), { stop: options.signal, ms, clock });
  switch (attempt?.kind) {
    case 'ended':
      return attempt;
    case 'stuck':
      throw new VerifierError('VERIFY_STUCK', attempt.error.message);
    case 'not needed':
      throw new VerifierError('VERIFY_RUNNING', 'Another process ran meanwhile.');
    case 'skipped':
      throw new VerifierError('VERIFY_RUNNING', heldText(attempt.holder));
    case 'lost':
      throw new VerifierError('VERIFY_RUNNING', 'Another process took the lock over: this run was given up.');
    case 'stopped':
    case undefined:
      throw new VerifierError('VERIFY_ABORTED', 'The verification was cancelled before it could give a verdict.');
  }
}

/** Who holds the lock, for people: its file says it as JSON, or as whatever somebody wrote there. */
function heldText(holder: string): string {
  const what = 'has been verifying with this state: wait for it, or give this run another one';
  try {
    const { pid, host } = JSON.parse(holder) as { pid?: unknown; host?: unknown };
    if (typeof pid === 'number' && typeof host === 'string') return `Process ${pid} on ${printable(host)} ${what}.`;
  } catch {
    // Not as this release writes it.
  }
  return `Another process ${what}.`;
}

type TellOptions = Pick<OnceOptions, 'reporters' | 'signal' | 'clock' | 'logger'>;

/**
 * Tells the reporters of a run that had no lock, with as many tries and as much time as one that had.
 * @returns the names of those that could not be told
 */
export async function tellRun(run: VerificationRun, options: TellOptions): Promise<readonly string[]> {
  const { reporters, signal, clock = systemClock, logger = silentLogger } = options;
  return await deliverInGrace(reporters, { run }, { clock, logger, ending: signal, ...defaultReporting });
}
