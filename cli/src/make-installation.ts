import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  formatSignerKey,
  type NoteSigner,
  openNote,
  parseVerifierKey,
  signNote,
  signerFromSeed,
} from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { Base64Hash } from '@tallystick/core/statement-types';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { CliError } from './errors.ts';

/** Makes the folder of a fresh installation: it appears whole or not at all. */
export async function makeInstallation(home: string, folder: string, origin: string): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const building = mkdtempSync(join(home, 'keys.making-'));
  mkdirSync(join(building, 'root'), { mode: 0o700 });
  const secret = (name: string, content: string) =>
    writeFileSync(join(building, name), `${content}\n`, { mode: 0o600 });
  const open = (name: string, content: string | Uint8Array) => writeFileSync(join(building, name), content);
  const make = (name: string, file: string) => {
    const seed = randomBytes(32);
    secret(file, formatSignerKey(name, seed));
    return signerFromSeed(name, seed);
  };

  const root = make(`${origin}/root`, join('root', 'root.key'));
  const seal = make(`${origin}/seal`, 'seal.key');
  const log = make(origin, 'log.key');
  secret('import.key', randomBytes(32).toString('base64'));
  open('root.vkey', `${root.key.vkey}\n`);
  open('seal.vkey', `${seal.key.vkey}\n`);
  open('log.vkey', `${log.key.vkey}\n`);
  open('origin', `${origin}\n`);
  open('policy.txt', policyWithoutWitnesses(log.key.vkey));
  const first = await addition(root, { origin, number: 0, previous: null, role: 'seal', vkey: seal.key.vkey });
  open('key-statement-0.note', first.note);
  const { note } = await addition(root, {
    origin,
    number: 1,
    previous: first.hash,
    role: 'log',
    vkey: log.key.vkey,
  });
  open('key-statement-1.note', note);
  try {
    renameSync(building, folder);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another start made it first
  }
}

/**
 * Gives an installation of an earlier release what it lacks: log key, key statement 1, policy. What is there is left as it is, so a
 * crash in between is mended by the next call.
 * @throws CliError KEY_LOG_MISSING where only the root key could vouch for a new log key, and it was taken away
 */
export async function completeInstallation(folder: string, say: (line: string) => void): Promise<void> {
  const file = (name: string) => join(folder, name);
  const rootFile = join(folder, 'root', 'root.key');
  const origin = readFileSync(file('origin'), 'utf8').trim();
  if (!existsSync(file('log.key'))) {
    if (!existsSync(rootFile)) {
      throw new CliError(
        'KEY_LOG_MISSING',
        `an earlier release made the keys in ${folder}: there is no log key, and the root key that could vouch for one was taken away. ` +
          `Run "tallystick keys make log -o ${file('log.key')}", start again, and let the root key add it: "tallystick keys add log VKEY -o add-log.txt", ` +
          `"tallystick sign add-log.txt --key ROOTKEY -o add-log.note" where the root key is, "tallystick submit add-log.note"`,
      );
    }
    createOnce(file('log.key'), `${formatSignerKey(origin, randomBytes(32))}\n`, 0o600);
    say(`keys: made the log key ${file('log.key')}, which an earlier release did not have`);
  }
  if (!existsSync(file('log.vkey')))
    createOnce(file('log.vkey'), `${openFileSigner(file('log.key')).key.vkey}\n`, 0o644);
  const logVkey = readFileSync(file('log.vkey'), 'utf8').trim();
  if (!existsSync(file('policy.txt'))) createOnce(file('policy.txt'), policyWithoutWitnesses(logVkey), 0o644);
  if (existsSync(file('key-statement-1.note')) || !existsSync(rootFile)) return;
  const root = openFileSigner(rootFile);
  const { text } = openNote(readFileSync(file('key-statement-0.note')), parseVerifierKey(root.key.vkey));
  const { note } = await addition(root, {
    origin,
    number: 1,
    previous: statementHash(text),
    role: 'log',
    vkey: logVkey,
  });
  createOnce(file('key-statement-1.note'), note, 0o644);
  say(
    `keys: the root key vouches for the log key in ${file('key-statement-1.note')}. Give its vkey to who checks the log: ${logVkey}`,
  );
}

/** A C2SP tlog-policy of a log that no witness cosigns yet. */
export function policyWithoutWitnesses(...logVkeys: readonly string[]): string {
  return `${logVkeys.map((vkey) => `log ${vkey}\n`).join('')}quorum none\n`;
}

async function addition(
  root: NoteSigner,
  added: { origin: string; number: number; previous: Base64Hash | null; role: 'seal' | 'log'; vkey: string },
): Promise<{ note: Uint8Array; hash: Base64Hash }> {
  const { vkey, ...rest } = added;
  const text = formatStatement({ kind: 'key', action: 'add', key: vkey, time: Date.now(), ...rest });
  return { note: await signNote(text, root), hash: statementHash(text) };
}

/** Writes a file that is not there yet, whole or not at all; one that another start made meanwhile stays. */
function createOnce(file: string, content: string | Uint8Array, mode: number): void {
  const making = `${file}.making-${process.pid}`;
  writeFileSync(making, content, { mode });
  try {
    linkSync(making, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(making, { force: true });
  }
}
