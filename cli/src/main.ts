#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { TallystickError } from '@tallystick/core/errors';
import { configCommand } from './commands/config.ts';
import { demoCommand } from './commands/demo.ts';
import { downCommand } from './commands/down.ts';
import { importCloudTrailCommand } from './commands/import-cloudtrail.ts';
import { serviceCommand } from './commands/service.ts';
import { startCommand } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
import { type Context, createContext, type GlobalOptions } from './context.ts';
import { CliError } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('tallystick')
  .description('A tamper-evident audit ledger on Kafka.')
  .version(version, '--version', 'print the version')
  .option('--config <file>', 'configuration (default: $TALLYSTICK_CONFIG, or ./tallystick.yaml if there is one)')
  .option('--stack <name>', 'which local stack', 'local')
  .showHelpAfterError('("tallystick --help" lists the commands)')
  .exitOverride();

/** Runs a command with what all of them need, and turns its result into the exit code. */
function action<Flags>(
  run: (context: Context, flags: Flags, args: string[]) => Promise<number> | number,
  use: 'configuration' | 'nothing' = 'configuration',
) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const context = createContext(command.optsWithGlobals<GlobalOptions>(), use);
    process.exitCode = await run(context, command.opts<Flags & object>(), command.args);
  };
}

program
  .command('up')
  .description('start the local stack, the ledger and the worker in the background')
  .option('--no-services', 'start the servers only, not the ledger and the worker')
  .action(action(upCommand));
program
  .command('down')
  .description('stop all that "up" started')
  .option('--wipe', 'and delete its data and keys, after asking')
  .option('--yes', 'do not ask')
  .action(action(downCommand));
program
  .command('status')
  .description('what runs, where, how far sealing is behind, and alarms')
  .option('--json', 'as JSON, with all that a tool needs to connect as the verifier does')
  .action(action(statusCommand));
program.command('start').description('run the stack and the services until Ctrl-C').action(action(startCommand));
for (const name of ['ledger', 'worker'] as const) {
  program
    .command(name)
    .description(name === 'ledger' ? 'run the ledger in the foreground' : 'run the anomaly worker in the foreground')
    .option('--service-of <folder>', 'names the stack on the command line, for "down" to find it')
    .action(action((context) => serviceCommand(context, name)));
}
program
  .command('verify')
  .description(
    'recompute everything from the raw records; exit 0 verified, 1 tampering, loss or fork, 2 usage, 3 inconclusive',
  )
  .option('--anchor <file>', 'what earlier runs accepted: kept there and never gone back on')
  .option('--json', 'the verdict as one line of JSON')
  .action(action(verifyCommand));
program
  .command('import')
  .description('import what other systems have recorded')
  .command('cloudtrail <files...>')
  .description('AWS CloudTrail: NDJSON or {"Records": [...]}, plain or gzip')
  .option('--json', 'the counts as one line of JSON')
  .action(action(importCloudTrailCommand));
program
  .command('config')
  .description('print what is configured, secrets masked')
  .option('--list', 'every setting there is, with its environment variable')
  .action(action(configCommand));
program
  .command('demo')
  .description('the main job on real components, in a stack of its own, with an attack')
  .option('--json', 'a summary as the last line')
  .action(action(demoCommand, 'nothing'));

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
  await program.parseAsync();
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
