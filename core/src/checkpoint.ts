import { decodeBase64, encodeBase64, excerpt, parseDecimal } from './encoding.ts';
import { verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { CoreError } from './errors.ts';
import { claims, noteSignedBy, parseNote, type SignedNote, type VerifierKey } from './note.ts';

// C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint): what a log signs of its tree.

/** What a log says of its tree at one size. Means nothing before the signature of the log's key was checked. */
export interface Checkpoint {
  /** The log's name. Other people's logs may have any text without newlines and control characters. */
  readonly origin: string;
  /** Leaves of the tree, 0 to 2^53-1. */
  readonly size: number;
  /** RFC 6962's root of that tree, 32 bytes. */
  readonly root: Uint8Array;
  /** Lines after the third, none of them empty. Nobody vouches for what they say; Tallystick writes none. */
  readonly extensions: readonly string[];
}

/** A checkpoint that a key of its log has signed. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** The whole note, for those who look at its other signatures. */
  readonly signed: SignedNote;
  /** The first of the keys given that signed it. */
  readonly key: VerifierKey;
}

/**
 * The text of a checkpoint, final newline included.
 * @throws CoreError CHECKPOINT_MALFORMED where a member has no valid form
 */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const text = [origin, String(size), encodeBase64(root), ...extensions].map((line) => `${line}\n`).join('');
  const read = parseCheckpoint(text);
  // A newline inside a member would make other lines of it.
  if (read.origin !== origin || read.extensions.length !== extensions.length) {
    throw malformed('a member holds a newline', text);
  }
  return text;
}

/**
 * Reads the text of a checkpoint. What it accepts is exactly what {@link formatCheckpoint} writes. That the root of an empty tree
 * is the hash of nothing is not asked for here: a witness has an answer of its own for one that is not.
 * @throws CoreError CHECKPOINT_MALFORMED
 */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('the text does not end with a newline', text);
  if (!isPlainText(text)) throw malformed('the text holds a control character or half a surrogate pair', text);
  const lines = text.slice(0, -1).split('\n');
  if (lines.includes('')) throw malformed('there is an empty line', text);
  const [origin, size, root, ...extensions] = lines;
  if (origin === undefined || size === undefined || root === undefined) {
    throw malformed(`${lines.length} lines are fewer than origin, size and root`, text);
  }
  return {
    origin,
    size: readMember('size', size, parseDecimal),
    root: readMember('root', root, parseRoot),
    extensions,
  };
}

/**
 * Opens the checkpoint of one log: a note whose first line is `origin`, signed by at least one of `keys`. Several keys are those
 * of a rotation; one with another name than the origin is none of this log. Lines of other keys mean nothing, but a line that
 * claims one of these keys and does not verify fails the whole note, as C2SP advises. Origin and form come before signatures:
 * they cost less, and a checkpoint of another log should be called that.
 * @throws CoreError CHECKPOINT_MALFORMED, CHECKPOINT_ORIGIN, CHECKPOINT_UNSIGNED
 */
export function openCheckpoint(
  note: Uint8Array,
  options: { readonly origin: string; readonly keys: readonly VerifierKey[]; readonly verify?: Ed25519Verify },
): OpenedCheckpoint {
  const { origin, verify = verifyEd25519 } = options;
  const { checkpoint, signed } = readCheckpointNote(note);
  if (checkpoint.origin !== origin) {
    throw new CoreError(
      'CHECKPOINT_ORIGIN',
      `the checkpoint is of ${excerpt(checkpoint.origin)}, not ${excerpt(origin)}`,
      {
        evidence: { expected: origin, found: excerpt(checkpoint.origin) },
      },
    );
  }
  const keys = options.keys.filter(({ name }) => name === origin);
  const claimed = keys.filter((key) => signed.signatures.some((signature) => claims(signature, key)));
  const [key] = claimed;
  if (key === undefined) {
    throw unsigned(`no key held of ${excerpt(origin)} signed the checkpoint`, keys, signed);
  }
  const forged = claimed.find((one) => !noteSignedBy(signed, one, verify));
  if (forged !== undefined) {
    throw unsigned(`the signature of ${excerpt(forged.vkey)} on the checkpoint does not verify`, keys, signed);
  }
  return { checkpoint, signed, key };
}

/**
 * Takes the note of a checkpoint apart and checks no signature: for those who do not know yet whose it is.
 * @throws CoreError CHECKPOINT_MALFORMED
 */
export function readCheckpointNote(note: Uint8Array): { readonly checkpoint: Checkpoint; readonly signed: SignedNote } {
  let signed;
  try {
    signed = parseNote(note);
  } catch (cause) {
    throw new CoreError('CHECKPOINT_MALFORMED', `not a checkpoint: ${reason(cause)}`, { cause });
  }
  return { checkpoint: parseCheckpoint(signed.text), signed };
}

function parseRoot(text: string): Uint8Array {
  const root = decodeBase64(text);
  if (root.length !== 32) throw new CoreError('ENCODING_INVALID', `${root.length} bytes are no hash of 32`);
  return root;
}

function readMember<T>(what: string, line: string, read: (line: string) => T): T {
  try {
    return read(line);
  } catch (cause) {
    throw new CoreError('CHECKPOINT_MALFORMED', `not a checkpoint: ${what}: ${reason(cause)}`, {
      cause,
      evidence: { found: excerpt(line) },
    });
  }
}

// As the text of a note must be: below U+0020 only the newline, and a UTF-8 form.
function isPlainText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return false;
  }
  return text.isWellFormed();
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function unsigned(why: string, keys: readonly VerifierKey[], { signatures }: SignedNote): CoreError {
  return new CoreError('CHECKPOINT_UNSIGNED', why, {
    evidence: { expected: keys.map(({ vkey }) => vkey), found: signatures.map(({ name }) => excerpt(name)) },
  });
}

function malformed(why: string, text: string): CoreError {
  return new CoreError('CHECKPOINT_MALFORMED', `not a checkpoint: ${why}`, { evidence: { found: excerpt(text) } });
}
