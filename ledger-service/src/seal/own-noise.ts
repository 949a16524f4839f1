import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { CoreError } from '@tallystick/core/errors';
import { noteSignedBy, parseNote, parseVerifierKey, type VerifierKey } from '@tallystick/core/note';
import type { GivenKeyStatement } from '../domain/key-statement.ts';

/**
 * Tells statements of this log's own seal keys among what counts as noise. Where the seals topic was created anew before the first
 * checkpoint, a seal that was under way may be the first record of the new topic: nothing in it vouches for its key yet.
 */
export class OwnNoise {
  readonly #keys: readonly VerifierKey[];
  #count = 0;

  /** @param given the root key's statements: those that add seal keys say whose statements are this log's */
  constructor(given: readonly GivenKeyStatement[]) {
    this.#keys = given.flatMap(({ statement: { action, role, key } }) =>
      action === 'add' && role === 'seal' ? [parseVerifierKey(key)] : [],
    );
  }

  /** How many were met. */
  get count(): number {
    return this.#count;
  }

  /** @param value a record of the seals topic that is noise */
  meet(value: Uint8Array): void {
    try {
      const note = parseNote(value);
      if (this.#keys.some((key) => noteSignedBy(note, key, nodeVerifyEd25519))) this.#count += 1;
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
    }
  }
}
