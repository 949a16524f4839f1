import { concatBytes, encodeBase64, encodeUtf8, equalBytes, excerpt, isKeyName } from './encoding.ts';
import { isCanonicalPublicKey } from './ed25519.ts';
import { CoreError } from './errors.ts';
import { sha256 } from './hash.ts';
import { splitVkey } from './note-key.ts';

// The keys of witnesses: Ed25519 as those of logs, but of a type of their own, so that no signature of one kind is one of the
// other (C2SP tlog-cosignature, "Format").

/** C2SP's signature type of timestamped Ed25519 cosignatures. */
export const cosignatureType = 0x04;

/** A witness that may cosign checkpoints. */
export interface WitnessKey {
  /** Keeps it apart from the key of a log, which has the same other members. */
  readonly type: typeof cosignatureType;
  /** 1 to 255 characters of U+0021 to U+007E without "+". */
  readonly name: string;
  /** SHA-256(name || 0x0A || 0x04 || publicKey), first 4 bytes. */
  readonly keyId: Uint8Array;
  /** Ed25519, 32 bytes, canonical, not of small order. */
  readonly publicKey: Uint8Array;
  /** The whole as C2SP text. */
  readonly vkey: string;
}

/**
 * A witness' key from its C2SP text.
 * @throws CoreError KEY_MALFORMED where it does not parse, is of another type (that of a log, say), its id is not its own, or its
 *   public key is not canonical or of small order
 */
export function parseWitnessKey(vkey: string): WitnessKey {
  const { name, keyId, type, material } = splitVkey(vkey);
  if (type !== cosignatureType) {
    throw malformed(`the key of ${excerpt(name)} is of type ${type}; that of a witness is of type 4 here`);
  }
  const key = witnessKey(name, material);
  if (!equalBytes(key.keyId, keyId)) {
    throw new CoreError('KEY_MALFORMED', `the key id of ${excerpt(vkey)} is not that of its name and key`, {
      evidence: { expected: key.vkey, found: vkey },
    });
  }
  return key;
}

/**
 * The C2SP text of a witness' public key under a name.
 * @throws CoreError KEY_MALFORMED
 */
export function formatWitnessKey(name: string, publicKey: Uint8Array): string {
  return witnessKey(name, publicKey).vkey;
}

/** @throws CoreError KEY_MALFORMED where the name or the key is not one */
export function witnessKey(name: string, publicKey: Uint8Array): WitnessKey {
  if (!isKeyName(name)) {
    throw malformed(
      `the name of a witness' key is 1 to 255 visible ASCII characters without "+", not ${excerpt(name)}`,
    );
  }
  if (!isCanonicalPublicKey(publicKey)) {
    throw malformed(`the public key of ${excerpt(name)} is not a canonical Ed25519 key of large order`);
  }
  const encoded = concatBytes(Uint8Array.of(cosignatureType), publicKey);
  const keyId = sha256(concatBytes(encodeUtf8(`${name}\n`), encoded)).slice(0, 4);
  const hex = Array.from(keyId, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const vkey = `${name}+${hex}+${encodeBase64(encoded)}`;
  return { type: cosignatureType, name, keyId, publicKey: new Uint8Array(publicKey), vkey };
}

function malformed(message: string): CoreError {
  return new CoreError('KEY_MALFORMED', message);
}
