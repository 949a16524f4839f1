import { decodeBase64, excerpt, isKeyName, isName, isTopicId, parseDecimal } from './encoding.ts';
import { CoreError } from './errors.ts';
import { splitVkey } from './note-key.ts';
import type {
  Base64Hash,
  GapStatement,
  GenesisReason,
  GenesisStatement,
  KeyRole,
  KeyStatement,
  PruneStatement,
  Range,
  SealStatement,
  Statement,
} from './statement-types.ts';

// The lines of each kind of statement, in their order, as the protocol's section 5 prints them. Reader and writer both go by
// these tables.

/** One value as the text after a line's name. `read` throws what says why it is not one; `write` is its inverse. */
export interface Form<T> {
  readonly read: (text: string) => T;
  readonly write: (value: T) => string;
}

/** One line of a kind of statement. */
export interface Line<S> {
  readonly name: string;
  /** The member of the statement that it holds. */
  readonly member: string;
  /** Reads that member from the text after the name and the space. */
  readonly read: (value: string) => unknown;
  readonly write: (statement: S) => string;
}

/** Makes the lines of one kind; the types tie each member to its form. */
const linesOf =
  <S extends Statement>() =>
  <K extends keyof S & string>(name: string, member: K, form: Form<S[K]>): Line<S> => ({
    name,
    member,
    read: form.read,
    write: (statement) => form.write(statement[member]),
  });

const text = (is: (value: string) => boolean, what: string): Form<string> => ({
  read: (value) => {
    if (!is(value)) throw invalid(value, what);
    return value;
  },
  write: (value) => value,
});

const oneOf = <T extends string>(...allowed: readonly T[]): Form<T> => ({
  read: (value) => {
    const found = allowed.find((word) => word === value);
    if (found === undefined) throw invalid(value, `one of ${allowed.join(', ')}`);
    return found;
  },
  write: (value) => value,
});

const orNone = <T>(form: Form<T>): Form<T | null> => ({
  read: (value) => (value === '-' ? null : form.read(value)),
  write: (value) => (value === null ? '-' : form.write(value)),
});

const decimal: Form<number> = { read: parseDecimal, write: String };

const range: Form<Range> = {
  read: (value) => {
    const [first = '', last = '', ...more] = value.split('-');
    if (more.length > 0) throw invalid(value, 'a range <first>-<last>');
    return { first: parseDecimal(first), last: parseDecimal(last) };
  },
  write: ({ first, last }) => `${first}-${last}`,
};

const hash: Form<Base64Hash> = {
  read: (value) => {
    if (decodeBase64(value).length !== 32) throw invalid(value, 'the base64 of 32 bytes');
    return value;
  },
  write: (value) => value,
};

const vkey: Form<string> = {
  read: (value) => {
    splitVkey(value);
    return value;
  },
  write: (value) => value,
};

const name = text(isName, 'a name of 1 to 255 characters of U+0021 to U+007E');
const logName = text(isKeyName, 'a name of 1 to 255 characters of U+0021 to U+007E without "+"');
const topicId = text(isTopicId, "a topic id in Kafka's text form of 22 characters");
const reason = oneOf<GenesisReason>('new', 'recreated', 'truncated', 'diverged', 'migrated', 'unsealable');

const keyLine = linesOf<KeyStatement>();
export const keyLines = [
  keyLine('origin', 'origin', logName),
  keyLine('number', 'number', decimal),
  keyLine('action', 'action', oneOf('add', 'retire')),
  keyLine('role', 'role', oneOf<KeyRole>('seal', 'log', 'producer')),
  keyLine('key', 'key', vkey),
  keyLine('previous', 'previous', orNone(hash)),
  keyLine('time', 'time', decimal),
];

const genesisLine = linesOf<GenesisStatement>();
export const genesisLines = [
  genesisLine('origin', 'origin', logName),
  genesisLine('topic', 'topic', name),
  genesisLine('topic-id', 'topicId', topicId),
  genesisLine('partition', 'partition', decimal),
  genesisLine('generation', 'generation', decimal),
  genesisLine('reason', 'reason', reason),
  genesisLine('first-offset', 'firstOffset', decimal),
  genesisLine('previous', 'previous', orNone(hash)),
  genesisLine('time', 'time', decimal),
];

const sealLine = linesOf<SealStatement>();
export const sealLines = [
  sealLine('origin', 'origin', logName),
  sealLine('topic', 'topic', name),
  sealLine('partition', 'partition', decimal),
  sealLine('generation', 'generation', decimal),
  sealLine('seal', 'seal', decimal),
  sealLine('events', 'events', range),
  sealLine('offsets', 'offsets', range),
  sealLine('epoch', 'epoch', orNone(decimal)),
  sealLine('root', 'root', hash),
  sealLine('after', 'after', hash),
  sealLine('head', 'head', hash),
  sealLine('previous', 'previous', hash),
  sealLine('time', 'time', orNone(decimal)),
];

const gapLine = linesOf<GapStatement>();
export const gapLines = [
  gapLine('origin', 'origin', logName),
  gapLine('topic', 'topic', name),
  gapLine('partition', 'partition', decimal),
  gapLine('generation', 'generation', decimal),
  gapLine('offsets', 'offsets', range),
  gapLine('reason', 'reason', oneOf('deleted')),
  gapLine('previous', 'previous', hash),
  gapLine('time', 'time', decimal),
];

const pruneLine = linesOf<PruneStatement>();
export const pruneLines = [
  pruneLine('origin', 'origin', logName),
  pruneLine('topic', 'topic', name),
  pruneLine('partition', 'partition', decimal),
  pruneLine('generation', 'generation', decimal),
  pruneLine('through', 'through', decimal),
  pruneLine('offset', 'offset', decimal),
  pruneLine('rule', 'rule', name),
  pruneLine('archive', 'archive', name),
  pruneLine('sha256', 'sha256', hash),
  pruneLine('previous', 'previous', hash),
  pruneLine('time', 'time', decimal),
];

function invalid(found: string, what: string): CoreError {
  return new CoreError('ENCODING_INVALID', `${excerpt(found)} is not ${what}`, { evidence: { found } });
}
