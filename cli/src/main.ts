#!/usr/bin/env node
import { CommanderError } from 'commander';
import { TallystickError } from '@tallystick/core/errors';
import { commandName } from './command-name.ts';
import { endProcess, longestAfterErrorMs } from './end-process.ts';
import { CliError } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { checkNode } from './node-version.ts';
import { buildProgram } from './program.ts';
import { tellError } from './verification/tell-error.ts';

// Whoever closed the pipe (`| head`) wants no more lines: the work goes on to its end, and the exit code stays what it says.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    if (stream === process.stdout)
      process.stderr.write(`tallystick: cannot write the output: ${error.message} [${error.code ?? 'OUTPUT'}]\n`);
    process.on('exit', () => (process.exitCode = 3));
  });
}

const program = buildProgram();
const line = process.argv.slice(2);
const verifies = commandName(program, line) === 'verify';
/** An error that nobody expected ends the process: what still goes on has no say any more. */
let ending = false;

/** Says what ended the command. Of a verification 1 means tampering, and that only: whatever else happens to it ends 3 at best. */
function fail(error: unknown): void {
  const known =
    error instanceof TallystickError || (error instanceof Error && 'code' in error && typeof error.code === 'string');
  process.stderr.write(
    known
      ? `tallystick: ${error.message} [${error.code}]\n`
      : `tallystick: unexpected: ${String(error instanceof Error ? error.stack : error)}\n`,
  );
  const code = exitCodeOf(error);
  process.exitCode = code === 1 && verifies ? 3 : code;
}

/** The line of `verify --json` where there is no verdict, once. */
let lineTold = false;
function tellLine(error: unknown): void {
  if (!verifies || !line.includes('--json') || lineTold) return;
  lineTold = true;
  tellError((text) => process.stdout.write(`${text}\n`), error);
}

// Node itself would end with 1.
process.on('uncaughtException', (error) => {
  fail(error);
  if (ending) return;
  tellLine(error);
  ending = true;
  const code = process.exitCode;
  process.on('exit', () => (process.exitCode = code));
  void endProcess(longestAfterErrorMs);
});

try {
  checkNode(process.versions.node);
  await program.parseAsync();
} catch (error) {
  const help = error instanceof CommanderError && error.exitCode === 0;
  if (!help) tellLine(error);
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2; // commander has said why
  } else {
    fail(error);
    // What was interrupted may still be waiting for something that was stopped.
    if (error instanceof CliError && error.code === 'INTERRUPTED') process.exit(130);
  }
}
// With a verification all is over: what was cancelled, and does not heed that, would hold the process with its sockets, timers and threads.
if (verifies) await endProcess();
