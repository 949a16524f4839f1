import { concatBytes, decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, equalBytes, excerpt } from './encoding.ts';
import { publicKeyOf, signEd25519, verifyEd25519, type Ed25519Verify } from './ed25519.ts';
import { CoreError } from './errors.ts';
import { verifierKey, type VerifierKey } from './note-key.ts';

// C2SP signed-note (https://c2sp.org/signed-note): a text and lines of signatures over it.

export {
  ed25519Type,
  formatSignerKey,
  formatVerifierKey,
  parseSignerKey,
  parseVerifierKey,
  splitVkey,
  verifierKey,
  type SignerKey,
  type VerifierKey,
  type VkeyParts,
} from './note-key.ts';

/** Signature lines that a note may have: as golang.org/x/mod/sumdb/note. C2SP asks for 16 at least. */
export const maxNoteSignatures = 100;

/** Signs for one key. Where the secret lives is the implementation's business. */
export interface NoteSigner {
  readonly key: VerifierKey;
  /** The 64 bytes of an Ed25519 signature of `message`. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** One signature line. `name` and `keyId` together say which key signed; either alone says nothing. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: Uint8Array;
  /** What follows the key id: its form is that of the key's type (Ed25519: 64 bytes). */
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** Ends with a newline. Means nothing before a signature of a trusted key was checked. */
  readonly text: string;
  /** 1 to {@link maxNoteSignatures}, in the order of their lines, repeated ones included. */
  readonly signatures: readonly NoteSignature[];
}

/** A signer that holds its seed in memory and signs in portable JavaScript. */
export function signerFromSeed(name: string, seed: Uint8Array): NoteSigner {
  const key = verifierKey(name, publicKeyOf(seed));
  const secret = new Uint8Array(seed);
  return { key, sign: (message) => Promise.resolve(signEd25519(secret, message)) };
}

/**
 * Takes a note apart. Checks no signature: see {@link noteSignedBy}.
 * @throws CoreError NOTE_MALFORMED
 */
export function parseNote(bytes: Uint8Array): SignedNote {
  const whole = decodeNote(bytes);
  // The text may hold empty lines; the last one of all separates the signatures.
  const blank = whole.lastIndexOf('\n\n');
  if (blank < 0) throw malformed('there is no empty line between text and signatures');
  const text = whole.slice(0, blank + 1);
  const block = whole.slice(blank + 2);
  if (block === '') throw malformed('there is no signature line');
  if (!block.endsWith('\n')) throw malformed('the last line does not end with a newline');
  const lines = block.slice(0, -1).split('\n');
  if (lines.length > maxNoteSignatures) {
    throw malformed(`${lines.length} signature lines are more than ${maxNoteSignatures}`);
  }
  return { text, signatures: lines.map(parseSignatureLine) };
}

/**
 * Is the note signed by this key? Lines of other keys are ignored, also those that share its name or its id but not both. Every
 * line that claims this key must verify: one that does not fails the whole note, as C2SP advises.
 */
export function noteSignedBy(note: SignedNote, key: VerifierKey, verify: Ed25519Verify = verifyEd25519): boolean {
  const own = note.signatures.filter((signature) => claims(signature, key));
  if (own.length === 0) return false;
  const message = encodeUtf8(note.text);
  return own.every(({ signature }) => verify(key.publicKey, message, signature));
}

/** Does the line say that this key signed? Only name and id together do. Whether it is true, the signature shows. */
export function claims(signature: NoteSignature, key: Pick<VerifierKey, 'name' | 'keyId'>): boolean {
  return signature.name === key.name && equalBytes(signature.keyId, key.keyId);
}

/**
 * Parses a note and checks that this key signed it: the one call for those who trust one key.
 * @throws CoreError NOTE_MALFORMED, NOTE_SIGNATURE_INVALID
 */
export function openNote(bytes: Uint8Array, key: VerifierKey, verify: Ed25519Verify = verifyEd25519): SignedNote {
  const note = parseNote(bytes);
  if (!noteSignedBy(note, key, verify)) {
    throw new CoreError('NOTE_SIGNATURE_INVALID', `the note carries no valid signature of ${excerpt(key.name)}`, {
      evidence: { expected: key.vkey, found: note.signatures.map(({ name }) => name) },
    });
  }
  return note;
}

/**
 * The bytes of a note with this text and one signature line.
 * @throws CoreError NOTE_MALFORMED where the text cannot be a note's; NOTE_SIGNATURE_INVALID where the signer gives no 64 bytes
 */
export async function signNote(text: string, signer: NoteSigner): Promise<Uint8Array> {
  if (!text.endsWith('\n')) throw malformed('the text does not end with a newline');
  if (!isNoteText(text) || !text.isWellFormed())
    throw malformed('the text holds a control character or half a surrogate pair');
  const message = encodeUtf8(text);
  const signature = await signer.sign(message);
  if (signature.length !== 64) {
    throw new CoreError(
      'NOTE_SIGNATURE_INVALID',
      `the signer of ${excerpt(signer.key.name)} gave ${signature.length} bytes, not 64`,
    );
  }
  const { name, keyId } = signer.key;
  return concatBytes(message, encodeUtf8(`\n${formatSignatureLine({ name, keyId, signature })}\n`));
}

/** A signature line without its newline. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  return `— ${name} ${encodeBase64(concatBytes(keyId, signature))}`;
}

function decodeNote(bytes: Uint8Array): string {
  let text;
  try {
    text = decodeUtf8(bytes);
  } catch (cause) {
    throw new CoreError('NOTE_MALFORMED', 'not a signed note: it is not valid UTF-8', { cause });
  }
  if (!isNoteText(text)) throw malformed('it holds a control character');
  return text;
}

// Below U+0020 only the newline is allowed.
function isNoteText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return false;
  }
  return true;
}

/**
 * Takes a signature line without its newline apart, as the answer of a witness holds them.
 * @throws CoreError NOTE_MALFORMED
 */
export function parseSignatureLine(line: string): NoteSignature {
  const prefix = '— ';
  if (!line.startsWith(prefix))
    throw malformed(`the signature line ${excerpt(line)} does not begin with an em dash and a space`);
  const space = line.indexOf(' ', prefix.length);
  if (space < 0) throw malformed(`the signature line ${excerpt(line)} holds no signature`);
  const name = line.slice(prefix.length, space);
  // Other people's keys may have names that are not ASCII: C2SP's rule, not ours.
  if (name === '' || /[\p{White_Space}+]/u.test(name)) throw malformed(`${excerpt(name)} is not the name of a key`);
  let signature;
  try {
    signature = decodeBase64(line.slice(space + 1));
  } catch (cause) {
    throw new CoreError(
      'NOTE_MALFORMED',
      `not a signed note: the signature of ${excerpt(name)} is not canonical base64`,
      { cause },
    );
  }
  if (signature.length < 5) throw malformed(`the signature of ${excerpt(name)} is shorter than a key id and one byte`);
  return { name, keyId: signature.slice(0, 4), signature: signature.slice(4) };
}

function malformed(why: string): CoreError {
  return new CoreError('NOTE_MALFORMED', `not a signed note: ${why}`);
}
