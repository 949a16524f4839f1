import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, rmSync, writeFileSync } from 'node:fs';
import { signerFromSeed, formatSignerKey, type SignerKey } from '@tallystick/core/note';
import { encryptKey } from '@tallystick/ledger-service/encrypted-key-file';
import { openFileSigner, readKeyFile } from '@tallystick/ledger-service/file-signer';
import { LedgerError } from '@tallystick/ledger-service/errors';
import type { NoteSigner } from '@tallystick/core/note';
import type { Config } from './config.ts';
import { CliError } from './errors.ts';

/** Fewer characters than this can be tried one by one, whatever scrypt costs. */
const leastPassphrase = 12;

export function newKey(name: string): SignerKey {
  const seed = new Uint8Array(randomBytes(32));
  return { name, seed, key: signerFromSeed(name, seed).key };
}

/**
 * Writes a key file (mode 0600), encrypted where a passphrase is given, and beside it the vkey (`x.key`, `x.vkey`).
 * @throws CliError FILE_EXISTS
 */
export function writeKeyFiles(file: string, key: SignerKey, passphrase: string | undefined): { vkeyFile: string } {
  const vkeyFile = `${file.replace(/\.key$/, '')}.vkey`;
  if (existsSync(vkeyFile)) throw exists(vkeyFile);
  const plain = `${formatSignerKey(key.name, key.seed)}\n`;
  writeNew(file, passphrase === undefined ? plain : encryptKey(key, passphrase), 0o600);
  writeNew(vkeyFile, `${key.key.vkey}\n`);
  return { vkeyFile };
}

/** Writes a file whole or not at all, and never over one that is there. @throws CliError FILE_EXISTS, CONFIG_INVALID */
export function writeNew(file: string, content: string | Uint8Array, mode = 0o644): void {
  const making = `${file}.making-${process.pid}`;
  try {
    writeFileSync(making, content, { mode, flag: 'wx' });
    linkSync(making, file);
  } catch (cause) {
    if (existsSync(file)) throw exists(file);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('CONFIG_INVALID', `cannot write ${file}: ${why}`, { cause });
  } finally {
    rmSync(making, { force: true });
  }
}

/** The passphrase for keys that are made here. @throws CliError CONFIG_MISSING, CONFIG_INVALID, SECRET_FILE */
export function passphraseForNew(config: Config): string {
  const passphrase = config.secret('keys.passphrase');
  if (passphrase === undefined) {
    throw new CliError(
      'CONFIG_MISSING',
      'no passphrase is given: set keys.passphraseFile (TALLYSTICK_KEYS_PASSPHRASE_FILE)',
    );
  }
  if (passphrase.length < leastPassphrase) {
    throw new CliError(
      'CONFIG_INVALID',
      `the passphrase has fewer than ${leastPassphrase} characters: who gets the file could find it by trying`,
    );
  }
  return passphrase;
}

/** The signer of a key file, with the passphrase of `keys.passphrase` where it is encrypted. @throws LedgerError KEY_… */
export function openSigner(file: string, config: Config): NoteSigner {
  return withPassphrase(config, (passphrase) => openFileSigner(file, passphrase));
}

/** The secret key in a key file, as {@link openSigner}. */
export function readSigner(file: string, config: Config): SignerKey {
  return withPassphrase(config, (passphrase) => readKeyFile(file, passphrase));
}

function withPassphrase<T>(config: Config, open: (options: { passphrase?: string }) => T): T {
  try {
    return open({});
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== 'KEY_PASSPHRASE_MISSING') throw error;
    const passphrase = config.secret('keys.passphrase');
    if (passphrase === undefined) throw error;
    return open({ passphrase });
  }
}

function exists(file: string): CliError {
  return new CliError('FILE_EXISTS', `${file} exists: it is not written over. Name another file, or move it away`);
}
