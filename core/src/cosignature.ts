import { parseCheckpoint } from './checkpoint.ts';
import { concatBytes, encodeUtf8, excerpt } from './encoding.ts';
import { verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { CoreError } from './errors.ts';
import { claims, formatSignatureLine, parseNote, type NoteSignature, type SignedNote } from './note.ts';
import type { WitnessKey } from './witness-key.ts';

// C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature), the Ed25519 type: what a witness says of a checkpoint.

export { cosignatureType, formatWitnessKey, parseWitnessKey, witnessKey, type WitnessKey } from './witness-key.ts';

const timeLength = 8;
const signatureLength = 64;

/** Signs for a witness. Where the secret lives is the implementation's business. */
export interface WitnessSigner {
  readonly key: WitnessKey;
  /** The 64 bytes of an Ed25519 signature of `message`. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** One witness' word on a checkpoint. */
export interface Cosigned {
  readonly key: WitnessKey;
  /** When it cosigned by its own clock, unix seconds, 1 to 2^53-1. */
  readonly time: number;
}

/**
 * What a witness signs: the checkpoint's text behind two lines that keep it apart from everything else.
 * @param text of the checkpoint, final newline included
 * @param time unix seconds
 */
export function cosignatureMessage(text: string, time: number): Uint8Array {
  return encodeUtf8(`cosignature/v1\ntime ${time}\n${text}`);
}

/**
 * A witness' signature line for a checkpoint. Whether the log is consistent is the caller's to check before.
 * @param text of the checkpoint, final newline included
 * @param time unix seconds, 1 to 2^53-1
 * @throws CoreError CHECKPOINT_MALFORMED where the text is no checkpoint; COSIGNATURE_INVALID where the time is none or the
 *   signer gives no 64 bytes
 */
export async function cosign(text: string, witness: WitnessSigner, time: number): Promise<NoteSignature> {
  parseCheckpoint(text);
  if (!(Number.isSafeInteger(time) && time > 0)) {
    throw new CoreError('COSIGNATURE_INVALID', `${time} is not a time of 1 to 2^53-1 seconds`, {
      evidence: { found: time },
    });
  }
  const { name, keyId } = witness.key;
  const signature = await witness.sign(cosignatureMessage(text, time));
  if (signature.length !== signatureLength) {
    throw new CoreError('COSIGNATURE_INVALID', `the signer of ${excerpt(name)} gave ${signature.length} bytes, not 64`);
  }
  const stamp = new Uint8Array(timeLength);
  new DataView(stamp.buffer).setBigUint64(0, BigInt(time));
  return { name, keyId, signature: concatBytes(stamp, signature) };
}

/**
 * The known witnesses that cosigned this checkpoint, in the order of `keys`, each with the newest of its times. Lines of others
 * mean nothing. A line that claims a known key and does not verify fails the whole note, as C2SP advises: who looked only at
 * what suits him would not see that somebody altered it. Times that lie ahead are the caller's to judge: there is no clock here.
 * @throws CoreError COSIGNATURE_INVALID
 */
export function verifiedCosignatures(
  signed: SignedNote,
  keys: readonly WitnessKey[],
  verify: Ed25519Verify = verifyEd25519,
): Cosigned[] {
  return keys.flatMap((key) => {
    const times = signed.signatures
      .filter((signature) => claims(signature, key))
      .map(({ signature }) => verifiedTime(signed.text, signature, key, verify));
    return times.length === 0 ? [] : [{ key, time: Math.max(...times) }];
  });
}

function verifiedTime(text: string, timed: Uint8Array, key: WitnessKey, verify: Ed25519Verify): number {
  if (timed.length !== timeLength + signatureLength) throw invalid(key, `has ${timed.length} bytes, not 72`);
  const time = Number(new DataView(timed.buffer, timed.byteOffset, timeLength).getBigUint64(0));
  // 0 says in another type of cosignature that the witness does not vouch for the time; this type has no such word.
  if (!Number.isSafeInteger(time) || time === 0) throw invalid(key, 'is not of a time of 1 to 2^53-1 seconds');
  if (!verify(key.publicKey, cosignatureMessage(text, time), timed.subarray(timeLength))) {
    throw invalid(key, 'does not verify');
  }
  return time;
}

/**
 * The note with these signature lines at its end. A line of a key (name and id) that has some already takes their place: other
 * people's readers look at the first one of a key only, and would go on seeing an old time. Checks no signature.
 * @throws CoreError NOTE_MALFORMED where the note is none, a line has no valid form, or there would be over 100 lines
 */
export function addSignatures(note: Uint8Array, lines: readonly NoteSignature[]): Uint8Array {
  const { text, signatures } = parseNote(note);
  const isReplaced = (line: NoteSignature) => lines.some((added) => claims(added, line));
  const kept = [...signatures.filter((line) => !isReplaced(line)), ...lines];
  const whole = encodeUtf8(`${text}\n${kept.map((line) => `${formatSignatureLine(line)}\n`).join('')}`);
  parseNote(whole);
  return whole;
}

function invalid(key: WitnessKey, why: string): CoreError {
  return new CoreError('COSIGNATURE_INVALID', `the cosignature of ${excerpt(key.name)} ${why}`, {
    evidence: { expected: key.vkey },
  });
}
