import { equalBytes, excerpt } from './encoding.ts';
import { CoreError } from './errors.ts';
import { claims, noteSignedBy, parseNote, parseVerifierKey, type SignedNote, type VerifierKey } from './note.ts';
import type { Ed25519Verify } from './ed25519.ts';
import { proofError, proofStep } from './proof-error.ts';
import type { ProofParts } from './proof-types.ts';
import { keyRefusal, parseStatement, type KeyStatement, type SealStatement, type Statement } from './statement.ts';

/** A statement of a proof and its note, whose signature is not checked yet. */
export interface NotedStatement<S extends Statement> {
  readonly note: SignedNote;
  readonly statement: S;
}

export interface ProofNotes {
  readonly seal: NotedStatement<SealStatement>;
  readonly keys: readonly NotedStatement<KeyStatement>[];
}

/**
 * Reads a proof's statements: a seal and key statements of the same log.
 * @throws CoreError PROOF_STATEMENT, PROOF_KEYS, PROOF_ORIGIN
 */
export function readNotes({ statement: bytes, keys }: Pick<ProofParts, 'statement' | 'keys'>): ProofNotes {
  const { note, statement } = proofStep('PROOF_STATEMENT', () => readNote(bytes));
  if (statement.kind !== 'seal') {
    throw proofError('PROOF_STATEMENT', `its statement is of the kind ${statement.kind}`, {
      expected: 'seal',
      found: statement.kind,
    });
  }
  return { seal: { note, statement }, keys: keys.map((key) => readKeyNote(key, statement.origin)) };
}

function readKeyNote(bytes: Uint8Array, origin: string): NotedStatement<KeyStatement> {
  const { note, statement } = proofStep('PROOF_KEYS', () => readNote(bytes));
  if (statement.kind !== 'key') {
    throw proofError('PROOF_KEYS', `a statement of the kind ${statement.kind} stands among its key statements`, {
      expected: 'key',
      found: statement.kind,
    });
  }
  checkOrigin('a key statement', origin, statement.origin);
  return { note, statement };
}

function readNote(bytes: Uint8Array): NotedStatement<Statement> {
  const note = parseNote(bytes);
  if (note.signatures.length !== 1) {
    throw new CoreError('STATEMENT_MALFORMED', `a statement has one signature line, not ${note.signatures.length}`, {
      evidence: { expected: 1, found: note.signatures.length },
    });
  }
  return { note, statement: parseStatement(note.text) };
}

/** @throws CoreError PROOF_ORIGIN */
export function checkOrigin(what: string, expected: string, found: string): void {
  if (found === expected) return;
  throw proofError('PROOF_ORIGIN', `${what} has the name ${excerpt(found)} where ${excerpt(expected)} belongs`, {
    expected,
    found,
  });
}

/** @throws CoreError PROOF_KEYS where the root key did not sign one of the key statements */
export function checkRootSigned({ keys }: ProofNotes, rootKey: VerifierKey, verify: Ed25519Verify): void {
  for (const { note, statement } of keys) {
    if (noteSignedBy(note, rootKey, verify)) continue;
    throw proofError('PROOF_KEYS', `key statement ${statement.number} carries no valid signature of the root key`, {
      expected: rootKey.vkey,
      found: note.signatures.map(({ name }) => excerpt(name)),
    });
  }
}

/**
 * The seal keys that the key statements add and that the seal's one signature line names. Additions that have no effect (protocol,
 * section 4) add none. There is one but for two keys with one short id.
 * @throws CoreError PROOF_SEAL_KEY where there is none
 */
export function claimedSealKeys({ seal, keys }: ProofNotes): VerifierKey[] {
  const added = keys.filter(({ statement }) => statement.action === 'add' && statement.role === 'seal');
  const valid = added.filter(({ statement }) => keyRefusal(statement) === null);
  const sealKeys = valid.map(({ statement }) => parseVerifierKey(statement.key));
  const claimed = sealKeys.filter((key) => seal.note.signatures.some((line) => claims(line, key)));
  if (claimed.length === 0) throw notSealed('its key statements add no key that the seal names', sealKeys, seal.note);
  return claimed;
}

/**
 * The key that signed the seal.
 * @throws CoreError PROOF_SEAL_KEY
 */
export function sealKeyOf(notes: ProofNotes, rootKey: VerifierKey, verify: Ed25519Verify): VerifierKey {
  const claimed = claimedSealKeys(notes);
  // The root key is never a seal key, whatever it says itself.
  const keys = claimed.filter(({ publicKey }) => !equalBytes(publicKey, rootKey.publicKey));
  const key = keys.find((one) => noteSignedBy(notes.seal.note, one, verify));
  if (key === undefined) throw notSealed("the seal's signature does not verify", claimed, notes.seal.note);
  return key;
}

function notSealed(why: string, keys: readonly VerifierKey[], note: SignedNote): CoreError {
  return proofError('PROOF_SEAL_KEY', why, {
    expected: keys.map(({ vkey }) => vkey),
    found: note.signatures.map(({ name }) => excerpt(name)),
  });
}
