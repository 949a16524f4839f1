import { verifiedCosignatures, type WitnessKey } from '@tallystick/core/cosignature';
import { concatBytes, encodeUtf8, excerpt, parseDecimal, decodeUtf8 } from '@tallystick/core/encoding';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { parseNote, type NoteSignature, type SignedNote } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';

// What a witness' answer says, without any I/O. An answer is a stranger's text: nothing in it counts before it verifies.

/** Its cosignature over our checkpoint, verified. */
export interface Cosignature {
  /** The note line to append to the checkpoint. */
  readonly line: NoteSignature;
  /** Unix seconds, as the witness says. */
  readonly time: number;
}

/** When a cosignature that was just asked for may have been made: unix seconds, both ends included. */
export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

/**
 * Takes the cosignature of one key out of the body of a 200. Lines of other keys are ignored, as C2SP tlog-witness says; every
 * line that claims this key must verify, at a time within the window. Of several the newest counts.
 * @param text the checkpoint's text: what must have been cosigned
 * @throws LedgerError WITNESS_INVALID
 */
export function readCosignature(
  body: Uint8Array,
  text: string,
  key: WitnessKey,
  window: TimeWindow,
  verify: Ed25519Verify,
): Cosignature {
  let note: SignedNote;
  try {
    // The answer is the end of a note whose beginning we have: so it is read as one, by the note's own rules.
    note = parseNote(concatBytes(encodeUtf8(`${text}\n`), body));
  } catch (cause) {
    throw invalid(key, 'its answer is not a sequence of signature lines', { found: excerptOf(body) }, cause);
  }
  const { signatures } = note;
  // An empty line in the answer would move the end of the text.
  if (note.text !== text) {
    throw invalid(key, 'its answer is not a sequence of signature lines', { found: excerptOf(body) });
  }
  let newest: Cosignature | null = null;
  for (const line of signatures) {
    const [found] = verified(text, line, key, verify);
    if (found === undefined) continue;
    if (found.time < window.from || found.time > window.to) {
      throw invalid(key, `its cosignature has the time ${found.time}, not one of now`, {
        expected: window,
        found: found.time,
      });
    }
    if (newest === null || found.time > newest.time) newest = { line, time: found.time };
  }
  if (newest === null) {
    const found = signatures.map(({ name }) => name);
    throw invalid(key, 'its answer holds no line of the key that is configured', { expected: key.vkey, found });
  }
  return newest;
}

/** What one line says of the key, nothing where it is another's. */
function verified(text: string, line: NoteSignature, key: WitnessKey, verify: Ed25519Verify): { time: number }[] {
  try {
    return verifiedCosignatures({ text, signatures: [line] }, [key], verify);
  } catch (cause) {
    throw invalid(key, 'a line under its name and key id does not verify', {}, cause);
  }
}

/**
 * The tree size in the body of a 409, or null where it is none: an error page of something in between has that status too.
 * @param contentType the header as it was sent
 */
export function readSize(body: Uint8Array, contentType: string | null): number | null {
  const [mediaType = ''] = (contentType ?? '').split(';');
  if (mediaType.trim().toLowerCase() !== 'text/x.tlog.size') return null;
  try {
    const text = decodeUtf8(body);
    return text.endsWith('\n') ? parseDecimal(text.slice(0, -1)) : null;
  } catch {
    return null;
  }
}

/** The start of a foreign body, as it may stand in a message. */
export function excerptOf(body: Uint8Array): string {
  return excerpt(new TextDecoder().decode(body.subarray(0, 400)).trim());
}

function invalid(key: WitnessKey, why: string, evidence: Record<string, unknown>, cause?: unknown): LedgerError {
  return new LedgerError(
    'WITNESS_INVALID',
    `The witness ${key.name} answered, but ${why}. Nothing of it is used: check that url and vkey are of one witness, and its clock and ours.`,
    { evidence: { witness: key.name, ...evidence }, cause },
  );
}
