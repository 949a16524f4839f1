import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { parseSignerKey, type NoteSigner, type SignerKey } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';
import { decryptKey, isEncryptedKey } from './encrypted-key-file.ts';

const othersMay = 0o077;
/** A key file has a few hundred bytes. */
const maxBytes = 16 * 1024;

export interface FileSignerOptions {
  /** Of an encrypted key file. Must not be given for one that is not: who believes a key encrypted shall learn that it is not. */
  readonly passphrase?: string;
}

/**
 * A signer from a file that holds one signer key, plain (`PRIVATE+KEY+…`) or encrypted. Only its owner may have rights to the file. The
 * key is read once.
 * @throws LedgerError KEY_FILE_MISSING, KEY_FILE_MODE, KEY_FILE_INVALID, KEY_PASSPHRASE_MISSING, KEY_PASSPHRASE_WRONG; no message holds
 *   the key or the passphrase
 */
export function openFileSigner(file: string, options: FileSignerOptions = {}): NoteSigner {
  const { name, seed } = readKeyFile(file, options);
  return nodeSigner(name, seed);
}

/** The secret key in a file: for those who write it again under another protection. @throws as {@link openFileSigner} */
export function readKeyFile(file: string, { passphrase }: FileSignerOptions = {}): SignerKey {
  const text = readPrivate(file);
  const evidence = { file };
  if (isEncryptedKey(text)) {
    if (passphrase === undefined) {
      throw new LedgerError(
        'KEY_PASSPHRASE_MISSING',
        `The key file ${file} is encrypted, and no passphrase is given. Set it in a file or an environment variable; docs/operations.md names them.`,
        { evidence },
      );
    }
    return decryptKey(text, passphrase, file);
  }
  if (passphrase !== undefined) {
    throw new LedgerError(
      'KEY_FILE_INVALID',
      `The key file ${file} is not encrypted, but a passphrase is given for it. Encrypt it, or give none.`,
      { evidence },
    );
  }
  try {
    return parseSignerKey(text.replace(/\r?\n$/, ''));
  } catch (cause) {
    // No cause in the message: it must not quote the key.
    throw new LedgerError(
      'KEY_FILE_INVALID',
      `The key file ${file} does not hold a signer key (PRIVATE+KEY+…, or an encrypted one). Restore it, or make a new key and add it with a key statement.`,
      { evidence, cause },
    );
  }
}

/** The text of a file that only its owner has rights to; empty where it is no file. Mode and content are of one open file. */
function readPrivate(file: string): string {
  const evidence = { file };
  let text = '';
  let mode: number;
  try {
    // Without O_NONBLOCK a named pipe would be waited for.
    const handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(handle);
      mode = stat.mode & 0o777;
      if (stat.isFile() && stat.size <= maxBytes) {
        const bytes = Buffer.alloc(maxBytes);
        text = bytes.toString('utf8', 0, readSync(handle, bytes, 0, maxBytes, 0));
      }
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    throw new LedgerError(
      'KEY_FILE_MISSING',
      `The key file ${file} cannot be read. Name the file that holds the key.`,
      { evidence, cause },
    );
  }
  // Windows has no such bits: every file seems open to all there.
  if (process.platform !== 'win32' && (mode & othersMay) !== 0) {
    const found = mode.toString(8).padStart(4, '0');
    throw new LedgerError(
      'KEY_FILE_MODE',
      `The key file ${file} has mode ${found}: others than its owner have rights to it. Run "chmod 600 ${file}", and consider the key known to others.`,
      { evidence: { ...evidence, expected: '0600', found } },
    );
  }
  return text;
}
