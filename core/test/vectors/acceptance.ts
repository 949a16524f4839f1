import { sha256, base64, broken, noteOf, signatureLine } from './primitives.ts';
import {
  gap,
  genesis,
  key,
  note,
  origin,
  prune,
  root,
  seal,
  sealA,
  sealB,
  sealC,
  stranger,
  type Made,
} from './statements.ts';

// "First valid wins": notes at their places in log and topic, what each of them is, and what is accepted in the end.

type Place = { readonly in: 'log'; readonly index: number } | { readonly in: 'seals'; readonly offset: number };

interface Step {
  readonly place: Place;
  /** The note, or null for a record without a value. */
  readonly note: string | null;
  /** Instead of a note where the bytes are no UTF-8: base64. */
  readonly bytes?: string;
  readonly outcome: string;
  /** Of what is contested: the statement that it goes on from in all its lines say of others, or null. */
  readonly continues?: string | null;
  readonly why: string;
}

interface End {
  /** Valid seal keys. */
  readonly keys: readonly string[];
  readonly accepted: number;
  /** The last accepted statement by `<topic>/<partition>`. */
  readonly last: Readonly<Record<string, string>>;
}

type Offer = readonly [given: string | null | Uint8Array, outcome: string, why: string, continues?: Made | null];

const step = ([given, outcome, why, continues]: Offer, place: Place): Step => ({
  place,
  note: given instanceof Uint8Array ? null : given,
  ...(given instanceof Uint8Array ? { bytes: base64(Buffer.from(given)) } : {}),
  outcome,
  ...(outcome === 'contested' ? { continues: continues?.hash ?? null } : {}),
  why,
});

function vector(description: string, log: readonly Offer[], topic: readonly Offer[], end: End) {
  return {
    description,
    origin,
    rootKey: root.vkey,
    steps: [
      ...log.map((offer, index) => step(offer, { in: 'log', index })),
      ...topic.map((offer, offset) => step(offer, { in: 'seals', offset })),
    ],
    end,
  };
}

const K0 = key(0, '-', sealA);
const K1 = key(1, K0.hash, sealB);
const G = genesis(0);
const S0 = seal(G);
const S1 = seal(S0);
const S2 = seal(S1);
const S3 = seal(S2);
const ok = (given: string): Offer => [given, 'accepted', 'it continues'];
const start = [ok(note(K0.text, root)), ok(note(K1.text, root)), ok(note(G.text, sealA)), ok(note(S0.text, sealA)), ok(note(S1.text, sealB))];
const both = [sealA.vkey, sealB.vkey];
const at = (last: Made, accepted: number, keys: readonly string[] = both): End => ({ keys, accepted, last: { 'events/0': last.hash } });

const twoLines = noteOf(S2.text, signatureLine(S2.text, sealA), signatureLine(S2.text, sealB));
const shortLine = noteOf(S2.text, `— ${sealA.name} ${base64(Buffer.concat([sealA.id, Buffer.alloc(63)]))}\n`);
const other = S2.text.replace(`origin ${origin}`, 'origin other.org/log');
const unknown = 'tallystick/seal/v2\nof a later release\n';
const unknownKey = 'tallystick/key/v2\n';
const behind = (text: string) => base64(sha256(text));
const retireA = key(2, K1.hash, sealA, { action: 'retire' });
const shorter = seal(S1, {}, 4);

