import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatSignerKey, signNote, signerFromSeed } from '@tallystick/core/note';
import { formatStatement } from '@tallystick/core/statement';
import { CliError } from './errors.ts';

/** Where the files of a fresh installation lie. */
export interface Installation {
  readonly origin: string;
  /** Text of the root key's vkey: what verifiers pin. */
  readonly rootVkey: string;
  /** Signs key statements; to be taken away. The ledger is never given it. */
  readonly rootKeyFile: string;
  readonly sealKeyFile: string;
  readonly keyStatementFile: string;
  /** Secret from which ids of imported records derive. */
  readonly importKeyFile: string;
}

/**
 * The installation in `home`, made at the first call: root key, seal key, key statement 0 (which adds the seal key, signed by the
 * root key) and import key. The folder appears whole or not at all, so that a crash cannot leave half of it.
 */
export async function openInstallation(home: string, origin: string): Promise<Installation> {
  const folder = join(home, 'keys');
  if (!existsSync(folder)) await makeInstallation(home, folder, origin);
  const made = readInstallation(home);
  if (made === null) throw new CliError('NOT_RUNNING', `${folder} was removed while it was being read: try again`);
  return made;
}

/** The installation in `home`, or null where none was made. */
export function readInstallation(home: string): Installation | null {
  const folder = join(home, 'keys');
  if (!existsSync(folder)) return null;
  return {
    origin: readFileSync(join(folder, 'origin'), 'utf8').trim(),
    rootVkey: readFileSync(join(folder, 'root.vkey'), 'utf8').trim(),
    rootKeyFile: join(folder, 'root', 'root.key'),
    sealKeyFile: join(folder, 'seal.key'),
    keyStatementFile: join(folder, 'key-statement-0.note'),
    importKeyFile: join(folder, 'import.key'),
  };
}

async function makeInstallation(home: string, folder: string, origin: string): Promise<void> {
  const building = join(home, `keys.making-${process.pid}`);
  rmSync(building, { recursive: true, force: true });
  mkdirSync(join(building, 'root'), { recursive: true, mode: 0o700 });
  const secret = (name: string, content: string) =>
    writeFileSync(join(building, name), `${content}\n`, { mode: 0o600 });
  const open = (name: string, content: string | Uint8Array) => writeFileSync(join(building, name), content);

  const rootSeed = randomBytes(32);
  const root = signerFromSeed(`${origin}/root`, rootSeed);
  const sealSeed = randomBytes(32);
  const seal = signerFromSeed(`${origin}/seal`, sealSeed);
  const statement = formatStatement({
    kind: 'key',
    origin,
    number: 0,
    action: 'add',
    role: 'seal',
    key: seal.key.vkey,
    previous: null,
    time: Date.now(),
  });
  secret(join('root', 'root.key'), formatSignerKey(root.key.name, rootSeed));
  secret('seal.key', formatSignerKey(seal.key.name, sealSeed));
  secret('import.key', randomBytes(32).toString('base64'));
  open('root.vkey', `${root.key.vkey}\n`);
  open('seal.vkey', `${seal.key.vkey}\n`);
  open('origin', `${origin}\n`);
  open('key-statement-0.note', await signNote(statement, root));
  try {
    renameSync(building, folder);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another start made it first
  }
}
