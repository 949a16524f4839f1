import { VerifierError } from '../errors.ts';
import type { RunError } from '../report/reporter.ts';
import type { Verdict } from '../verdict.ts';
import type { ScheduleClock } from './clock.ts';

/** How a run ended. `stopped`: the process is told to end. `stuck`: it was cancelled and goes on all the same. */
export type RunEnd =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'error'; readonly error: RunError }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'stuck'; readonly error: RunError };

export interface Limits {
  readonly clock: ScheduleClock;
  /** A run that takes longer is cancelled, ms. */
  readonly maxRunMs: number;
  /** How long a cancelled run may take to end, ms. */
  readonly graceMs: number;
  /** The process is to end. */
  readonly stop: AbortSignal;
  /** Somebody else has the lock. */
  readonly lost: AbortSignal;
  /** The exit code that an error means. */
  readonly exitCodeOf: (error: unknown) => 2 | 3;
}

/** Runs a verification to its end: a verdict, an error, or the end of our patience. Never rejects, never hangs. */
export async function supervise(run: (signal: AbortSignal) => Promise<Verdict>, limits: Limits): Promise<RunEnd> {
  const { clock, maxRunMs, graceMs, stop, lost, exitCodeOf } = limits;
  const cancel = new AbortController();
  const over = new AbortController();
  const ended = startRun(run, cancel.signal).then(
    (verdict): RunEnd => ({ kind: 'verdict', verdict }),
    (error: unknown): RunEnd => ({ kind: 'error', error: runErrorOf(error, exitCodeOf) }),
  );
  const tooLong = clock.sleep(maxRunMs, over.signal).then(() => 'late' as const);
  const first = await Promise.race([
    ended,
    tooLong,
    aborted(stop, 'stop', over.signal),
    aborted(lost, 'lost', over.signal),
  ]);
  if (typeof first === 'object') {
    over.abort();
    return first;
  }
  cancel.abort();
  const second = await Promise.race([ended, clock.sleep(graceMs, over.signal).then(() => null)]);
  over.abort();
  // It may have come to its verdict in that moment: that counts.
  if (second?.kind === 'verdict' && first === 'late') return second;
  if (first === 'stop') return { kind: 'stopped' };
  if (second === null) {
    const message = `A run was cancelled and has not ended ${graceMs} ms later: this process cannot go on.`;
    return { kind: 'stuck', error: { code: 'VERIFY_STUCK', message, exitCode: 3 } };
  }
  if (first === 'lost') return { kind: 'lost' };
  const message = `The run took longer than ${maxRunMs} ms and was cancelled. Nothing was verified.`;
  return { kind: 'error', error: { code: 'VERIFY_TIMED_OUT', message, exitCode: 3 } };
}

/**
 * What work comes to, or null where it has not ended `ms` after it was told to stop: a file system that gives no answer holds no process that is to end.
 */
export async function endingSoon<T>(
  work: Promise<T>,
  { stop, ms, clock }: { readonly stop: AbortSignal; readonly ms: number; readonly clock: ScheduleClock },
): Promise<T | null> {
  const over = new AbortController();
  const late = async (): Promise<null> => {
    await aborted(stop, 'stop', over.signal);
    await clock.sleep(ms, over.signal);
    return null;
  };
  try {
    return await Promise.race([work, late()]);
  } finally {
    over.abort();
  }
}

async function startRun(run: (signal: AbortSignal) => Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  return await run(signal);
}

async function aborted<T>(signal: AbortSignal, what: T, over: AbortSignal): Promise<T> {
  if (signal.aborted) return what;
  return await new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(what), { once: true, signal: over });
  });
}

/** An error as a report holds it. */
export function runErrorOf(error: unknown, exitCodeOf: (error: unknown) => 2 | 3): RunError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  const message = error instanceof Error ? error.message : String(error);
  return { code, message: message.slice(0, 4_000), exitCode: exitCodeOf(error) };
}

/** 2 where a setting, a file or a key is at fault, 3 for the rest: what broke off has found nothing. */
export function defaultExitCodeOf(error: unknown): 2 | 3 {
  const usage = /^(?:OPTIONS|ANCHOR|POLICY|SCHEDULE)_(?!TIMED_OUT$|STATE$)/;
  return error instanceof VerifierError && usage.test(error.code) ? 2 : 3;
}
