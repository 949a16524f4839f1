import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { isCanonicalPublicKey, publicKeyOf, verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { verifierKey, type NoteSigner } from './note.ts';

// The judgement of ed25519.ts on OpenSSL, about ten times as fast. OpenSSL's equation is the protocol's (S below L, no cofactor,
// R compared byte for byte). Its view of public keys is looser, so they are checked here first. Node's view of R is narrower
// since it refuses one of small order (nodejs/node#64026), which the protocol's rule does not: those few signatures,
// which no honest signer makes, are left to the portable code. A test holds both together.

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The canonical encodings of the eight points of small order. */
const smallOrder = new Set(
  [
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  ].map((hex) => Buffer.from(hex, 'hex').toString('latin1')),
);

// Few keys sign a ledger, but whoever writes rubbish can name many: the oldest go first.
const maxKeys = 256;
const keys = new Map<string, KeyObject | null>();

/** As {@link verifyEd25519} of `@tallystick/core/ed25519`, faster. */
export const nodeVerifyEd25519: Ed25519Verify = (publicKey, message, signature) => {
  if (signature.length !== 64) return false;
  const key = keyObject(publicKey);
  if (key === null) return false;
  if (smallOrder.has(latin1(signature.subarray(0, 32)))) return verifyEd25519(publicKey, message, signature);
  return verify(null, message, key, signature);
};

/** As `signerFromSeed` of `@tallystick/core/note`, faster: the same signatures. */
export function nodeSigner(name: string, seed: Uint8Array): NoteSigner {
  const key = verifierKey(name, publicKeyOf(seed));
  const secret = createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([pkcs8Prefix, seed]) });
  return { key, sign: (message) => Promise.resolve(new Uint8Array(sign(null, message, secret))) };
}

function keyObject(publicKey: Uint8Array): KeyObject | null {
  if (publicKey.length !== 32) return null;
  const name = latin1(publicKey);
  const known = keys.get(name);
  if (known !== undefined) return known;
  const made = isCanonicalPublicKey(publicKey)
    ? createPublicKey({ format: 'der', type: 'spki', key: Buffer.concat([spkiPrefix, publicKey]) })
    : null;
  const oldest = keys.keys().next();
  if (keys.size >= maxKeys && oldest.done !== true) keys.delete(oldest.value);
  keys.set(name, made);
  return made;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
