import { join, resolve } from 'node:path';
import { type Context, deploymentOf } from '../context.ts';
import { keysFolder, readInstallation } from '../installation.ts';
import { newKey, passphraseForNew, readSigner, writeKeyFiles } from '../key-files.ts';
import { keyName, keyRole, keyRoles } from '../key-names.ts';

export interface MakeFlags {
  readonly output?: string;
  readonly encrypt?: boolean;
  readonly source?: string;
}

/** Makes a key pair. It counts for nothing before the root key adds it. */
export function keysMakeCommand(context: Context, flags: MakeFlags, [role]: string[]): number {
  const made = makeKey(context, keyRole(role, ['root', ...keyRoles]), flags);
  context.out(made.vkey);
  context.say(`secret key ${made.file}, vkey ${made.vkeyFile}`);
  if (role !== 'root')
    context.say(`Now let the root key add it: tallystick keys add ${role} '${made.vkey}' -o add-${role}.txt`);
  return 0;
}

export interface MadeKey {
  readonly file: string;
  readonly vkeyFile: string;
  readonly vkey: string;
}

/** @throws CliError USAGE, FILE_EXISTS, CONFIG_… */
export function makeKey(context: Context, role: 'root' | (typeof keyRoles)[number], flags: MakeFlags): MadeKey {
  const passphrase = flags.encrypt === true ? passphraseForNew(context.config) : undefined;
  const key = newKey(keyName(role, deploymentOf(context).origin, flags.source));
  const id = Buffer.from(key.key.keyId).toString('hex');
  const folder = readInstallation(context.stackHome) === null ? context.cwd : keysFolder(context.stackHome);
  const file = flags.output === undefined ? join(folder, `${role}-${id}.key`) : resolve(context.cwd, flags.output);
  const { vkeyFile } = writeKeyFiles(file, key, passphrase);
  return { file, vkeyFile, vkey: key.key.vkey };
}

/** Writes the key of a file again, encrypted with the passphrase of `keys.passphraseFile`. The first file stays. */
export function keysEncryptCommand(context: Context, flags: { output: string }, [file = '']: string[]): number {
  const from = resolve(context.cwd, file);
  const passphrase = passphraseForNew(context.config);
  const key = readSigner(from, context.config);
  const to = resolve(context.cwd, flags.output);
  writeKeyFiles(to, key, passphrase);
  context.out(`${to}: encrypted. Try it (for example with "tallystick sign"), then destroy ${from}`);
  return 0;
}
