import { CoreError } from './errors.ts';
import { parseNote, type SignedNote } from './note.ts';
import { maxStatementNoteBytes, parseStatement, statementHash } from './statement.ts';
import type { Base64Hash, Statement } from './statement-types.ts';

/** What a note is as far as its own bytes show; no signature was checked. */
export type ReadNote =
  | { readonly is: 'rubbish'; readonly why: string }
  /** Of a kind or version that this release does not know. */
  | { readonly is: 'unknown'; readonly note: SignedNote; readonly hash: Base64Hash }
  | { readonly is: 'statement'; readonly note: SignedNote; readonly hash: Base64Hash; readonly statement: Statement };

/** Reads the value of a record or the entry of a log as a statement of the log `origin`. */
export type ReadStatement = (bytes: Uint8Array | null, origin: string) => ReadNote;

/** Reads the value of a record or the entry of a log as a statement of the log `origin` (protocol, section 5). */
export function readStatementNote(bytes: Uint8Array | null, origin: string): ReadNote {
  if (bytes === null) return rubbish('the record has no value');
  if (bytes.length > maxStatementNoteBytes) return rubbish(`${bytes.length} bytes are more than a statement may have`);
  let note: SignedNote;
  try {
    note = parseNote(bytes);
  } catch (error) {
    return rubbish(reason(error));
  }
  let statement: Statement;
  try {
    statement = parseStatement(note.text);
  } catch (error) {
    if (error instanceof CoreError && error.code === 'STATEMENT_UNKNOWN')
      return { is: 'unknown', note, hash: statementHash(note.text) };
    return rubbish(reason(error));
  }
  const [signature, ...more] = note.signatures;
  if (more.length > 0) return rubbish(`${note.signatures.length} signature lines; a statement has one`);
  if (signature?.signature.length !== 64) return rubbish('its signature is not an Ed25519 one');
  if (statement.origin !== origin) return rubbish(`it is of the log ${JSON.stringify(statement.origin)}`);
  return { is: 'statement', note, hash: statementHash(note.text), statement };
}

/** Is it signed by the root key, where it is what it says (protocol, section 5)? */
export function isOfRoot(statement: Statement): boolean {
  return statement.kind === 'key' || (statement.kind === 'genesis' && statement.generation > 0);
}

function rubbish(why: string): ReadNote {
  return { is: 'rubbish', why };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
