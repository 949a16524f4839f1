#!/usr/bin/env node
import { CommanderError } from 'commander';
import { TallystickError } from '@tallystick/core/errors';
import { CliError } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { buildProgram } from './program.ts';

// Whoever closed the pipe (`| head`) wants no more lines: the work goes on to its end, and the exit code stays what it says.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    if (stream === process.stdout)
      process.stderr.write(`tallystick: cannot write the output: ${error.message} [${error.code ?? 'OUTPUT'}]\n`);
    process.on('exit', () => (process.exitCode = 3));
  });
}

try {
  await buildProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2; // commander has said why
  } else {
    const known =
      error instanceof TallystickError || (error instanceof Error && 'code' in error && typeof error.code === 'string');
    process.stderr.write(
      known
        ? `tallystick: ${error.message} [${error.code}]\n`
        : `tallystick: unexpected: ${String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exitCode = exitCodeOf(error);
    // What was interrupted may still be waiting for something that was stopped.
    if (error instanceof CliError && error.code === 'INTERRUPTED') process.exit(130);
  }
}
