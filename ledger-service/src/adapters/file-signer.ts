import { readFileSync, statSync } from 'node:fs';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { parseSignerKey, type NoteSigner } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';

const othersMay = 0o077;

/**
 * A signer from a file that holds one signer key (`PRIVATE+KEY+…`). Only its owner may have rights to the file. The key is read once.
 * @throws LedgerError KEY_FILE_MISSING, KEY_FILE_MODE, KEY_FILE_INVALID; no message holds the key
 */
export function openFileSigner(file: string): NoteSigner {
  const evidence = { file };
  let text: string;
  let mode: number;
  try {
    const stat = statSync(file);
    mode = stat.mode & 0o777;
    text = stat.isFile() ? readFileSync(file, 'utf8') : '';
  } catch (cause) {
    throw new LedgerError(
      'KEY_FILE_MISSING',
      `The seal key file ${file} cannot be read. Name the file that holds the seal key.`,
      { evidence, cause },
    );
  }
  // Windows has no such bits: every file seems open to all there.
  if (process.platform !== 'win32' && (mode & othersMay) !== 0) {
    throw new LedgerError(
      'KEY_FILE_MODE',
      `The seal key file ${file} has mode ${mode.toString(8).padStart(4, '0')}: others than its owner have rights to it. Run "chmod 600 ${file}", and consider the key known to others.`,
      { evidence: { ...evidence, expected: '0600', found: mode.toString(8).padStart(4, '0') } },
    );
  }
  try {
    const { name, seed } = parseSignerKey(text.replace(/\r?\n$/, ''));
    return nodeSigner(name, seed);
  } catch (cause) {
    // No cause in the message: it must not quote the key.
    throw new LedgerError(
      'KEY_FILE_INVALID',
      `The seal key file ${file} does not hold a signer key (PRIVATE+KEY+…). Restore it, or make a new key and add it with a key statement.`,
      { evidence, cause },
    );
  }
}
