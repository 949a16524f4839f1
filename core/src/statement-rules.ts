import { isCanonicalPublicKey } from './ed25519.ts';
import { ed25519Type, splitVkey } from './note-key.ts';
import type { GenesisStatement, KeyStatement, Range, SealStatement, Statement } from './statement-types.ts';

// What several lines of one statement together must be. What a statement's own text shows is form; what needs another
// statement is continuation, and not judged here.

/** Events in a batch, at most (protocol, section 3). */
export const maxBatchEvents = 16_384;

/** Why the statement has no valid form, or null. */
export function formError(statement: Statement): string | null {
  switch (statement.kind) {
    case 'key':
      return keyFormError(statement);
    case 'genesis':
      return genesisFormError(statement);
    case 'seal':
      return sealFormError(statement);
    case 'gap':
      return rangeError('offsets', statement.offsets);
    case 'prune':
      break;
  }
  return null;
}

/**
 * Why a key statement that adds a key has no effect, as far as its own text shows, or null: the key's type, its encoding and
 * whether its name fits the role. (That the key is no root key and was not added before needs the other statements.) Such a
 * statement is refused with a warning; only key statement 0 is no statement at all then.
 */
export function keyRefusal({ origin, role, key }: Pick<KeyStatement, 'origin' | 'role' | 'key'>): string | null {
  const { name, type, material } = splitVkey(key);
  if (type !== ed25519Type) return `the key is of type ${type}, not Ed25519`;
  if (!isCanonicalPublicKey(material)) return 'the public key is not canonical or of small order';
  if (role === 'seal' && name !== `${origin}/seal`) return `a seal key of this log has the name ${origin}/seal`;
  if (role === 'log' && name !== origin) return `the log key has the log's name, ${origin}`;
  return null;
}

function keyFormError(statement: KeyStatement): string | null {
  if (statement.number > 0) return statement.previous === null ? 'only key statement 0 has no previous one' : null;
  if (statement.previous !== null) return 'key statement 0 has no previous one';
  if (statement.action !== 'add' || statement.role !== 'seal') return 'key statement 0 adds the first seal key';
  const refusal = keyRefusal(statement);
  return refusal === null ? null : `key statement 0 adds the first seal key: ${refusal}`;
}

function genesisFormError({ generation, reason, previous }: GenesisStatement): string | null {
  if (generation === 0) {
    if (reason !== 'new') return 'generation 0 has the reason new';
    return previous === null ? null : 'generation 0 has no previous statement';
  }
  if (reason === 'new') return 'a later generation is never new';
  return previous === null ? 'a later generation closes the one before: it has a previous statement' : null;
}

function sealFormError({ events, offsets }: SealStatement): string | null {
  const error = rangeError('events', events) ?? rangeError('offsets', offsets);
  if (error !== null) return error;
  // Differences, not counts: a count could be above 2^53-1.
  const more = events.last - events.first;
  if (offsets.last - offsets.first !== more) return 'events and offsets are not equally many';
  return more < maxBatchEvents ? null : `a batch has at most ${maxBatchEvents} events`;
}

function rangeError(what: string, { first, last }: Range): string | null {
  return first <= last ? null : `${what} ${first}-${last} ends before it begins`;
}
