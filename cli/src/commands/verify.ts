import { TallystickError } from '@tallystick/core/errors';
import { resolve } from 'node:path';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { fileAnchorStore } from '@tallystick/verifier/anchor-file';
import { renderText } from '@tallystick/verifier/render';
import { verify } from '@tallystick/verifier/verify';
import type { Verdict } from '@tallystick/verifier/verdict';
import { type Context, deploymentOf } from '../context.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { progressLine } from '../progress.ts';

export interface VerifyFlags {
  readonly anchor?: string;
  readonly json?: boolean;
}

/** Exit codes of protocol section 9: 0 verified, 1 tampering, loss or fork, 2 usage or configuration, 3 inconclusive. */
export async function verifyCommand(context: Context, flags: VerifyFlags): Promise<number> {
  let verdict: Verdict;
  try {
    verdict = await runVerify(context, flags);
  } catch (error) {
    // 1 is kept for what was found: a check that broke off has found nothing.
    const exitCode = exitCodeOf(error) === 1 ? 3 : exitCodeOf(error);
    if (flags.json === true)
      context.out(JSON.stringify({ version: 1, verdict: null, exitCode, error: plainError(error) }));
    if (exitCodeOf(error) !== 1) throw error;
    context.say(`tallystick: the verification broke off: ${wordsOf(error)}`);
    return 3;
  }
  if (flags.json === true) context.out(JSON.stringify(verdict));
  else context.out(renderText(verdict, { colour: process.stdout.isTTY && context.env['NO_COLOR'] === undefined }));
  return verdict.exitCode;
}

/** For scripts: without a verdict there is still one line of JSON. */
function plainError(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  return { code, message: error instanceof Error ? error.message : String(error) };
}

/** What is known by its code needs no more; of anything else the stack is what a report needs. */
function wordsOf(error: unknown): string {
  if (error instanceof TallystickError) return `${error.message} [${error.code}]`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export async function runVerify(context: Context, flags: VerifyFlags): Promise<Verdict> {
  const deployment = deploymentOf(context);
  const line = progressLine(context.terminal && flags.json !== true);
  const log = connectRecordLog(deployment.kafka('verifier'));
  const stop = new AbortController();
  const abort = () => stop.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  try {
    return await verify({
      log,
      topics: deployment.topics,
      origin: deployment.origin,
      rootKey: deployment.rootKey,
      signal: stop.signal,
      ...(flags.anchor === undefined ? {} : { anchor: fileAnchorStore(resolve(context.cwd, flags.anchor)) }),
      onProgress: ({ phase, done, total, partition }) =>
        line.update(
          phase === 'statements'
            ? `reading statements: ${done} of ${total}`
            : `checking records: ${done} of ${total}${partition === null ? '' : ` (partition ${partition})`}`,
        ),
    });
  } finally {
    process.off('SIGINT', abort);
    process.off('SIGTERM', abort);
    line.clear();
    await log.close();
  }
}
