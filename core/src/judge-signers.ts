import type { Ed25519Verify } from './ed25519.ts';
import { keysAt, keysNow } from './judge-keys.ts';
import { isOfRoot } from './judge-note.ts';
import type { ChainPoint, KeyState, Place } from './judge-types.ts';
import { noteSignedBy, type SignedNote, type VerifierKey } from './note.ts';
import type { Statement } from './statement-types.ts';

/** Whose signature a statement may bear at its place, and whose it bears. */
export class Signers {
  readonly #rootKey: VerifierKey;
  readonly #verify: Ed25519Verify;

  constructor(rootKey: VerifierKey, verify: Ed25519Verify) {
    this.#rootKey = rootKey;
    this.#verify = verify;
  }

  /** The first of the keys that signed the note; null for none. */
  of(note: SignedNote, keys: readonly VerifierKey[]): VerifierKey | null {
    return keys.find((key) => noteSignedBy(note, key, this.#verify)) ?? null;
  }

  /** @param accepted where the same statement was accepted before, what it was then */
  possible(keys: KeyState, statement: Statement, place: Place, accepted: ChainPoint | undefined): VerifierKey[] {
    if (isOfRoot(statement)) return [this.#rootKey];
    const valid = sealKeysAt(keys, place);
    if (accepted?.place.in !== 'log') return valid;
    // The log holds it: produced again behind the retirement of its key it is the same statement all the same.
    const own = keys.entries.find(({ key }) => key.vkey === accepted.signer);
    return own === undefined || valid.includes(own.key) ? valid : [...valid, own.key];
  }
}

/** The seal keys that are valid at a place; in the log, after all of it that was judged. */
export function sealKeysAt(keys: KeyState, place: Place): VerifierKey[] {
  return place.in === 'log' ? keysNow(keys, 'seal') : keysAt(keys, 'seal', place);
}
