import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from './encoding.ts';
import { CoreError } from './errors.ts';

// Libraries disagree on the edges of Ed25519 (small and mixed orders, encodings that are not canonical, the cofactor), and a
// signature that one checker takes and another refuses splits a ledger. So there is one judgement: RFC 8032, section 5.1.7,
// with the equation without the cofactor, the comparison byte for byte, and canonical public keys of large order. It is what
// OpenSSL, Go and ref10 do, but for their looser view of public keys.

const { Point } = ed25519;
const groupOrder = Point.CURVE().n;
const keyLength = 32;
const signatureLength = 64;

/** Says whether `signature` (64 bytes) over `message` is one of `publicKey` (32 bytes). Never throws on bad bytes. */
export type Ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** The protocol's one judgement, in portable JavaScript. */
export const verifyEd25519: Ed25519Verify = (publicKey, message, signature) => {
  const key = decodePublicKey(publicKey);
  if (key === null || signature.length !== signatureLength) return false;
  const r = signature.subarray(0, keyLength);
  const s = littleEndian(signature.subarray(keyLength));
  if (s >= groupOrder) return false;
  // k is reduced before it multiplies the key, as ref10 does: for keys with a small-order component that matters.
  const k = littleEndian(sha512(concatBytes(r, publicKey, message))) % groupOrder;
  const found = Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(k));
  return equalBytes(found.toBytes(), r);
};

// A ledger has few keys, and each is met in every statement and proof; a point costs 0.3 ms to decode. The oldest go first.
const maxKnownKeys = 64;
const knownKeys = new Set<string>();

/** May this be a public key: 32 bytes, the canonical encoding of a point of the curve that is not of small order? */
export function isCanonicalPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== keyLength) return false;
  const name = String.fromCharCode(...publicKey);
  if (knownKeys.has(name)) return true;
  if (decodePublicKey(publicKey) === null) return false;
  const [oldest] = knownKeys;
  if (knownKeys.size >= maxKnownKeys && oldest !== undefined) knownKeys.delete(oldest);
  knownKeys.add(name);
  return true;
}

/**
 * The public key (32 bytes) of a secret seed (32 bytes; RFC 8032, section 5.1.5).
 * @throws CoreError KEY_MALFORMED where the seed is not 32 bytes
 */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  checkSeed(seed);
  return ed25519.getPublicKey(seed);
}

/**
 * The signature (64 bytes) of `message` under a secret seed (RFC 8032, section 5.1.6): the same at every call.
 * @throws CoreError KEY_MALFORMED where the seed is not 32 bytes
 */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  checkSeed(seed);
  return ed25519.sign(message, seed);
}

function decodePublicKey(bytes: Uint8Array) {
  if (bytes.length !== keyLength) return null;
  let point;
  try {
    // The strict reading: y below p, and x = 0 only with sign 0.
    point = Point.fromBytes(bytes, false);
  } catch {
    return null;
  }
  return point.isSmallOrder() ? null : point;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

function checkSeed(seed: Uint8Array): void {
  // The seed itself is a secret and never part of an error.
  if (seed.length !== keyLength) {
    throw new CoreError('KEY_MALFORMED', `an Ed25519 seed has ${keyLength} bytes, this one has ${seed.length}`);
  }
}
