import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { signNote } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { type Context, deploymentOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { readInstallation } from '../installation.ts';
import { openSigner } from '../key-files.ts';
import { keyRole } from '../key-names.ts';
import { submitStatement } from '../submit-statement.ts';
import { draftKeyStatement } from './keys-change.ts';
import { type MakeFlags, makeKey } from './keys-make.ts';

export interface RotateFlags extends MakeFlags {
  readonly rootKey?: string;
}

/** Makes a new seal or log key and lets the root key, which must be at hand, add it. Says what is left to do by hand. */
export async function keysRotateCommand(context: Context, flags: RotateFlags, [given]: string[]): Promise<number> {
  const role = keyRole(given, ['seal', 'log']);
  const deployment = deploymentOf(context);
  const rootFile =
    flags.rootKey === undefined
      ? (readInstallation(context.stackHome)?.rootKeyFile ?? '')
      : resolve(context.cwd, flags.rootKey);
  if (!existsSync(rootFile)) {
    throw new CliError(
      'CONFIG_MISSING',
      `the root key is not here (${rootFile === '' ? 'name it with --root-key' : rootFile}). Where it is elsewhere, go step by step: ` +
        `"tallystick keys make ${role}", "tallystick keys add ${role} VKEY -o FILE", "tallystick sign" there, "tallystick submit"`,
    );
  }
  const root = openSigner(rootFile, context.config);
  if (root.key.vkey !== deployment.rootKey.vkey)
    throw new CliError(
      'NOT_FOR_ROOT',
      `${rootFile} holds ${root.key.vkey}, not the root key ${deployment.rootKey.vkey}`,
    );

  const key = makeKey(context, role, flags);
  context.say(`made ${key.vkey} in ${key.file}`);
  const { statement: draft, valid } = await draftKeyStatement(deployment, 'add', role, key.vkey);
  const { statement, offset } = await submitStatement(deployment, await signNote(formatStatement(draft), root));
  context.say(`the root key vouches for it: ${statement.kind} statement accepted at offset ${offset ?? '-'}`);
  context.out(key.vkey);
  for (const line of role === 'seal' ? afterSeal(key.file, valid) : afterLog(key, valid)) context.say(line);
  return 0;
}

/** The commands that retire the keys that were valid before; with several, the operator knows which one the new key takes the place of. */
function retiring(role: 'seal' | 'log', old: readonly string[]): string[] {
  const each = old.map((vkey) => `       tallystick keys retire ${role} '${vkey}' -o retire.txt`);
  return old.length < 2 ? each : ['     (one of these, whose place the new key takes)', ...each];
}

function afterSeal(file: string, old: readonly string[]): string[] {
  return [
    'Now:',
    `  1. Set ledger.sealKeyFile to ${file} (in tallystick.yaml) and restart the ledger: "tallystick down", then "tallystick up". Do so for every ledger that has the old key.`,
    '  2. When all run with it, retire the old key:',
    ...retiring('seal', old),
    '       tallystick sign retire.txt --key ROOTKEYFILE -o retire.note',
    '       tallystick submit retire.note',
    '     What it has sealed stays verifiable. A ledger that still uses it stops, loudly.',
    '  3. Destroy the old key file.',
  ];
}

function afterLog({ file, vkey }: { file: string; vkey: string }, old: readonly string[]): string[] {
  return [
    'Now:',
    `  1. Set log.nextKeyFile to ${file} and restart the publisher: checkpoints are signed by both keys.`,
    `  2. Give everybody who checks the log the new vkey: ${vkey}`,
    '  3. When they have it: set log.keyFile to the new file, unset log.nextKeyFile, restart the publisher; retire the old key:',
    ...retiring('log', old),
  ];
}
