import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Logger } from '@tallystick/kafka/logger';
import type { Reporter, VerificationRun } from '@tallystick/verifier/reporter';
import { VerifierError } from '@tallystick/verifier/errors';
import type { Verdict } from '@tallystick/verifier/verdict';
import { type Context, deploymentOf } from '../context.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { createLogger } from '../log-lines.ts';
import { failedText, listenOf, openReporters } from './report-sinks.ts';
import { runVerification, withVerification } from './run-verification.ts';
import { plainError } from './tell-error.ts';
import { timeoutOf, type VerifyFlags } from './verify-flags.ts';

/**
 * One verification, told to whoever is asked for. With `--state` one runs at a time, and what an earlier process left unfinished is told too.
 * A report that fails changes no verdict: it is said.
 */
export async function runOnceReported(context: Context, flags: VerifyFlags, signal: AbortSignal): Promise<Verdict> {
  const logger = createLogger('verify', context.terminal);
  const heartbeat = flags.state !== undefined;
  const reporters = await openReporters(context, deploymentOf(context), flags, { version, logger, heartbeat });
  try {
    const parts = { signal, reporters, logger };
    if (flags.state !== undefined) return await underLock(context, flags, parts);
    const head = { id: randomUUID(), trigger: 'once', startedAt: new Date().toISOString() } as const;
    const over = () => ({ ...head, finishedAt: new Date().toISOString() });
    try {
      const verdict = await runVerification(context, flags, signal);
      await tell(context, flags, { ...over(), verdict }, parts);
      return verdict;
    } catch (error) {
      // A run that broke off is told too: a report of the run before would look like this one's.
      const { code, message } = plainError(error);
      await tell(context, flags, { ...over(), error: { code, message, exitCode: codeOf(error) } }, parts);
      throw error;
    }
  } finally {
    const { closeReporters } = await import('@tallystick/verifier/run-once');
    await closeReporters(reporters);
  }
}

interface Parts {
  readonly signal: AbortSignal;
  readonly reporters: readonly Reporter[];
  readonly logger: Logger;
}

async function tell(
  context: Context,
  flags: VerifyFlags,
  run: VerificationRun,
  { signal, reporters, logger }: Parts,
): Promise<void> {
  const { tellRun } = await import('@tallystick/verifier/run-once');
  sayFailed(context, flags, await tellRun(run, { reporters, logger, signal }));
}

function sayFailed(context: Context, flags: VerifyFlags, failed: readonly string[]): void {
  for (const name of failed) context.say(failedText(context, flags, name));
}

async function underLock(context: Context, flags: VerifyFlags, { signal, reporters, logger }: Parts): Promise<Verdict> {
  const { runOnce } = await import('@tallystick/verifier/run-once');
  let cause: unknown = null;
  const { run, failed } = await runOnce({
    ...(await memoryOf(context, flags)),
    run: async (ending) => {
      try {
        return await runVerification(context, flags, ending);
      } catch (error) {
        cause = error;
        throw error;
      }
    },
    reporters,
    logger,
    signal,
    exitCodeOf: codeOf,
  });
  sayFailed(context, flags, failed);
  if (run.verdict !== undefined) return run.verdict;
  const { code, message } = run.error;
  // What was thrown says then that the run was cancelled, not why.
  throw code === 'VERIFY_TIMED_OUT' ? new VerifierError(code, message) : cause;
}

/** Verifies at the times of a cron pattern until the signal ends it. */
export async function runScheduled(context: Context, flags: VerifyFlags, signal: AbortSignal): Promise<number> {
  const { runWorker } = await import('@tallystick/verifier/schedule-worker');
  const logger = createLogger('verify', context.terminal);
  const deployment = deploymentOf(context);
  const listen = flags.metrics === undefined ? {} : { listen: listenOf(flags.metrics) };
  const reporters = await openReporters(context, deployment, flags, { version, logger, heartbeat: true });
  await runWorker({
    ...(await memoryOf(context, flags)),
    ...listen,
    cron: flags.schedule ?? '',
    ...(flags.timezone === undefined ? {} : { timezone: flags.timezone }),
    run: async (ending, onProgress) =>
      await withVerification({ ...context, quiet: true }, flags, ending, async (options) => {
        const { verify } = await import('@tallystick/verifier/verify');
        return await verify({ ...options, onProgress });
      }),
    reporters,
    logger,
    signal,
    exitCodeOf: codeOf,
    onListening: (url) => context.say(`metrics at ${url}/metrics`),
  });
  return 0;
}

function codeOf(error: unknown): 2 | 3 {
  return exitCodeOf(error) === 2 ? 2 : 3;
}

async function memoryOf(context: Context, flags: VerifyFlags) {
  const maxRunMs = timeoutOf(flags);
  const { fileRunRecord } = await import('@tallystick/verifier/run-record');
  const { folderRunLock, makeStateFolder } = await import('@tallystick/verifier/run-lock');
  const folder =
    flags.state === undefined ? deploymentOf(context).verification.stateDir : resolve(context.cwd, flags.state);
  const { folderUntoldRuns } = await import('@tallystick/verifier/untold-runs');
  await makeStateFolder(folder);
  return {
    lock: folderRunLock(join(folder, 'run.lock')),
    record: fileRunRecord(join(folder, 'last-run.json')),
    untold: folderUntoldRuns(join(folder, 'untold')),
    ...(maxRunMs === undefined ? {} : { maxRunMs }),
  };
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
