import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from './errors.ts';
import { completeInstallation, makeInstallation } from './make-installation.ts';

/** Where the files of an installation lie. */
export interface Installation {
  readonly origin: string;
  /** Text of the root key's vkey: what verifiers pin. */
  readonly rootVkey: string;
  /** Signs key statements; to be taken away. The ledger is never given it. */
  readonly rootKeyFile: string;
  readonly sealKeyFile: string;
  /** Signs checkpoints. null: an earlier release made this installation, and the key is not there yet. */
  readonly logKeyFile: string | null;
  /** What checkers of the log are given: one, or several while the log key is rotated. */
  readonly logVkeys: readonly string[];
  /** The notes of the first key statements, by number: 0 adds the seal key, 1 the log key. */
  readonly keyStatementFiles: readonly string[];
  /** C2SP tlog-policy with this log and no witnesses; null as `logKeyFile` is. */
  readonly policyFile: string | null;
  /** Secret from which ids of imported records derive. */
  readonly importKeyFile: string;
}

/**
 * The installation in `home`, made at the first call: root, seal and log key, key statements 0 and 1 (which add the seal and the log
 * key, signed by the root key), a policy without witnesses, and the import key. The folder appears whole or not at all, so that a
 * crash cannot leave half of it. One that an earlier release made, without a log key, is completed while the root key is there.
 * @throws CliError KEY_LOG_MISSING where it is not
 */
export async function openInstallation(
  home: string,
  origin: string,
  say: (line: string) => void = () => undefined,
): Promise<Installation> {
  if (!existsSync(keysFolder(home))) await makeInstallation(home, keysFolder(home), origin);
  else await completeInstallation(keysFolder(home), say);
  const made = readInstallation(home);
  if (made === null)
    throw new CliError('NOT_RUNNING', `${keysFolder(home)} was removed while it was being read: try again`);
  return made;
}

/** The installation in `home`, or null where none was made. */
export function readInstallation(home: string): Installation | null {
  const folder = keysFolder(home);
  if (!existsSync(join(folder, 'origin'))) return null;
  const there = (name: string) => (existsSync(join(folder, name)) ? join(folder, name) : null);
  const names = readdirSync(folder);
  return {
    origin: line(folder, 'origin'),
    rootVkey: line(folder, 'root.vkey'),
    rootKeyFile: join(folder, 'root', 'root.key'),
    sealKeyFile: join(folder, 'seal.key'),
    logKeyFile: there('log.key'),
    // The one in use first, then those that `keys rotate log` made.
    logVkeys: names
      .filter((name) => /^log(-[0-9a-f]+)?\.vkey$/.test(name))
      .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
      .map((name) => line(folder, name)),
    keyStatementFiles: ['key-statement-0.note', 'key-statement-1.note']
      .filter((name, number) => number === 0 || names.includes(name))
      .map((name) => join(folder, name)),
    policyFile: there('policy.txt'),
    importKeyFile: join(folder, 'import.key'),
  };
}

export function keysFolder(home: string): string {
  return join(home, 'keys');
}

function line(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8').trim();
}