const first = [
  vector('a chain under two keys', [], [...start, ok(note(S2.text, sealA))], at(S2, 6)),
  vector(
    'every partition and topic has its own chain',
    [],
    [
      ...start,
      ok(note(genesis(1).text, sealB)),
      ok(note(genesis(0, { topic: 'other' }).text, sealA)),
      ok(note(seal(genesis(1), {}, 3, 1).text, sealA)),
    ],
    {
      keys: both,
      accepted: 8,
      last: { 'events/0': S1.hash, 'events/1': seal(genesis(1), {}, 3, 1).hash, 'other/0': genesis(0, { topic: 'other' }).hash },
    },
  ),
  vector(
    'rubbish: not a statement of this log in its one form',
    [],
    [
      ...start,
      [null, 'rubbish', 'no value'],
      ['', 'rubbish', 'an empty value'],
      [new Uint8Array([0xff, 0xfe, 0]), 'rubbish', 'no UTF-8'],
      [S2.text, 'rubbish', 'no signature'],
      [note('hello\n', sealA), 'rubbish', 'another text'],
      [twoLines, 'rubbish', 'two signature lines'],
      [shortLine, 'rubbish', 'a signature of 63 bytes'],
      [note(other, sealA), 'rubbish', 'another log'],
      [note(S2.text.replace('seal 2', 'seal 02'), sealA), 'rubbish', 'a leading zero'],
      [note(`${S2.text}more 1\n`, sealA), 'rubbish', 'a line more'],
      [note(S2.text.replace('events 20-29', 'events 20-28'), sealA), 'rubbish', 'counts that differ'],
      [note(S2.text.replaceAll('20-29', '20-16404'), sealA), 'rubbish', '16,385 events'],
      [note(key(0, '-', sealA, { action: 'retire' }).text, root), 'rubbish', 'key statement 0 that retires'],
      [note(`${S2.text}${'x'.repeat(65_536)}\n`, sealA), 'rubbish', 'more than 65,535 bytes'],
      ok(note(S2.text, sealA)),
    ],
    at(S2, 6),
  ),
  vector(
    'noise: signed by no key of the right role that is valid at its place',
    [],
    [
      ...start,
      [note(S2.text, stranger), 'noise', 'a stranger'],
      [note(S2.text, root), 'noise', 'the root key seals nothing'],
      [noteOf(S2.text, broken(signatureLine(S2.text, sealA))), 'noise', 'a signature that does not fit'],
      [note(S2.text, sealC), 'noise', 'a key that is not added yet'],
      [note(genesis(0, { generation: 1, reason: 'truncated', previous: S1.hash }).text, sealA), 'noise', 'a later generation is signed by the root key'],
      [note(genesis(1).text, root), 'noise', 'generation 0 is signed by a seal key'],
      [note(key(2, K1.hash, sealC).text, sealA), 'noise', 'a key statement is signed by the root key'],
      ok(note(key(2, K1.hash, sealC).text, root)),
      [note(S2.text, sealC), 'accepted', 'noise did not count as met'],
    ],
    at(S2, 7, [...both, sealC.vkey]),
  ),
  vector(
    'keys: what is refused takes no number',
    [],
    [
      ...start,
      [note(key(2, K1.hash, sealB).text, root), 'keyRefused', 'added before'],
      [note(key(2, K1.hash, sealB).text, root), 'repeated', 'the same again'],
      [note(key(2, K1.hash, { vkey: root.vkey.replace('/root+', '/seal+') }, { role: 'producer' }).text, root), 'rubbish', 'a key id of another name'],
      [note(key(2, K1.hash, root, { role: 'producer' }).text, root), 'keyRefused', 'the root key'],
      [note(key(2, K1.hash, sealC, { role: 'log' }).text, root), 'keyRefused', 'a name that does not fit the role'],
      [note(key(2, K1.hash, sealC, { action: 'retire' }).text, root), 'keyRefused', 'retires a key that was never added'],
      [note(key(2, K1.hash, sealA, { action: 'retire', role: 'log' }).text, root), 'keyRefused', 'retires it in another role'],
      ok(note(retireA.text, root)),
      [note(S2.text, sealA), 'noise', 'retired'],
      [note(key(3, retireA.hash, sealA).text, root), 'keyRefused', 'never added again'],
      [note(key(3, retireA.hash, sealB, { action: 'retire' }).text, root), 'keyRefused', 'the last seal key'],
      ok(note(S2.text, sealB)),
    ],
    at(S2, 7, [sealB.vkey]),
  ),
  vector(
    'keys are judged at the place that their `previous` names',
    [],
    [
      ...start,
      [note(key(1, K0.hash, sealB, { time: 7 }).text, root), 'race', 'another clock'],
      [note(key(1, K0.hash, sealB, { role: 'producer' }).text, root), 'contested', 'after K0 it would have counted: two histories', null],
      [note(key(1, K0.hash, sealC).text, root), 'contested', 'another key', null],
      [note(key(1, K0.hash, sealA).text, root), 'keyRefused', 'after K0 that key was there already'],
      [note(key(3, K1.hash, sealC).text, root), 'contested', 'number 2 is next', null],
    ],
    at(S1, 5),
  ),
  vector(
    'nothing counts before key statement 0',
    [],
    [
      [note(G.text, sealA), 'noise', 'no key is valid'],
      [note(K1.text, root), 'contested', 'number 0 is first', null],
      ok(note(K0.text, root)),
      ok(note(G.text, sealA)),
      [note(K1.text, root), 'accepted', 'it continues now'],
    ],
    at(G, 3),
  ),
  vector(
    'first valid wins; who continues what was accepted may have lost a race',
    [],
    [
      ...start,
      ok(note(shorter.text, sealB)),
      [note(S2.text, sealA), 'contested', 'the records decide', S1],
      [note(S3.text, sealA), 'contested', 'it continues a loser', null],
      [note(shorter.text, sealA), 'race', 'the same text under another key'],
      [note(shorter.text, sealB), 'repeated', 'the same text under the same key'],
      [note(S2.text, sealA), 'repeated', 'met before'],
      [note(seal(S0, { root: behind('another') }).text, sealA), 'contested', 'another root', S0],
      [note(seal(shorter, { seal: 7 }).text, sealA), 'contested', 'another number', null],
      [note(seal(shorter, { after: behind('x') }).text, sealA), 'contested', 'another leaf before it', null],
      [note(seal(shorter, { generation: 1 }).text, sealA), 'contested', 'another generation', null],
      [note(genesis(0, { time: 9 }).text, sealB), 'race', 'a genesis with another clock'],
      [note(genesis(0, { 'first-offset': 1 }).text, sealB), 'contested', 'a genesis with another first offset', null],
    ],
    at(shorter, 6),
  ),
  vector(
    'what continues now is accepted, though it was met before',
    [],
    [
      ...start,
      [note(S3.text, sealA), 'contested', 'too early', null],
      [note(S3.text, sealA), 'repeated', 'still too early'],
      ok(note(S2.text, sealB)),
      ok(note(S3.text, sealA)),
    ],
    at(S3, 7),
  ),
];

