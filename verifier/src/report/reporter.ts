import type { Verdict } from '../verdict.ts';

export const runTriggers = ['schedule', 'start', 'resume', 'catch-up', 'once'] as const;
/**
 * Why a run was begun: its time came; the very first start; the last run did not finish; its time came while nothing ran; asked for once.
 */
export type RunTrigger = (typeof runTriggers)[number];

/** Why there is no verdict. */
export interface RunError {
  /** A code of docs/errors.md, or `UNEXPECTED`. */
  readonly code: string;
  readonly message: string;
  /** 2: a setting, a file or a key is at fault. 3: could not check. */
  readonly exitCode: 2 | 3;
}

interface RunTimes {
  /** UUID. A run that is reported twice has the same. */
  readonly id: string;
  readonly trigger: RunTrigger;
  /** ISO 8601, this machine's clock. */
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** One run that is over: with a verdict, or with the reason why there is none. */
export type VerificationRun = RunTimes &
  (
    | { readonly verdict: Verdict; readonly error?: undefined }
    | { readonly verdict?: undefined; readonly error: RunError }
  );

/** The dead man's signal: no run has finished in time. */
export interface Overdue {
  /** ISO 8601: the end of the last run that had a verdict; null if there never was one. */
  readonly lastFinishedAt: string | null;
  /** ISO 8601: since when a run is waited for. */
  readonly since: string;
  /** A run was to finish within this time, ms. */
  readonly limitMs: number;
}

/**
 * Where runs are told. A reporter that fails changes no verdict: it is tried again some times, then the failure is logged and counted.
 * It may be called with the same run again, so the same report twice must do no harm.
 */
export interface Reporter {
  /** For logs and metrics: `html`, `clickhouse`, … */
  readonly name: string;
  /** It keeps a history: a run that it could not be told of is told with a later one, where a schedule has a memory. */
  readonly wantsEveryRun?: boolean;
  /**
   * Resolves when the report is where it is to be.
   * @param signal aborted when the time for it is over: it must reject soon after
   */
  report(run: VerificationRun, signal: AbortSignal): Promise<void>;
  overdue?(overdue: Overdue, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}
