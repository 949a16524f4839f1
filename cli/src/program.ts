import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { createContext } from './context.ts';
import type { Context, GlobalOptions } from './context.ts';
import { processNames } from './services.ts';
import type { ServiceName } from './services.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Loads and runs a command with what all of them need, and turns its result into the exit code. Only that command's libraries are loaded. */
function action<Flags>(
  load: () => Promise<(context: Context, flags: Flags, args: string[]) => Promise<number> | number>,
  use: 'configuration' | 'nothing' = 'configuration',
) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const context = createContext(command.optsWithGlobals<GlobalOptions>(), use);
    const run = await load();
    process.exitCode = await run(context, command.opts<Flags & object>(), command.args);
  };
}

/** Every command and flag there is. Parsing runs the command named; its exit code goes to `process.exitCode`. */
export function buildProgram(): Command {
  const program = new Command('tallystick')
    .description('A tamper-evident audit ledger on Kafka.')
    .version(version, '--version', 'print the version')
    .option('--config <file>', 'configuration (default: $TALLYSTICK_CONFIG, or ./tallystick.yaml if there is one)')
    .option('--stack <name>', 'which local stack', 'local')
    .showHelpAfterError('("tallystick --help" lists the commands)')
    .exitOverride();

  program
    .command('up')
    .description('start the local stack, the ledger and the worker in the background')
    .option('--no-services', 'start the servers only, not the ledger and the worker')
    .action(action(async () => (await import('./commands/up.ts')).upCommand));
  program
    .command('down')
    .description('stop all that "up" started')
    .option('--wipe', 'and delete its data and keys, after asking')
    .option('--yes', 'do not ask')
    .action(action(async () => (await import('./commands/down.ts')).downCommand));
  program
    .command('status')
    .description('what runs, where, how far sealing is behind, and alarms')
    .option('--json', 'as JSON, with all that a tool needs to connect as the verifier does')
    .action(action(async () => (await import('./commands/status.ts')).statusCommand));
  program
    .command('start')
    .description('run the stack and the services until Ctrl-C')
    .action(action(async () => (await import('./commands/start.ts')).startCommand));
  const services: Readonly<Record<ServiceName, string>> = {
    ledger: 'run the ledger in the foreground: all its roles, or those of ledger.roles',
    worker: 'run the anomaly worker in the foreground',
    seal: 'run the role of the ledger that seals, and no other: it needs the seal key',
    publish: 'run the role of the ledger that publishes the log, and no other: it needs the log key',
    serve: 'run the role of the ledger that serves log and proofs over HTTP, and no other: it needs no key',
  };
  for (const name of processNames) {
    program
      .command(name)
      .description(services[name])
      .option('--service-of <folder>', 'names the stack on the command line, for "down" to find it')
      .action(
        action(async () => {
          const { serviceCommand } = await import('./commands/service.ts');
          return (context) => serviceCommand(context, name);
        }),
      );
  }
  program
    .command('verify')
    .description(
      'recompute everything from the raw records; exit 0 verified, 1 tampering, loss or fork, 2 usage, 3 inconclusive',
    )
    .option('--anchor <file>', 'what earlier runs accepted: kept there and never gone back on')
    .option('--anchor-key <file>', 'key of the code that protects it (default: made beside it at first use)')
    .option('--log <place>', 'URL or folder of the published log (default: as configured)')
    .option('--no-log', 'do not look at the published log')
    .option(
      '--policy <file>',
      "C2SP tlog-policy: log keys, witnesses and quorum (default: log.policyFile, or the installation's)",
    )
    .option('--root-key <vkey>', "the root vkey or a file that holds it (default: rootKey, or the installation's)")
    .option(
      '--limits <file>',
      'JSON: acknowledged findings, and limits for tail, checkpoint, unpublished statements, clocks and how long the query copy is kept',
    )
    .option(
      '--checkpoint <file>',
      'a checkpoint that a witness or somebody else kept: the published log is held to it (may be given again)',
      (file: string, before?: readonly string[]) => [...(before ?? []), file],
    )
    .option('--partition <n>', 'only the events of this partition')
    .option('--offsets <range>', 'only these offsets of it: 17, 17-90 or 17-; widened to whole seals')
    .option('--incremental', 'go on from what the anchor says was checked')
    .option(
      '--follow [seconds]',
      'incremental runs as the log grows, until Ctrl-C: every 10 seconds, or as given; needs an anchor',
    )
    .option('--bundle <file>', 'check an evidence bundle, offline')
    .option('--query-copy', 'hold every row in ClickHouse against its record, too')
    .option(
      '--workers <n>',
      'threads that read records (default: one a core, of a bundle 8 at most, of a cluster 2; below 300,000 events 1)',
    )
    .option(
      '--self-test',
      'show on altered copies of your own records that tampering is found (the newest; the oldest beyond 3,000 statements)',
    )
    .option('--schedule <cron>', 'go on for ever, and verify at these times: "0 3 * * *"')
    .option('--timezone <name>', 'of the schedule (default: UTC)')
    .option(
      '--state <folder>',
      'lock and memory of the schedule; without a schedule: one run at a time, told as by one',
    )
    .option(
      '--timeout <seconds>',
      'with --schedule or --state: a run that takes longer is cancelled (default: 86400, a day)',
    )
    .option('--metrics <host:port>', 'where a schedule serves /metrics, /livez and /readyz')
    .option('--record', 'write each run into the ledger as an audit event, and to ClickHouse where there is one')
    .option('--report-html <file>', 'a page for people')
    .option('--report-junit <file>', 'for CI')
    .option('--report-json <file>', 'for programs')
    .option('--json', 'the verdict as one line of JSON')
    .action(action(async () => (await import('./commands/verify.ts')).verifyCommand));
  program
    .command('evidence')
    .description('evidence for who checks the log without any network')
    .command('export')
    .description('write one file with events, statements and the published log, as they are stored')
    .option(
      '--from <edge>',
      'an offset, a day or a time with its zone: widened to whole seals (default: the beginning)',
    )
    .option('--to <edge>', 'the same (default: as far as there is something)')
    .option('--partition <number>', 'events of this partition only')
    .requiredOption('-o, --output <file>', 'where it goes; "-": standard output')
    .action(action(async () => (await import('./commands/evidence.ts')).evidenceExportCommand));
  program
    .command('prove [partition] [offset]')
    .description('write the proof that one event (default: the newest) is sealed and in the published log')
    .option('-o, --output <file>', 'where it goes (default: standard output)')
    .option('--topic <name>', 'the topic (default: that of the events)')
    .option('--url <url>', 'ask the server of that log, in place of the log and Kafka')
    .option('--redacted', 'without the event: its leaf and offset stand in its place')
    .action(action(async () => (await import('./commands/prove.ts')).proveCommand));
  program
    .command('check-proof <file>')
    .description('check a proof offline, from the file ("-": standard input), the root key and the policy alone')
    .option(
      '--policy <file>',
      "C2SP tlog-policy: log keys, witnesses and quorum (default: log.policyFile, or the installation's)",
    )
    .option('--root-key <vkey>', "the root vkey or a file that holds it (default: rootKey, or the installation's)")
    .option('--json', 'what is proven as one line of JSON')
    .action(action(async () => (await import('./commands/check-proof.ts')).checkProofCommand));
  program
    .command('log')
    .description('look after the published log')
    .command('check')
    .description(
      'hold every tile of the published log against the newest stored checkpoint; exit 1 if one is missing or wrong',
    )
    .option('--repair', "make what is missing or wrong anew, from the log and the seals topic, with the ledger's login")
    .action(action(async () => (await import('./commands/log-check.ts')).logCheckCommand));
  const keys = program.command('keys').description('make, show, add, retire and rotate the keys of the log');
  keys
    .command('show')
    .description('the vkeys of the log and which of them are valid, as the ledger says')
    .option('--offline', 'from the key statements in files, without Kafka')
    .option('--json', 'as one line of JSON')
    .action(action(async () => (await import('./commands/keys-show.ts')).keysShowCommand));
  keys
    .command('make <role>')
    .description('make a key pair: root, seal, log or producer')
    .option(
      '-o, --output <file>',
      "where the secret key goes (default: the stack's keys folder, or this one); its vkey goes beside it",
    )
    .option('--encrypt', 'encrypt it with the passphrase of keys.passphraseFile')
    .option('--source <name>', 'of a producer key: the source it signs for')
    .action(action(async () => (await import('./commands/keys-make.ts')).keysMakeCommand));
  for (const change of ['add', 'retire'] as const) {
    keys
      .command(`${change} <role> <vkey>`)
      .description(`write the statement that ${change === 'add' ? 'adds' : 'retires'} a key, for the root key to sign`)
      .requiredOption('-o, --output <file>', 'the unsigned statement')
      .action(
        action<{ output: string }>(async () => {
          const { keysChangeCommand } = await import('./commands/keys-change.ts');
          return (context, flags, args) => keysChangeCommand(context, change, flags, args);
        }),
      );
  }
  keys
    .command('rotate <role>')
    .description('seal or log: make a new key and let the root key add it, where the root key is at hand')
    .option('--root-key <file>', "the root key (default: the installation's)")
    .option('-o, --output <file>', "where the new key goes (default: the stack's keys folder)")
    .option('--encrypt', 'encrypt it with the passphrase of keys.passphraseFile')
    .action(action(async () => (await import('./commands/keys-rotate.ts')).keysRotateCommand));
  keys
    .command('encrypt <file>')
    .description('write a key file again, encrypted with the passphrase of keys.passphraseFile')
    .requiredOption('-o, --output <file>', 'the encrypted file')
    .action(action(async () => (await import('./commands/keys-make.ts')).keysEncryptCommand));
  program
    .command('sign <file>')
    .description('sign a key statement or a later generation with the root key, offline, after showing what it does')
    .requiredOption('--key <file>', 'the root key')
    .requiredOption('-o, --output <file>', 'the signed statement')
    .option('--yes', 'do not ask')
    .action(action(async () => (await import('./commands/sign.ts')).signCommand));
  program
    .command('submit <file>')
    .description('write a signed statement to the ledger and say whether it is accepted')
    .option('--json', 'as one line of JSON')
    .action(action(async () => (await import('./commands/submit.ts')).submitCommand));
  program
    .command('generation <partition>')
    .description(
      'write the statement that begins a stopped partition anew, for the root key to sign, and say what is lost',
    )
    .requiredOption('--reason <reason>', 'recreated, truncated, diverged, migrated or unsealable')
    .requiredOption('-o, --output <file>', 'the unsigned statement')
    .option('--first-offset <offset>', 'the first offset that it covers, where that cannot be seen')
    .action(action(async () => (await import('./commands/generation.ts')).generationCommand));
  program
    .command('import')
    .description('import what other systems have recorded')
    .command('cloudtrail <files...>')
    .description('AWS CloudTrail: NDJSON or {"Records": [...]}, plain or gzip')
    .option('--json', 'the counts as one line of JSON')
    .action(action(async () => (await import('./commands/import-cloudtrail.ts')).importCloudTrailCommand));
  program
    .command('config')
    .description('print what is configured, secrets masked')
    .option('--list', 'every setting there is, with its environment variable')
    .action(action(async () => (await import('./commands/config.ts')).configCommand));
  program
    .command('witness')
    .description('run a witness: cosigns checkpoints of other logs that are consistent with what it saw before')
    .option('--log <vkeys...>', 'the logs to watch; several keys of one name are keys of one log')
    .option('--key <file>', 'the witness key')
    .option('--state <folder>', 'what it cosigned last; never to be lost or set back')
    .option('--listen <host:port>', 'where to listen for HTTP; put TLS before it')
    .option('--prefix <path>', 'path before /add-checkpoint')
    .option('--new-key <file>', 'make a witness key and end')
    .option('--name <name>', 'its name, such as witness.example.org/w1')
    .option('--new-state <folder>', 'make the empty state of a key that has never cosigned anything, and end')
    .action(action(async () => (await import('./commands/witness.ts')).witnessCommand, 'nothing'));
  program
    .command('demo')
    .description('the main job on real components, in a stack of its own, with an attack')
    .option('--json', 'a summary as the last line')
    .action(action(async () => (await import('./commands/demo.ts')).demoCommand, 'nothing'));
  return program;
}
