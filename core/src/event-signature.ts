import { concatBytes, encodeUtf8, equalBytes, excerpt } from './encoding.ts';
import { verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { CoreError } from './errors.ts';
import type { NoteSigner, VerifierKey } from './note.ts';

// The header `sig` (protocol, section 8): a producer's signature on one event, so that whoever can write to the topic cannot
// speak for a producer.

/** Name of the record header that holds a signature. */
export const signatureHeader = 'sig';

/** Bytes of that header's value: a C2SP key id (4) and an Ed25519 signature (64). */
export const eventSignatureLength = 68;

/** What a signature covers. Neither offset nor time: the producer does not know them. */
export interface SignedEvent {
  /** Name of the log. */
  readonly origin: string;
  readonly topic: string;
  /** Key and value of the record as they are stored; null where there is none. */
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** Why a signature does not count: its length, no key given has its id, or it is not that key's over these bytes. */
export type SignatureVerdict = 'valid' | 'length' | 'key' | 'signature';

const firstLine = encodeUtf8('tallystick/event/v1\n');

/**
 * The bytes that are signed: the line `tallystick/event/v1`, origin and topic (u32 length and UTF-8 each), key and value (i32
 * length, -1 for null, and bytes each).
 * @throws CoreError ENCODING_INVALID where origin or topic hold half of a surrogate pair
 */
export function eventSignatureMessage({ origin, topic, key, value }: SignedEvent): Uint8Array {
  return concatBytes(
    firstLine,
    prefixed(encodeUtf8(origin)),
    prefixed(encodeUtf8(topic)),
    prefixed(key),
    prefixed(value),
  );
}

/**
 * Makes the value of the header `sig`, 68 bytes. The key's name is the event's source, or no checker takes it.
 * @throws CoreError NOTE_SIGNATURE_INVALID where the signer gives no 64 bytes
 */
export async function signEvent(event: SignedEvent, signer: NoteSigner): Promise<Uint8Array> {
  const signature = await signer.sign(eventSignatureMessage(event));
  if (signature.length !== eventSignatureLength - 4) {
    throw new CoreError(
      'NOTE_SIGNATURE_INVALID',
      `the signer of ${excerpt(signer.key.name)} gave ${signature.length} bytes, not 64`,
    );
  }
  return concatBytes(signer.key.keyId, signature);
}

/**
 * Judges a header `sig`. Never throws on bad bytes.
 * @param keys those that may sign this event: named as its source, and valid at its place. Of several with the id in the header one
 *   has to have signed.
 */
export function checkEventSignature(
  event: SignedEvent,
  header: Uint8Array | null,
  keys: readonly VerifierKey[],
  verify: Ed25519Verify = verifyEd25519,
): SignatureVerdict {
  if (header?.length !== eventSignatureLength) return 'length';
  const keyId = header.subarray(0, 4);
  const claimed = keys.filter((key) => equalBytes(key.keyId, keyId));
  if (claimed.length === 0) return 'key';
  const message = eventSignatureMessage(event);
  const signature = header.subarray(4);
  return claimed.some(({ publicKey }) => verify(publicKey, message, signature)) ? 'valid' : 'signature';
}

/** Length as four big-endian bytes (all ones for null), then the bytes. */
function prefixed(bytes: Uint8Array | null): Uint8Array {
  const length = bytes === null ? -1 : bytes.length;
  const whole = new Uint8Array(4 + Math.max(length, 0));
  new DataView(whole.buffer).setInt32(0, length);
  if (bytes !== null) whole.set(bytes, 4);
  return whole;
}
