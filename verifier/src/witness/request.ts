import { parseCheckpoint, type Checkpoint } from '@tallystick/core/checkpoint';
import { decodeBase64, decodeUtf8, equalBytes, excerpt, parseDecimal } from '@tallystick/core/encoding';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { CoreError } from '@tallystick/core/errors';
import { noteSignedBy, parseNote, type NoteSignature, type SignedNote, type VerifierKey } from '@tallystick/core/note';
import { refusal, type Refusal } from './refusal.ts';

// What an add-checkpoint request says by itself, before what the witness remembers is looked at (C2SP tlog-witness).

/** C2SP's limit for clients. A tree of 2^53-1 leaves needs no more than 54. */
const maxProofLines = 63;
/** A hash in base64. */
const hashCharacters = 44;

/** Sixteen signature lines of the longest type known (ML-DSA-44: 3.3 KB each) fit, as do 63 proof lines. */
export const maxRequestBytes = 128 * 1024;

/** A request whose checkpoint is signed by a key that the witness trusts for its log. */
export interface Submission {
  readonly oldSize: number;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: Checkpoint;
  /** The checkpoint's text as it was sent: what is cosigned. */
  readonly text: string;
  /** One verified line a trusted key. Lines of others are not kept. */
  readonly logLines: readonly NoteSignature[];
}

/**
 * Takes a request apart and checks its signature.
 * @param keysOf the keys trusted for a log, null where the witness does not know it
 * @returns a refusal with 400, 403 or 404 where it is not taken
 */
export function readSubmission(
  body: Uint8Array,
  keysOf: (origin: string) => readonly VerifierKey[] | null,
  verify: Ed25519Verify,
): Submission | Refusal {
  let parsed;
  try {
    parsed = parseRequest(body);
  } catch (error) {
    if (!(error instanceof CoreError || error instanceof RequestError)) throw error;
    return refusal(400, error.message);
  }
  const { note, checkpoint, oldSize, path } = parsed;
  const keys = keysOf(checkpoint.origin);
  if (keys === null) return refusal(404, `this witness does not know the log ${excerpt(checkpoint.origin)}`);
  const logLines: NoteSignature[] = [];
  for (const key of keys) {
    const line = note.signatures.find((found) => found.name === key.name && equalBytes(found.keyId, key.keyId));
    if (line === undefined) continue;
    // All lines that claim the key must verify: one that does not makes the whole note malformed.
    if (!noteSignedBy(note, key, verify)) return refusal(403, `a signature of ${excerpt(key.name)} does not verify`);
    logLines.push(line);
  }
  if (logLines.length === 0) return refusal(403, 'the checkpoint is signed by no key that is trusted for this log');
  if (oldSize > checkpoint.size) {
    return refusal(400, `the old size ${oldSize} is above the checkpoint's, ${checkpoint.size}`);
  }
  return { oldSize, path, checkpoint, text: note.text, logLines };
}

/** A request that is none; the message is for the client. */
class RequestError extends Error {}

/** @throws RequestError, CoreError */
function parseRequest(body: Uint8Array): {
  oldSize: number;
  path: Uint8Array[];
  note: SignedNote;
  checkpoint: Checkpoint;
} {
  const end = firstEmptyLine(body);
  if (end < 0) throw new RequestError('there is no empty line before the checkpoint');
  const [first = '', ...rest] = decodeUtf8(body.subarray(0, end)).split('\n');
  if (!first.startsWith('old ')) throw new RequestError('the first line is not "old <size>"');
  const oldSize = parseDecimal(first.slice(4));
  if (rest.length > maxProofLines) throw new RequestError(`${rest.length} proof lines are more than ${maxProofLines}`);
  const path = rest.map((line) => {
    // Most of what is no hash is told by its length, before it is decoded and quoted.
    if (line.length !== hashCharacters) throw new RequestError(`${excerpt(line)} is not a hash in base64`);
    const hash = decodeBase64(line);
    if (hash.length !== 32) throw new RequestError(`${excerpt(line)} is not a hash of 32 bytes`);
    return hash;
  });
  const note = parseNote(body.subarray(end + 2));
  return { oldSize, path, note, checkpoint: parseCheckpoint(note.text) };
}

/** Where the first "\n\n" begins, -1 where there is none. */
function firstEmptyLine(body: Uint8Array): number {
  for (let at = body.indexOf(0x0a); at >= 0; at = body.indexOf(0x0a, at + 1)) {
    if (body[at + 1] === 0x0a) return at;
  }
  return -1;
}