const hole = gap(S1, 24);
const afterHole = seal(hole);
const pruned = prune(S1, 9);
const next = genesis(0, { generation: 1, reason: 'recreated', 'topic-id': 'BBBBBBBBBBBBBBBBBBBBBA', 'first-offset': 3, previous: S1.hash });
const S0of1 = seal({ ...next, offset: 3 }, { generation: 1 });

const kinds = [
  vector(
    'a gap',
    [],
    [
      ...start,
      [note(gap(S1, 24, { offsets: '21-24' }).text, sealA), 'contested', 'it begins at the next offset', null],
      ok(note(hole.text, sealA)),
      [note(gap(S1, 24, { time: 9 }).text, sealB), 'race', 'another clock'],
      ok(note(afterHole.text, sealB)),
      [note(gap(afterHole, 24, { offsets: '20-24' }).text, sealB), 'race', 'another `previous`'],
    ],
    at(afterHole, 7),
  ),
  vector(
    'a prune',
    [],
    [
      ...start,
      [note(prune(S1, 8).text, sealA), 'contested', 'no seal ends there', null],
      [note(prune(S1, 29).text, sealA), 'contested', 'not sealed yet', null],
      [note(prune(S1, 9, { offset: 10 }).text, sealA), 'contested', 'the offset of another event', null],
      ok(note(pruned.text, sealA)),
      [note(prune(pruned, 9, { rule: 'another' }).text, sealA), 'contested', 'not beyond the last one', null],
      [note(prune(S0, 9, { time: 3 }).text, sealB), 'race', 'another clock and `previous`'],
      ok(note(prune(pruned, 19).text, sealB)),
    ],
    at(prune(pruned, 19), 7),
  ),
  vector(
    'the next generation',
    [],
    [
      ...start,
      [note(genesis(0, { generation: 2, reason: 'truncated', previous: S1.hash }).text, root), 'contested', 'generation 1 is next', null],
      [note(genesis(0, { generation: 1, reason: 'truncated', previous: S0.hash }).text, root), 'contested', 'it closes the last statement', S0],
      ok(note(next.text, root)),
      [note(S2.text, sealA), 'contested', 'its generation is closed', S1],
      ok(note(S0of1.text, sealA)),
      [note(prune(S0of1, 19).text, sealA), 'accepted', 'a prune of an earlier generation'],
    ],
    at(prune(S0of1, 19), 8),
  ),
  vector(
    'later versions',
    [],
    [
      ...start,
      [note(unknown, stranger), 'noise', 'not signed by a key that counts'],
      [note('other/seal/v2\n', sealA), 'rubbish', 'another first line'],
      [note(unknown, sealA), 'unknownVersion', 'signed by a valid seal key'],
      [note(unknown, sealA), 'repeated', 'the same again'],
      [note('tallystick/witness/v1\n', root, stranger), 'unknownVersion', 'any number of signature lines'],
      [note(seal(S1, { previous: behind(unknown) }).text, sealA), 'afterUnknown', 'it follows one'],
      [note(unknownKey, root), 'unknownVersion', 'in the key chain'],
      [note(key(3, behind(unknownKey), sealC).text, root), 'afterUnknown', 'it follows that'],
      [note(S2.text, sealC), 'noise', 'and gave no key'],
      ok(note(S2.text, sealA)),
    ],
    at(S2, 6),
  ),
];

