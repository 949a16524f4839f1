import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { decodeBase64 } from '@tallystick/core/encoding';
import { parseVerifierKey, signerFromSeed, type SignerKey } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';

// The format of an encrypted key file, version 1 (docs/operations.md, "Encrypted key files"): JSON with exactly these members in this
// order, two spaces of indentation and a final newline. The one form, so that a file has one meaning and any change of it shows.

const kind = 'tallystick/encrypted-key/v1';
/** RFC 7914. 2^17 with r 8 takes 128 MiB and about half a second; above 2^20 (1 GiB) a file could keep a machine busy. */
const leastN = 2 ** 17;
const mostN = 2 ** 20;
const r = 8;
const p = 1;

interface EncryptedKey {
  readonly format: typeof kind;
  /** The public half, so that a key can be told from another without the passphrase. Authenticated by the cipher. */
  readonly vkey: string;
  readonly kdf: 'scrypt';
  readonly n: number;
  readonly r: typeof r;
  readonly p: typeof p;
  /** base64, 16 bytes. */
  readonly salt: string;
  readonly cipher: 'aes-256-gcm';
  /** base64, 12 bytes. */
  readonly nonce: string;
  /** base64: the 32 bytes of the seed, encrypted, and the tag of 16 bytes. */
  readonly sealed: string;
}

/** Is this text meant to be an encrypted key file? Says nothing about whether it is one. */
export function isEncryptedKey(text: string): boolean {
  return text.startsWith('{');
}

/**
 * The text of an encrypted key file.
 * @param n scrypt's cost: a power of two from 2^17 to 2^20
 */
export function encryptKey({ seed, key }: SignerKey, passphrase: string, n = leastN): string {
  const head = {
    format: kind,
    vkey: key.vkey,
    kdf: 'scrypt',
    n,
    r,
    p,
    salt: randomBytes(16).toString('base64'),
    cipher: 'aes-256-gcm',
    nonce: randomBytes(12).toString('base64'),
  } as const;
  checkCost(n);
  const cipher = createCipheriv(head.cipher, derive(passphrase, head), Buffer.from(head.nonce, 'base64'));
  cipher.setAAD(authenticated(head));
  const sealed = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]).toString('base64');
  return format({ ...head, sealed });
}

/**
 * The key in an encrypted key file.
 * @throws LedgerError KEY_FILE_INVALID where it is not in the one form; KEY_PASSPHRASE_WRONG where it does not open: the passphrase is
 *   another one, or the file was altered. No message holds the passphrase or the key
 */
export function decryptKey(text: string, passphrase: string, file: string): SignerKey {
  const content = parse(text, file);
  const sealed = decodeBase64(content.sealed);
  const decipher = createDecipheriv(content.cipher, derive(passphrase, content), decodeBase64(content.nonce));
  decipher.setAAD(authenticated(content));
  decipher.setAuthTag(sealed.subarray(32));
  let seed: Uint8Array;
  try {
    seed = Buffer.concat([decipher.update(sealed.subarray(0, 32)), decipher.final()]);
  } catch {
    throw new LedgerError(
      'KEY_PASSPHRASE_WRONG',
      `The key file ${file} does not open: the passphrase is another one, or the file was altered. Check the passphrase; restore the file from a backup.`,
      { evidence: { file } },
    );
  }
  const key = parseVerifierKey(content.vkey);
  if (signerFromSeed(key.name, seed).key.vkey !== key.vkey)
    throw invalid(file, 'the key in it is not that of its vkey');
  return { name: key.name, seed: new Uint8Array(seed), key };
}

function parse(text: string, file: string): EncryptedKey {
  let content: EncryptedKey;
  try {
    // Its form is checked below: what it is formatted as again must be the text.
    content = JSON.parse(text) as EncryptedKey;
    if (content.format !== kind) throw new TypeError('its format is one that this release does not know');
    if (content.kdf !== 'scrypt' || content.r !== r || content.p !== p || content.cipher !== 'aes-256-gcm')
      throw new TypeError('its kdf or cipher is not one that this release knows');
    checkCost(content.n);
    parseVerifierKey(content.vkey);
    if (decodeBase64(content.salt).length !== 16) throw new TypeError('its salt has not 16 bytes');
    if (decodeBase64(content.nonce).length !== 12) throw new TypeError('its nonce has not 12 bytes');
    if (decodeBase64(content.sealed).length !== 48) throw new TypeError('its key has not 48 bytes');
    if (format(content) !== text) throw new TypeError('members are unknown, missing, repeated or written otherwise');
  } catch (cause) {
    throw invalid(file, cause instanceof Error ? cause.message : String(cause));
  }
  return content;
}

function format(content: EncryptedKey): string {
  const { format: name, vkey, kdf, n, r: size, p: lanes, salt, cipher, nonce, sealed } = content;
  const ordered = { format: name, vkey, kdf, n, r: size, p: lanes, salt, cipher, nonce, sealed };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/** All that is said in the clear: the lines `<member> <value>` of every member before `sealed`, in order. */
function authenticated(head: Omit<EncryptedKey, 'sealed'>): Buffer {
  const { format: name, vkey, kdf, n, salt, cipher, nonce } = head;
  const lines = { format: name, vkey, kdf, n, r, p, salt, cipher, nonce };
  return Buffer.from(
    Object.entries(lines)
      .map(([member, value]) => `${member} ${value}\n`)
      .join(''),
    'utf8',
  );
}

function derive(passphrase: string, { n, salt }: Pick<EncryptedKey, 'n' | 'salt'>): Buffer {
  // One passphrase can be typed as several code point sequences.
  const secret = Buffer.from(passphrase.normalize('NFC'), 'utf8');
  return scryptSync(secret, Buffer.from(salt, 'base64'), 32, { N: n, r, p, maxmem: 256 * n * r });
}

function checkCost(n: number): void {
  if (!Number.isSafeInteger(n) || n < leastN || n > mostN || !Number.isInteger(Math.log2(n)))
    throw new TypeError(`the cost n must be a power of two from ${leastN} to ${mostN}`);
}

function invalid(file: string, why: string): LedgerError {
  return new LedgerError(
    'KEY_FILE_INVALID',
    `The key file ${file} is not an encrypted key file: ${why}. Restore it from a backup.`,
    { evidence: { file } },
  );
}
