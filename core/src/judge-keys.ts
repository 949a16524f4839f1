import { equalBytes } from './encoding.ts';
import type { KeyEntry, KeyState, Place, SignedStatement } from './judge-types.ts';
import { parseVerifierKey, splitVkey, type VerifierKey } from './note.ts';
import { keyRefusal } from './statement.ts';
import type { KeyRole, KeyStatement } from './statement-types.ts';

// The key chain (protocol, section 4): which key of which role is valid at which place.

export const noKeys: KeyState = { nextNumber: 0, previous: null, statements: [], entries: [] };

/** The keys of a role that are valid at a place: added before it, not retired at or before it. */
export function keysAt(keys: KeyState, role: KeyRole, place: Place): VerifierKey[] {
  return keys.entries.filter((entry) => entry.role === role && isValidAt(entry, place)).map(({ key }) => key);
}

function isValidAt({ addedAt, retiredAt }: KeyEntry, place: Place): boolean {
  return addedAt.offset < place.offset && (retiredAt === null || place.offset < retiredAt.offset);
}

/** Does it continue the key chain? */
export function continuesKeys(keys: KeyState, statement: KeyStatement): boolean {
  return statement.number === keys.nextNumber && statement.previous === keys.previous;
}

/** Why the addition or retirement does not count at this place, or null. */
export function refusalOf(keys: KeyState, statement: KeyStatement, rootKey: VerifierKey, place: Place): string | null {
  const { type, material } = splitVkey(statement.key);
  const same = keys.entries.filter(({ key }) => equalBytes(key.publicKey, material));
  if (statement.action === 'add') {
    const refusal = keyRefusal(statement);
    if (refusal !== null) return refusal;
    if (equalBytes(material, rootKey.publicKey)) return 'its public key is the root key';
    return same.length === 0 ? null : 'its public key was added before';
  }
  // A key is its public key, under any name; but a key of another type is another key.
  const retired = same.find((entry) => type === 1 && entry.role === statement.role && isValidAt(entry, place));
  if (retired === undefined) return `no ${statement.role} key with this public key is valid here`;
  const last = statement.role === 'seal' && keysAt(keys, 'seal', place).length === 1;
  return last ? 'it is the last seal key' : null;
}

/** The key chain after a statement that continues it and counts. */
export function evolveKeys(keys: KeyState, signed: SignedStatement<KeyStatement>): KeyState {
  const { statement, place, hash } = signed;
  return {
    nextNumber: keys.nextNumber + 1,
    previous: hash,
    statements: [...keys.statements, signed],
    entries:
      statement.action === 'add' ? [...keys.entries, added(statement, place)] : retire(keys.entries, statement, place),
  };
}

function added(statement: KeyStatement, place: Place): KeyEntry {
  const { role, number } = statement;
  return { role, key: parseVerifierKey(statement.key), number, addedAt: place, retiredAt: null };
}

function retire(entries: readonly KeyEntry[], statement: KeyStatement, place: Place): KeyEntry[] {
  const { material } = splitVkey(statement.key);
  return entries.map((entry) =>
    entry.role === statement.role && equalBytes(entry.key.publicKey, material) && entry.retiredAt === null
      ? { ...entry, retiredAt: place }
      : entry,
  );
}
