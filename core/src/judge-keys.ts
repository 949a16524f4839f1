import { equalBytes } from './encoding.ts';
import type { KeyEntry, KeyPlace, KeyState, Place, SignedStatement } from './judge-types.ts';
import { parseVerifierKey, splitVkey, type VerifierKey } from './note.ts';
import { keyRefusal } from './statement.ts';
import type { KeyRole, KeyStatement } from './statement-types.ts';

// The key chain (protocol, section 4): which key of which role is valid at which place.

export const noKeys: KeyState = { nextNumber: 0, previous: null, statements: [], places: [], entries: [] };

/** The keys of a role that are valid at a place: added before it, not retired at or before it. */
export function keysAt(keys: KeyState, role: KeyRole, place: Place): VerifierKey[] {
  return keysWhere(keys, role, ({ number, retiredBy }) => {
    const retired = retiredBy === null ? Infinity : whereIs(keys.places[retiredBy], place);
    return whereIs(keys.places[number], place) < placeNumber(place) && placeNumber(place) < retired;
  });
}

/** The keys of a role that are valid after all key statements so far. */
export function keysNow(keys: KeyState, role: KeyRole): VerifierKey[] {
  return keysWhere(keys, role, ({ retiredBy }) => retiredBy === null);
}

function keysWhere({ entries }: KeyState, role: KeyRole, valid: (entry: KeyEntry) => boolean): VerifierKey[] {
  const found: VerifierKey[] = [];
  for (const entry of entries) if (entry.role === role && valid(entry)) found.push(entry.key);
  return found;
}

// Places of the log are compared in the log, those of the topic in the topic.
function whereIs(at: KeyPlace | undefined, place: Place): number {
  if (at === undefined) return Infinity;
  return place.in === 'log' ? at.index : at.effective;
}

function placeNumber(place: Place): number {
  return place.in === 'log' ? place.index : place.offset;
}

/** Does it continue the key chain? */
export function continuesKeys(keys: KeyState, statement: KeyStatement): boolean {
  return statement.number === keys.nextNumber && statement.previous === keys.previous;
}

/**
 * Why the addition or retirement does not count, or null. It is judged at the place that its `previous` names: by the key chain as it
 * was after that one, so that the answer does not depend on what was read before.
 */
export function refusalOf(keys: KeyState, statement: KeyStatement, rootKey: VerifierKey): string | null {
  const { entries } = keysAfter(keys, statement.previous);
  const { type, material } = splitVkey(statement.key);
  const same = entries.filter(({ key }) => equalBytes(key.publicKey, material));
  if (statement.action === 'add') {
    const refusal = keyRefusal(statement);
    if (refusal !== null) return refusal;
    if (equalBytes(material, rootKey.publicKey)) return 'its public key is the root key';
    return same.length === 0 ? null : 'its public key was added before';
  }
  const valid = entries.filter(({ role, retiredBy }) => role === statement.role && retiredBy === null);
  // A key is its public key, under any name; but a key of another type is another key.
  if (type !== 1 || !valid.some((entry) => same.includes(entry)))
    return `no ${statement.role} key with this public key is valid here`;
  return statement.role === 'seal' && valid.length === 1 ? 'it is the last seal key' : null;
}

/** The key chain as it was after the statement with this hash; all of it where that is no accepted key statement. */
function keysAfter(keys: KeyState, hash: string | null): KeyState {
  if (hash === keys.previous) return keys;
  const at = hash === null ? -1 : keys.statements.findIndex((signed) => signed.hash === hash);
  if (hash !== null && at < 0) return keys;
  return keys.statements.slice(0, at + 1).reduce((before, signed) => evolveKeys(before, signed, 0), noKeys);
}

/**
 * The key chain after a statement that continues it and counts.
 * @param index its index in the log
 */
export function evolveKeys(keys: KeyState, signed: SignedStatement<KeyStatement>, index: number): KeyState {
  const { statement, place, hash } = signed;
  const { number } = statement;
  const offset = place.in === 'seals' ? place.offset : null;
  const effective = offset ?? keys.places.at(-1)?.effective ?? -1;
  return {
    nextNumber: number + 1,
    previous: hash,
    statements: [...keys.statements, signed],
    places: [...keys.places, { index, offset, effective }],
    entries:
      statement.action === 'add'
        ? [...keys.entries, { role: statement.role, key: parseVerifierKey(statement.key), number, retiredBy: null }]
        : retire(keys.entries, statement),
  };
}

/**
 * The key chain once it is known that `audit.seals` holds an accepted key statement at an offset. Only the first place counts, and none
 * behind a later key statement: there it was produced again, and has the place of its `previous`.
 */
export function locateKey(keys: KeyState, number: number, offset: number): KeyState {
  const known = keys.places[number];
  if (known === undefined || known.offset !== null || offset <= known.effective) return keys;
  if (keys.places.some((each, other) => other > number && each.offset !== null)) return keys;
  const places: KeyPlace[] = [];
  for (const [i, place] of keys.places.entries()) {
    const at = i === number ? offset : place.offset;
    places.push({ index: place.index, offset: at, effective: at ?? places.at(-1)?.effective ?? -1 });
  }
  return { ...keys, places };
}

function retire(entries: readonly KeyEntry[], statement: KeyStatement): KeyEntry[] {
  const { material } = splitVkey(statement.key);
  return entries.map((entry) =>
    entry.role === statement.role && equalBytes(entry.key.publicKey, material) && entry.retiredBy === null
      ? { ...entry, retiredBy: statement.number }
      : entry,
  );
}