const again = (given: string): Offer => [given, 'repeated', 'the log holds it'];
const held = start.map(([given]) => again(String(given)));

const logs = [
  vector('a log, and the topic that it came from', start, [...held, ok(note(S2.text, sealA))], at(S2, 6)),
  vector(
    'a log with entries that are not accepted: tampering',
    [
      ...start,
      [note(S1.text, sealB), 'repeated', 'twice'],
      [note(S3.text, sealA), 'contested', 'it does not continue', null],
      [note(S2.text, stranger), 'noise', 'signed by nobody'],
      ['x', 'rubbish', 'no note'],
    ],
    [],
    at(S1, 5),
  ),
  vector(
    'what the log holds beats the topic',
    [...start, ok(note(shorter.text, sealB))],
    [
      ...held,
      [note(S2.text, sealA), 'contested', 'first in the topic, but the log took the other one', S1],
      again(note(shorter.text, sealB)),
    ],
    at(shorter, 6),
  ),
  vector(
    'a key is not valid before its addition stands in the topic',
    start,
    [
      held[0]!,
      [note(genesis(1).text, sealB), 'noise', 'B is added at the next place'],
      held[1]!,
      ok(note(genesis(1).text, sealB)),
    ],
    { keys: both, accepted: 6, last: { 'events/0': S1.hash, 'events/1': genesis(1).hash } },
  ),
  vector(
    'a key change that only the log holds has the place of its `previous`',
    start,
    [held[0]!, ok(note(genesis(1).text, sealB))],
    { keys: both, accepted: 6, last: { 'events/0': S1.hash, 'events/1': genesis(1).hash } },
  ),
  vector(
    'so has one that the topic holds only behind a later one of its chain (produced again)',
    [...start, ok(note(key(2, K1.hash, sealC).text, root))],
    [
      held[0]!,
      again(note(key(2, K1.hash, sealC).text, root)),
      ok(note(genesis(1).text, sealB)),
      held[1]!,
    ],
    { keys: [...both, sealC.vkey], accepted: 7, last: { 'events/0': S1.hash, 'events/1': genesis(1).hash } },
  ),
  vector(
    'a key that the log retires signs nothing pending, but what it signed before is evidence',
    [...start, ok(note(retireA.text, root))],
    [
      held[0]!,
      held[2]!,
      [note(seal(G, { root: behind('another') }).text, sealA), 'contested', 'signed while A was valid', G],
      held[3]!,
      held[1]!,
      held[4]!,
      [note(S2.text, sealA), 'noise', 'pending, and the log retires A'],
      again(note(retireA.text, root)),
      [note(S2.text, sealA), 'noise', 'retired'],
      ok(note(S2.text, sealB)),
    ],
    at(S2, 7, [sealB.vkey]),
  ),
  vector(
    'produced again behind the retirement of its key it is that statement all the same',
    [...start, ok(note(retireA.text, root))],
    [held[0]!, held[1]!, again(note(retireA.text, root)), held[2]!, held[3]!, held[4]!, ok(note(S2.text, sealB))],
    at(S2, 7, [sealB.vkey]),
  ),
  vector(
    'nothing continues a statement that stands behind it, though the log was read first',
    start,
    [
      ...held.slice(0, 4),
      [note(S2.text, sealB), 'contested', 'S1 stands behind it', null],
      held[4]!,
      [note(S2.text, sealB), 'accepted', 'now it continues'],
    ],
    at(S2, 6),
  ),
];

export const acceptanceVectors = [...first, ...kinds, ...logs];
