import { TallystickError } from '@tallystick/core/errors';
import { progressText, renderText } from '@tallystick/verifier/render';
import type { Progress, Verdict } from '@tallystick/verifier/verdict';
import { type Context, deploymentOf } from '../context.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { namedVkey } from '../named-vkey.ts';
import { progressLine, progressMode } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';
import { endText, FollowWords, worstOf } from '../verification/follow-words.ts';
import { runVerification, withVerification } from '../verification/run-verification.ts';
import { runOnceReported, runScheduled } from '../verification/run-reported.ts';
import { tellError } from '../verification/tell-error.ts';
import { modeOf, usage, type VerifyFlags } from '../verification/verify-flags.ts';

/** Exit codes of protocol section 9: 0 verified, 1 tampering, loss or fork, 2 usage or configuration, 3 inconclusive. */
export async function verifyCommand(given: Context, flags: VerifyFlags): Promise<number> {
  const signal = stopSignal();
  try {
    const context = withRootKey(given, flags);
    switch (modeOf(flags, flags.anchor !== undefined || context.config.has('verify.anchorFile'))) {
      case 'self-test':
        return await selfTest(context, flags, signal);
      case 'follow':
        return await follow(context, flags, signal);
      case 'schedule':
        return await runScheduled(context, flags, signal);
      case 'once':
        return await once(context, flags, signal);
    }
  } catch (error) {
    if (flags.json === true) tellError((line) => given.out(line), error);
    if (exitCodeOf(error) !== 1) throw error;
    given.say(`tallystick: the verification broke off: ${wordsOf(error)}`);
    return 3;
  }
}

/** With the key of the flag in place of one that is configured or installed, and the log that it is named after. */
function withRootKey(context: Context, { rootKey }: VerifyFlags): Context {
  if (rootKey === undefined) return context;
  const { vkey, name } = namedVkey(context, rootKey, '--root-key');
  const config = context.config.with('rootKey', vkey, '--root-key');
  const named = config.has('origin') || !name.endsWith('/root');
  return {
    ...context,
    config: named ? config : config.with('origin', name.slice(0, -'/root'.length), '--root-key'),
  };
}

async function once(context: Context, flags: VerifyFlags, signal: AbortSignal): Promise<number> {
  const verdict = await runOnceReported(context, flags, signal);
  print(context, flags, verdict);
  return verdict.exitCode;
}

/** Until it is told to stop; the exit code is that of the worst verdict. */
async function follow(context: Context, flags: VerifyFlags, signal: AbortSignal): Promise<number> {
  const seconds = flags.follow === true ? 10 : Number(flags.follow);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400)
    throw usage(`--follow ${String(flags.follow)}: give whole seconds from 1 to 86400`);
  const seen = new Set<number>();
  const words = new FollowWords(inColour(context));
  const anew = () => progressLine(progressMode(context.terminal, flags.json));
  let line = anew();
  await withVerification(context, { ...flags, incremental: true }, signal, async (options) => {
    const { follow: followLog } = await import('@tallystick/verifier/verify');
    const onProgress = (progress: Progress) => line.update(progressText(progress));
    const followed = { ...options, onProgress };
    await followLog(followed, {
      everyMs: seconds * 1000,
      signal,
      onVerdict: (verdict) => {
        seen.add(verdict.exitCode);
        line.clear();
        line = anew();
        context.out(flags.json === true ? JSON.stringify(verdict) : words.tell(verdict));
      },
    });
  });
  line.clear();
  const exitCode = worstOf(seen);
  if (flags.json !== true) context.out(endText(exitCode));
  return exitCode;
}

async function selfTest(context: Context, flags: VerifyFlags, signal: AbortSignal): Promise<number> {
  const line = progressLine(progressMode(context.terminal, flags.json));
  const result = await withVerification(context, flags, signal, async (options) => {
    const { selfTest: tryIt } = await import('@tallystick/verifier/self-test');
    const onProgress = (done: number, total: number) => line.update(`altering copies: ${done} of ${total}`);
    return await tryIt({ ...options, onProgress });
  });
  line.clear();
  if (flags.json === true) context.out(JSON.stringify(result));
  else {
    const { renderSelfTest } = await import('@tallystick/verifier/render-self-test');
    context.out(renderSelfTest(result));
  }
  return result.exitCode;
}

function print(context: Context, flags: VerifyFlags, verdict: Verdict): void {
  if (flags.json === true) context.out(JSON.stringify(verdict));
  else context.out(renderText(verdict, { colour: inColour(context) }));
}

function inColour({ env }: Context): boolean {
  return process.stdout.isTTY && env['NO_COLOR'] === undefined;
}

/** What is known by its code needs no more; of anything else the stack is what a report needs. */
function wordsOf(error: unknown): string {
  if (error instanceof TallystickError) return `${error.message} [${error.code}]`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** One verification without reports, for commands that use its verdict. */
export async function runVerify(context: Context, flags: VerifyFlags): Promise<Verdict> {
  deploymentOf(context);
  return await runVerification(context, flags, new AbortController().signal);
}
