import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { equalBytes } from '@tallystick/core/encoding';
import { noteSignedBy, parseNote, splitVkey, type VerifierKey } from '@tallystick/core/note';
import { parseStatement } from '@tallystick/core/statement';
import type { KeyStatement } from '@tallystick/core/statement-types';
import { LedgerError } from '../errors.ts';

/**
 * Checks the note that the ledger was given as key statement 0 before it shows it to anybody: it never holds the root key, so this
 * note is all that makes its own key good.
 * @throws LedgerError KEY_STATEMENT_INVALID
 */
export function checkKeyStatement(
  note: Uint8Array,
  origin: string,
  rootKey: VerifierKey,
  verify: Ed25519Verify,
): KeyStatement {
  let parsed;
  let statement;
  try {
    parsed = parseNote(note);
    statement = parseStatement(parsed.text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause), {}, cause);
  }
  if (statement.kind !== 'key' || statement.number !== 0)
    throw invalid('it holds another statement', { found: statement.kind });
  if (statement.origin !== origin) {
    throw invalid(`it is of the log ${statement.origin}, not ${origin}`, { expected: origin, found: statement.origin });
  }
  if (parsed.signatures.length !== 1 || !noteSignedBy(parsed, rootKey, verify)) {
    throw invalid(`it is not signed by the root key ${rootKey.vkey} alone`, {
      expected: rootKey.vkey,
      found: parsed.signatures.map(({ name }) => name),
    });
  }
  if (equalBytes(splitVkey(statement.key).material, rootKey.publicKey))
    throw invalid('it adds the root key itself as a seal key');
  return statement;
}

/** Does the key statement add this key? A key is its public key, under any name. */
export function addsKey(statement: KeyStatement, key: VerifierKey): boolean {
  return equalBytes(splitVkey(statement.key).material, key.publicKey);
}

function invalid(why: string, evidence: Record<string, unknown> = {}, cause?: unknown): LedgerError {
  const message = `The note given as key statement 0 cannot be used: ${why}. Give the one that was made together with this log's root key.`;
  return new LedgerError('KEY_STATEMENT_INVALID', message, { evidence, cause });
}
