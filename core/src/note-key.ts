import { concatBytes, decodeBase64, encodeBase64, encodeUtf8, equalBytes, excerpt, isKeyName } from './encoding.ts';
import { isCanonicalPublicKey, publicKeyOf } from './ed25519.ts';
import { CoreError } from './errors.ts';
import { sha256 } from './hash.ts';

// The texts of keys, after C2SP signed-note ("Verifier keys") and golang.org/x/mod/sumdb/note (signer keys).

/** C2SP's signature type of plain Ed25519, the only one that Tallystick signs and checks notes with. */
export const ed25519Type = 0x01;

/** Who may have signed a note. */
export interface VerifierKey {
  /** 1 to 255 characters of U+0021 to U+007E without "+". */
  readonly name: string;
  /** SHA-256(name || 0x0A || 0x01 || publicKey), first 4 bytes. */
  readonly keyId: Uint8Array;
  /** Ed25519, 32 bytes, canonical, not of small order. */
  readonly publicKey: Uint8Array;
  /** The whole as C2SP text. */
  readonly vkey: string;
}

/** A secret key as read from its file: keep `seed` out of logs and errors. */
export interface SignerKey {
  readonly name: string;
  /** 32 bytes. */
  readonly seed: Uint8Array;
  readonly key: VerifierKey;
}

/** What the text of a C2SP vkey says, whatever its type: the key material has no meaning yet. */
export interface VkeyParts {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly type: number;
  readonly material: Uint8Array;
}

/**
 * Takes a vkey text apart: `<name>+<8 lower-case hex digits>+<base64 of type and key>`. Of an Ed25519 key the length and the
 * key id are checked as well; other types have rules of their own for their ids and are only taken apart.
 * @throws CoreError KEY_MALFORMED
 */
export function splitVkey(vkey: string): VkeyParts {
  const [name, hex, base64] = cut(vkey, 'a verifier key');
  const keyId = parseKeyId(hex, 'a verifier key');
  const encoded = decodeKey(base64, 'a verifier key');
  const type = encoded[0];
  if (type === undefined || encoded.length < 2) throw malformed('a verifier key holds no key');
  const material = encoded.subarray(1);
  if (type === ed25519Type) {
    if (material.length !== 32)
      throw malformed(`an Ed25519 key has 32 bytes, that of ${excerpt(name)} has ${material.length}`);
    checkKeyId(name, material, keyId);
  }
  return { name, keyId, type, material };
}

/**
 * An Ed25519 verifier key from its C2SP text.
 * @throws CoreError KEY_MALFORMED where it does not parse, is of another type, its id is not its own, or its public key is not
 *   canonical or of small order
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  const { name, keyId, type, material: publicKey } = splitVkey(vkey);
  if (type !== ed25519Type)
    throw malformed(`the key of ${excerpt(name)} is of type ${type}; only Ed25519 (1) is known here`);
  checkPublicKey(name, publicKey);
  return { name, keyId, publicKey, vkey };
}

/**
 * The C2SP text of an Ed25519 public key under a name.
 * @throws CoreError KEY_MALFORMED
 */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  return verifierKey(name, publicKey).vkey;
}

/** @throws CoreError KEY_MALFORMED where the name or the key is not one */
export function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  checkName(name, 'a verifier key');
  checkPublicKey(name, publicKey);
  const keyId = keyIdOf(name, publicKey);
  const encoded = encodeBase64(concatBytes(Uint8Array.of(ed25519Type), publicKey));
  return { name, keyId, publicKey: new Uint8Array(publicKey), vkey: `${name}+${toHex(keyId)}+${encoded}` };
}

/**
 * A signer key from Go's text form: `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`.
 * @throws CoreError KEY_MALFORMED; the message never holds the key
 */
export function parseSignerKey(text: string): SignerKey {
  const prefix = 'PRIVATE+KEY+';
  if (!text.startsWith(prefix)) throw malformed('a signer key begins with PRIVATE+KEY+');
  const [name, hex, base64] = cut(text.slice(prefix.length), 'a signer key');
  const keyId = parseKeyId(hex, 'a signer key');
  const encoded = decodeKey(base64, 'a signer key');
  if (encoded[0] !== ed25519Type || encoded.length !== 33)
    throw malformed('a signer key is not an Ed25519 seed of 32 bytes');
  const seed = encoded.subarray(1);
  const key = verifierKey(name, publicKeyOf(seed));
  checkKeyId(name, key.publicKey, keyId);
  return { name, seed, key };
}

/**
 * Go's text form of a signer key. It is a secret.
 * @throws CoreError KEY_MALFORMED
 */
export function formatSignerKey(name: string, seed: Uint8Array): string {
  const { keyId } = verifierKey(name, publicKeyOf(seed));
  return `PRIVATE+KEY+${name}+${toHex(keyId)}+${encodeBase64(concatBytes(Uint8Array.of(ed25519Type), seed))}`;
}

function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(encodeUtf8(name), Uint8Array.of(0x0a, ed25519Type), publicKey)).slice(0, 4);
}

function checkKeyId(name: string, publicKey: Uint8Array, keyId: Uint8Array): void {
  const expected = keyIdOf(name, publicKey);
  if (equalBytes(keyId, expected)) return;
  throw new CoreError('KEY_MALFORMED', `the key id ${toHex(keyId)} is not that of name and key of ${excerpt(name)}`, {
    evidence: { expected: toHex(expected), found: toHex(keyId) },
  });
}

function checkPublicKey(name: string, publicKey: Uint8Array): void {
  if (!isCanonicalPublicKey(publicKey)) {
    throw malformed(`the public key of ${excerpt(name)} is not a canonical Ed25519 key of large order`);
  }
}

function checkName(name: string, what: string): void {
  if (!isKeyName(name)) {
    throw malformed(`the name of ${what} is 1 to 255 visible ASCII characters without "+", not ${excerpt(name)}`);
  }
}

// Base64 can hold "+" itself: only the first two separate.
function cut(text: string, what: string): [name: string, hex: string, base64: string] {
  const first = text.indexOf('+');
  const second = text.indexOf('+', first + 1);
  if (first < 0 || second < 0) throw malformed(`${what} has three parts, separated by "+"`);
  const name = text.slice(0, first);
  checkName(name, what);
  return [name, text.slice(first + 1, second), text.slice(second + 1)];
}

function decodeKey(base64: string, what: string): Uint8Array {
  try {
    return decodeBase64(base64);
  } catch {
    // No cause: its message would quote what may be a secret.
    throw malformed(`the last part of ${what} is not canonical base64`);
  }
}

function parseKeyId(hex: string, what: string): Uint8Array {
  if (!/^[0-9a-f]{8}$/.test(hex)) throw malformed(`the key id of ${what} is 8 lower-case hexadecimal digits`);
  return Uint8Array.from({ length: 4 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function malformed(message: string): CoreError {
  return new CoreError('KEY_MALFORMED', message);
}
