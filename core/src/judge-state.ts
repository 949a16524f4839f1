import { CoreError } from './errors.ts';

// The state of a judge as plain JSON: what a snapshot carries (protocol, section 6). This file knows its form alone.

/** An accepted statement of a partition. */
export interface SavedStatement {
  /** The whole note. */
  readonly note: string;
  /** Its index in the log. */
  readonly index: number;
  /** Number of the key statement that added the key that signed it; null: the root key. */
  readonly key: number | null;
}

export interface SavedKey {
  readonly note: string;
  readonly index: number;
  /** Where `audit.seals` holds it, as far as that is known. */
  readonly offset: number | null;
}

export interface SavedPartition {
  /** Texts of the accepted genesis statements, by generation. */
  readonly geneses: readonly string[];
  /** The offset that the next seal or gap begins with. */
  readonly nextOffset: number;
  /** Generation and index of the last event pruned, in the order of the first prunes. */
  readonly pruned: readonly (readonly [generation: number, through: number])[];
  readonly last: SavedStatement;
  /** The last seal of the current generation where it is not `last`. */
  readonly lastSeal: SavedStatement | null;
}

/** All that a judge needs to go on. Members in this order, so that one state has one text. */
export interface JudgeState {
  /** Accepted statements: entries of the log once it holds them. */
  readonly size: number;
  /** The offset of `audit.seals` behind the last record that was judged. */
  readonly offset: number;
  /** Key statements, by number. */
  readonly keys: readonly SavedKey[];
  /** In the order of their first genesis statements. */
  readonly partitions: readonly SavedPartition[];
}

/** The state for an `audit.seals` that is another topic than the one it was saved with: that holds nothing of it yet. */
export function forgetTopic(state: JudgeState): JudgeState {
  return { ...state, offset: 0, keys: state.keys.map((key) => ({ ...key, offset: null })) };
}

/**
 * Takes a parsed JSON value for a judge's state: every member of its kind, none missing, none more. What it says is checked by
 * `Judge.restore`.
 * @throws CoreError JUDGE_STATE_INVALID
 */
export function readJudgeState(value: unknown): JudgeState {
  const { size, offset, keys, partitions } = members(value, ['size', 'offset', 'keys', 'partitions'], 'the state');
  return {
    size: number(size, 'size'),
    offset: number(offset, 'offset'),
    keys: list(keys, 'keys').map(readKey),
    partitions: list(partitions, 'partitions').map(readPartition),
  };
}

export function stateInvalid(why: string, cause?: unknown): CoreError {
  return new CoreError('JUDGE_STATE_INVALID', `not a state of accepted statements: ${why}`, { cause });
}

function readKey(value: unknown): SavedKey {
  const { note, index, offset } = members(value, ['note', 'index', 'offset'], 'a key');
  return { note: text(note, 'note'), index: number(index, 'index'), offset: orNull(offset, 'offset') };
}

function readPartition(value: unknown): SavedPartition {
  const names = ['geneses', 'nextOffset', 'pruned', 'last', 'lastSeal'] as const;
  const { geneses, nextOffset, pruned, last, lastSeal } = members(value, names, 'a partition');
  return {
    geneses: list(geneses, 'geneses').map((genesis) => text(genesis, 'a genesis')),
    nextOffset: number(nextOffset, 'nextOffset'),
    pruned: list(pruned, 'pruned').map((pair) => {
      const [generation, through, ...more] = list(pair, 'a pruned generation');
      if (more.length > 0) throw stateInvalid('a pruned generation has two numbers');
      return [number(generation, 'a generation'), number(through, 'an index')] as const;
    }),
    last: readStatement(last),
    lastSeal: lastSeal === null ? null : readStatement(lastSeal),
  };
}

function readStatement(value: unknown): SavedStatement {
  const { note, index, key } = members(value, ['note', 'index', 'key'], 'a statement');
  return { note: text(note, 'note'), index: number(index, 'index'), key: orNull(key, 'key') };
}

function members<Name extends string>(value: unknown, names: readonly Name[], what: string): Record<Name, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw stateInvalid(`${what} is no object`);
  const found = new Map<string, unknown>(Object.entries(value));
  const made: Partial<Record<Name, unknown>> = {};
  for (const name of names) {
    if (!found.delete(name)) throw stateInvalid(`${what} has no ${name}`);
    made[name] = Object.getOwnPropertyDescriptor(value, name)?.value;
  }
  const [more] = found.keys();
  if (more !== undefined) throw stateInvalid(`${what} has a member that is unknown here`);
  // Every name was set above.
  return made as Record<Name, unknown>;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw stateInvalid(`${what} is no list`);
  return value;
}

function number(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0))
    throw stateInvalid(`${what} is no number from 0 to 2^53-1`);
  return value;
}

function orNull(value: unknown, what: string): number | null {
  return value === null ? null : number(value, what);
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || !value.isWellFormed()) throw stateInvalid(`${what} is no text`);
  return value;
}
