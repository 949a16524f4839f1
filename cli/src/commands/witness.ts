import { resolve } from 'node:path';
import { parseVerifierKey } from '@tallystick/core/note';
import { createWitnessFolder, openWitnessFolder } from '@tallystick/verifier/witness-folder';
import { createWitnessKey, openWitnessKey } from '@tallystick/verifier/witness-key';
import { startWitness } from '@tallystick/verifier/witness';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { createLogger } from '../log-lines.ts';
import { parseListen } from '../loopback.ts';

export interface WitnessFlags {
  readonly log?: readonly string[];
  readonly key?: string;
  readonly state?: string;
  readonly listen?: string;
  readonly prefix?: string;
  readonly newKey?: string;
  readonly name?: string;
  readonly newState?: string;
}

/** Runs a witness until SIGINT or SIGTERM, or makes what one needs. It looks at no configuration: a witness is the auditor's. */
export async function witnessCommand(context: Context, flags: WitnessFlags): Promise<number> {
  if (flags.newKey !== undefined || flags.newState !== undefined) return make(context, flags);
  if (flags.name !== undefined) throw new CliError('USAGE', '--name goes with --new-key');
  const keyFile = needed(flags.key, '--key');
  const folder = needed(flags.state, '--state');
  const listen = parseListen(needed(flags.listen, '--listen'));
  if (listen === null) throw new CliError('USAGE', '--listen takes host:port, or [::1]:port');
  if (flags.log === undefined) throw new CliError('USAGE', '--log takes the vkey of each log to watch');
  const logs = flags.log.map(parseVerifierKey);
  const logger = createLogger('witness', context.terminal);
  const signer = await openWitnessKey(resolve(context.cwd, keyFile));
  const witness = await startWitness({
    logs,
    signer,
    store: await openWitnessFolder(resolve(context.cwd, folder), signer.key),
    listen,
    logger,
    ...(flags.prefix === undefined ? {} : { prefix: flags.prefix }),
  });
  context.out(`vkey ${witness.vkey}`);
  context.out(`url  ${witness.url}`);
  // Stays until the end: Ctrl-C reaches this process twice where another one passes it on.
  await new Promise<void>((stop) => {
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
  await witness.stop();
  return 0;
}

async function make(context: Context, flags: WitnessFlags): Promise<number> {
  const { newKey, newState, name } = flags;
  if ([flags.log, flags.state, flags.listen, flags.prefix].some((flag) => flag !== undefined)) {
    throw new CliError('USAGE', '--new-key and --new-state make something and end: run the witness afterwards');
  }
  if (newKey !== undefined && flags.key !== undefined)
    throw new CliError('USAGE', '--new-key and --key exclude each other');
  const key =
    newKey === undefined
      ? (await openWitnessKey(resolve(context.cwd, needed(flags.key, '--key')))).key
      : await createWitnessKey(resolve(context.cwd, newKey), needed(name, '--name'));
  if (newState !== undefined) await createWitnessFolder(resolve(context.cwd, newState), key);
  context.out(`vkey ${key.vkey}`);
  return 0;
}

function needed(value: string | undefined, flag: string): string {
  if (value === undefined || value === '') throw new CliError('USAGE', `witness: ${flag} is needed`);
  return value;
}
