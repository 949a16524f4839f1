import { randomBytes } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { witnessKey, type WitnessKey, type WitnessSigner } from '@tallystick/core/cosignature';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { formatSignerKey, parseSignerKey, type SignerKey } from '@tallystick/core/note';
import { codeOf } from '../adapters/whole-file.ts';
import { VerifierError } from '../errors.ts';

// A witness key is an Ed25519 seed in Go's text form (`PRIVATE+KEY+<name>+…`), the form that other witnesses take too. Its key
// id there is that of plain notes; the vkey that others configure is the one of type 0x04, which `witnessKey` makes.

const othersMay = 0o077;

/**
 * Makes a key and writes it to a new file, mode 0600; durable once resolved.
 * @throws VerifierError WITNESS_KEY_EXISTS, WITNESS_KEY_UNREADABLE, OPTIONS_INVALID where the name cannot be a key's
 */
export async function createWitnessKey(file: string, name: string): Promise<WitnessKey> {
  const seed = randomBytes(32);
  let text: string;
  try {
    text = formatSignerKey(name, seed);
  } catch (cause) {
    throw new VerifierError(
      'OPTIONS_INVALID',
      'A witness is named by 1 to 255 visible ASCII characters without "+", such as witness.example.org/w1.',
      { cause },
    );
  }
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') {
      throw new VerifierError('WITNESS_KEY_EXISTS', `${file} is there already: no key is ever overwritten.`, {
        evidence: { file },
      });
    }
    throw unreadable(file, cause);
  }
  return signerOf(parseSignerKey(text)).key;
}

/**
 * The signer of a key file. Only its owner may have rights to the file. The key is read once.
 * @throws VerifierError WITNESS_KEY_UNREADABLE, WITNESS_KEY_MODE, WITNESS_KEY_INVALID; no message holds the key
 */
export async function openWitnessKey(file: string): Promise<WitnessSigner> {
  let text: string;
  let mode: number;
  try {
    ({ mode } = await stat(file));
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
  // Windows has no such bits: every file seems open to all there.
  if (process.platform !== 'win32' && (mode & othersMay) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0');
    throw new VerifierError(
      'WITNESS_KEY_MODE',
      `The witness key file ${file} has mode ${found}: others than its owner have rights to it. Run "chmod 600 ${file}", and consider the key known to others.`,
      { evidence: { file, expected: '0600', found } },
    );
  }
  try {
    return signerOf(parseSignerKey(text.replace(/\r?\n$/, '')));
  } catch (cause) {
    throw new VerifierError(
      'WITNESS_KEY_INVALID',
      `The witness key file ${file} does not hold a signer key (PRIVATE+KEY+…). Restore it.`,
      { evidence: { file }, cause },
    );
  }
}

function signerOf({ name, seed, key }: SignerKey): WitnessSigner {
  const signer = nodeSigner(name, seed);
  return {
    key: witnessKey(name, key.publicKey),
    sign: (message) => signer.sign(message),
  };
}

function unreadable(file: string, cause: unknown): VerifierError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VerifierError(
    'WITNESS_KEY_UNREADABLE',
    `The witness key file ${file} cannot be read or written: ${why}.`,
    {
      evidence: { file },
      cause,
    },
  );
}
