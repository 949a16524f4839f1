import { base64, sha256, someHash } from './primitives.ts';

// Findings and verdicts: protocol.md, section 9.

interface Facts {
  readonly code: string;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly generation: number | null;
  readonly place: string;
  readonly expected: string | null;
  readonly found: string | null;
}

const place = { topic: 'audit.events', partition: 3, generation: 0 } as const;
const none = { topic: null, partition: null, generation: null, place: '-', expected: null, found: null } as const;
const altered: Facts = { code: 'altered', ...place, place: 'offsets 17-18', expected: someHash('sealed'), found: someHash('read') };
const fork: Facts = { code: 'fork', ...place, place: someHash('a statement'), expected: someHash('accepted'), found: null };
const deleted: Facts = { code: 'deleted', ...place, place: 'offsets 0-9', expected: null, found: null };
const generation: Facts = { code: 'generation', ...place, generation: 1, place: someHash('a genesis'), expected: null, found: null };
const badMagic: Facts = { code: 'bad-magic', topic: 'audit.seals', partition: 0, generation: null, place: 'offsets 5-5', expected: '2', found: '1' };
const keyRefused: Facts = { code: 'key-refused', ...none, place: someHash('a key statement') };
const nothing: Facts = { code: 'nothing-to-check', ...none };
const quorum: Facts = { code: 'quorum', ...none, expected: '2', found: '1' };

const linesOf = ({ code, topic, partition, generation, place, expected, found }: Facts): string[] =>
  [code, topic, partition, generation, place, expected, found].map((line) => String(line ?? '-'));
const textOf = (facts: Facts): string => linesOf(facts).map((line) => `${line}\n`).join('');
const hashOf = (text: string): string => base64(sha256(text));

/** What a checker might take for the hash, and is not. */
function nearly(facts: Facts): string[] {
  const lines = linesOf(facts);
  const texts = [
    textOf(facts).slice(0, -1),
    textOf(facts).replaceAll('\n', '\r\n'),
    `${lines.join('')}\n`,
    lines.map((line) => (line === '-' ? '\n' : `${line}\n`)).join(''),
    lines.map((line) => (line === '-' ? 'null\n' : `${line}\n`)).join(''),
    `tampering\n${textOf(facts)}`,
    lines.toSpliced(5, 2, lines[6] ?? '', lines[5] ?? '').map((line) => `${line}\n`).join(''),
    lines.slice(1).map((line) => `${line}\n`).join(''),
  ];
  return [...new Set(texts)].filter((text) => text !== textOf(facts)).map(hashOf);
}

const good = (desc: string, facts: Facts) => ({
  desc,
  ...facts,
  wantErr: null,
  lines: textOf(facts),
  hash: hashOf(textOf(facts)),
  not: nearly(facts),
});
const bad = (desc: string, facts: Facts) => ({ desc, ...facts, wantErr: 'ENCODING_INVALID' });

export const findingVectors = [
  good('altered events', altered),
  good('one event: its offset twice', { ...altered, place: 'offsets 17-17' }),
  good('the same place in another partition', { ...altered, partition: 2 }),
  good('partition and generation 0 are not none', { ...altered, partition: 0 }),
  good('the largest offsets', { ...altered, place: 'offsets 9007199254740990-9007199254740991' }),
  good('a fork: the place is the hash of the statement', fork),
  good('a loss with no evidence', deleted),
  good('a generation', generation),
  good('a batch of the seals topic, with no generation', badMagic),
  good('a key finding has no topic', keyRefused),
  good('a finding with nothing but its code', nothing),
  good('evidence that is no hash', quorum),
  good('a topic of one character that is the word for none', { ...altered, topic: '-' }),
  bad('a newline in the topic', { ...altered, topic: 'audit.events\n0' }),
  bad('a newline at the end of the place', { ...altered, place: 'offsets 17-18\n' }),
  bad('a newline in what was expected', { ...altered, expected: 'a\nb' }),
  bad('a place that is a newline', { ...altered, place: '\n' }),
  bad('a newline at the beginning of what was found', { ...altered, found: '\n-' }),
];

const exits = (desc: string, findings: readonly Facts[], acknowledged: readonly string[], exit: 0 | 1 | 3) => ({
  desc,
  findings,
  acknowledged,
  exit,
});
const of = (facts: Facts): string => hashOf(textOf(facts));
const code = (name: string): Facts => ({ ...nothing, code: name });
const onOffsets = (name: string): Facts => ({ ...altered, code: name, expected: null, found: null });
const unreadable: Facts = { ...code('unreadable'), ...place };

/** Every code of the table: its own exit code, and the one that it has where a policy acknowledges it. */
const table: Record<string, readonly [alone: 0 | 1 | 3, acknowledged: 0 | 3]> = Object.fromEntries([
  ...'root-mismatch head-mismatch time-mismatch epoch-mismatch altered bad-crc bad-magic fork false-gap topic-recreated rollback before-genesis log-refused checkpoint tile quorum proof archive-mismatch id-conflict bad-signature gap generation seals-lost deleted truncated missing-offsets not-covered topic-missing sequence-hole'
    .split(' ')
    .map((name) => [name, [1, 0]] as const),
  ...'control-batch transactional-batch create-time unparsed-batch time-outside key-refused leaves-missing leaves-wrong leaves-unreadable unjudged unpinned-schema race resend prune'
    .split(' ')
    .map((name) => [name, [0, 0]] as const),
  ...'no-genesis nothing-to-check unreadable unknown-statement archive-unchecked tail-old checkpoint-old unavailable'
    .split(' ')
    .map((name) => [name, [3, 3]] as const),
]);

export const verdictVectors = [
  exits('nothing found', [], [], 0),
  exits('warnings and notes alone', ['create-time', 'race', 'prune', 'unpinned-schema'].map(onOffsets), [], 0),
  exits('1 wins over 3', [unreadable, altered], [], 1),
  exits('1 wins over 3 in another order', [altered, unreadable, code('unavailable')], [], 1),
  exits('3 wins over 0', [onOffsets('create-time'), unreadable], [], 3),
  exits('an acknowledgement lifts a 1', [altered], [of(altered)], 0),
  exits('all of them have to be acknowledged', [altered, deleted], [of(altered)], 1),
  exits('and are', [altered, deleted, generation], [of(generation), of(deleted), of(altered)], 0),
  exits('an acknowledgement never lifts a 3', [unreadable], [of(unreadable)], 3),
  exits('a 1 that is lifted leaves the 3 beside it', [altered, unreadable], [of(altered), of(unreadable)], 3),
  exits('a warning that is acknowledged stays what it is', [keyRefused], [of(keyRefused)], 0),
  exits('an acknowledgement of what was not found', [deleted], [of(altered)], 1),
  exits('an acknowledgement of the same at another place', [altered], [of({ ...altered, place: 'offsets 17-19' })], 1),
  exits('an acknowledgement of the same with other evidence', [altered], [of({ ...altered, found: someHash('more') })], 1),
  exits('an acknowledgement of another code there', [altered], [of({ ...altered, code: 'root-mismatch' })], 1),
  exits('an acknowledgement by a text that has no last newline', [altered], [hashOf(textOf(altered).slice(0, -1))], 1),
  exits('one acknowledgement lifts the same finding wherever it is met again', [altered, altered], [of(altered)], 0),
  ...Object.entries(table).flatMap(([name, [alone, acknowledged]]) => [
    exits(name, [onOffsets(name)], [], alone),
    exits(`${name}, acknowledged`, [onOffsets(name)], [of(onOffsets(name))], acknowledged),
  ]),
];
