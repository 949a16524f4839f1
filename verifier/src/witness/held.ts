import { parseCheckpoint } from '@tallystick/core/checkpoint';
import { verifiedCosignatures, type WitnessKey } from '@tallystick/core/cosignature';
import { encodeUtf8 } from '@tallystick/core/encoding';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { formatSignatureLine, parseNote, type NoteSignature } from '@tallystick/core/note';

/** What the witness remembers of one log: the checkpoint that it cosigned last. */
export interface Held {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Of its cosignature, unix seconds. */
  readonly time: number;
  /**
   * The checkpoint with the log's signatures and our cosignature: what is stored, and what monitors are given. Our own cosignature
   * vouches for it, so that damage shows.
   */
  readonly note: Uint8Array;
}

/** A checkpoint's text and signature lines as a note. */
export function joinNote(text: string, lines: readonly NoteSignature[]): Uint8Array {
  return encodeUtf8(`${text}\n${lines.map((line) => `${formatSignatureLine(line)}\n`).join('')}`);
}

/**
 * What a stored note says.
 * @throws CoreError NOTE_MALFORMED, CHECKPOINT_MALFORMED, COSIGNATURE_INVALID; Error where this witness did not cosign it
 */
export function readHeld(note: Uint8Array, key: WitnessKey, verify: Ed25519Verify): Held {
  const signed = parseNote(note);
  const { origin, size, root } = parseCheckpoint(signed.text);
  const [own] = verifiedCosignatures(signed, [key], verify);
  if (own === undefined) throw new Error(`it carries no cosignature of ${key.name}`);
  return { origin, size, root, time: own.time, note };
}
