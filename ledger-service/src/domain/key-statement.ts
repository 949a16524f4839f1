import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { equalBytes } from '@tallystick/core/encoding';
import { noteSignedBy, parseNote, splitVkey, type VerifierKey } from '@tallystick/core/note';
import { parseStatement, statementHash } from '@tallystick/core/statement';
import type { Base64Hash, KeyStatement } from '@tallystick/core/statement-types';
import { LedgerError } from '../errors.ts';

/** A key statement that the ledger was given, as it is written. */
export interface GivenKeyStatement {
  readonly note: Uint8Array;
  readonly statement: KeyStatement;
  /** SHA-256 of its text. */
  readonly hash: Base64Hash;
}

/**
 * Checks the notes that the ledger was given as key statements before it shows them to anybody: it never holds the root key, so they are
 * all that makes its own key good. Number 0 comes first, then others in ascending order.
 * @throws LedgerError KEY_STATEMENT_INVALID
 */
export function checkKeyStatements(
  notes: readonly Uint8Array[],
  origin: string,
  rootKey: VerifierKey,
  verify: Ed25519Verify,
): GivenKeyStatement[] {
  const given: GivenKeyStatement[] = [];
  for (const note of notes) {
    const next = checkKeyStatement(note, origin, rootKey, verify);
    const { number, previous } = next.statement;
    const before = given.at(-1);
    if (before === undefined ? number !== 0 : number <= before.statement.number)
      throw invalid(`it has number ${number}, but number 0 comes first and the others follow in order`, {
        expected: before === undefined ? 0 : `> ${before.statement.number}`,
        found: number,
      });
    if (before?.statement.number === number - 1 && previous !== before.hash)
      throw invalid(`number ${number} does not continue the number ${number - 1} that was given`, {
        expected: before.hash,
        found: previous,
      });
    given.push(next);
  }
  if (given.length === 0) throw invalid('none was given');
  return given;
}

function checkKeyStatement(
  note: Uint8Array,
  origin: string,
  rootKey: VerifierKey,
  verify: Ed25519Verify,
): GivenKeyStatement {
  let parsed;
  let statement;
  try {
    parsed = parseNote(note);
    statement = parseStatement(parsed.text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause), {}, cause);
  }
  if (statement.kind !== 'key') throw invalid('it holds another statement', { found: statement.kind });
  if (statement.origin !== origin) {
    throw invalid(`it is of the log ${statement.origin}, not ${origin}`, { expected: origin, found: statement.origin });
  }
  if (parsed.signatures.length !== 1 || !noteSignedBy(parsed, rootKey, verify)) {
    throw invalid(`it is not signed by the root key ${rootKey.vkey} alone`, {
      expected: rootKey.vkey,
      found: parsed.signatures.map(({ name }) => name),
    });
  }
  if (equalBytes(splitVkey(statement.key).material, rootKey.publicKey)) throw invalid('it adds the root key itself');
  return { note, statement, hash: statementHash(parsed.text) };
}

/** Does the key statement add this seal key? A key is its public key, under any name. */
export function addsSealKey({ statement }: GivenKeyStatement, key: VerifierKey): boolean {
  if (statement.action !== 'add' || statement.role !== 'seal') return false;
  return equalBytes(splitVkey(statement.key).material, key.publicKey);
}

function invalid(why: string, evidence: Record<string, unknown> = {}, cause?: unknown): LedgerError {
  const message = `A note given as key statement cannot be used: ${why}. Give those that were signed with this log's root key.`;
  return new LedgerError('KEY_STATEMENT_INVALID', message, { evidence, cause });
}
