import { beforeAll, describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { Judge, readJudgeState, type JudgeState } from '../src/judge.ts';
import { signNote } from '../src/note.ts';
import { formatStatement } from '../src/statement.ts';
import {
  by,
  gap,
  genesis,
  hashOf,
  key,
  offerAll,
  origin,
  prune,
  root,
  sealA,
  sealAfter,
  sealB,
  stranger,
} from './judge-script.ts';
import { codeOf } from './reference/throws.ts';

// What was saved must hold together, or nothing goes on from it.

const options = { origin, rootKey: root.key, verify: nodeVerifyEd25519 };
const K0 = key();
const K1 = key({ number: 1, key: sealB.key.vkey, previous: hashOf(K0) });
const G = genesis();
const S0 = sealAfter(G);
const S1 = sealAfter(S0);
const P = prune({ previous: hashOf(S1) });
const H = gap({ offsets: { first: 20, last: 24 }, previous: hashOf(P) });
const other = genesis({ partition: 1 });
const T0 = sealAfter(other);
const later = genesis({ partition: 1, generation: 1, reason: 'recreated', previous: hashOf(T0) });
const notes = [
  ...[by(root, K0), by(root, K1), by(sealA, G), by(sealA, S0), by(sealB, S1), by(sealA, P), by(sealA, H)],
  ...[by(sealA, other), by(sealA, T0), by(root, later), by(sealA, genesis({ partition: 2 }))],
];

let state: JudgeState;
let text = '';
const note = async (...[statement, signer]: [Parameters<typeof formatStatement>[0], Parameters<typeof signNote>[1]]) =>
  new TextDecoder().decode(await signNote(formatStatement(statement), signer));
const made: Record<string, string> = {};

beforeAll(async () => {
  const judge = new Judge(options);
  for (const { outcome } of await offerAll(judge, notes)) expect(outcome).toBe('accepted');
  state = judge.save();
  text = JSON.stringify(state);
  made['S1 by a stranger'] = await note(S1, stranger);
  made['S0'] = await note(S0, sealA);
  made['T0'] = await note(T0, sealA);
  made['K1 again'] = await note({ ...K1, key: sealA.key.vkey }, root);
  made['another log'] = await note({ ...S1, origin: 'other.org/log' }, sealB);
  made['later version'] = new TextDecoder().decode(await signNote('tallystick/seal/v2\n', sealB));
});

// Any member may be set to anything here.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

/** A copy, changed. */
function bent(bend: (copy: Loose) => void): unknown {
  const copy: unknown = JSON.parse(text);
  bend(copy);
  return copy;
}

describe('a saved state', () => {
  it('is plain JSON of a known form, and gives the same judge', () => {
    const judge = Judge.restore(options, readJudgeState(JSON.parse(text)));
    expect(JSON.stringify(judge.save())).toBe(text);
    expect(judge.size).toBe(11);
    expect(
      judge
        .partitions()
        .map(({ nextSeal, nextIndex, nextOffset, generation }) => [generation, nextSeal, nextIndex, nextOffset]),
    ).toEqual([
      [0, 2, 20, 25],
      [1, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(judge.partition('events', 0)).toMatchObject({ head: S1.head, hash: hashOf(H), pruned: new Map([[0, 9]]) });
    expect(judge.partition('events', 0)?.lastSeal?.statement).toEqual(S1);
    expect(judge.partition('events', 1)).toMatchObject({ lastSeal: null, head: hashOf(later), signer: root.key.vkey });
    expect(judge.partition('events', 1)?.geneses).toEqual([other, later]);
  });

  it('of a judge that has seen nothing is a state too', () => {
    const empty = new Judge(options).save();
    expect(empty).toEqual({ size: 0, offset: 0, keys: [], partitions: [] });
    expect(Judge.restore(options, empty).save()).toEqual(empty);
  });

  const forms: [string, (copy: Loose) => void][] = [
    ['a member that is missing', (s) => delete s.offset],
    ['a member that is unknown', (s) => (s.more = 1)],
    ['a size that is no number', (s) => (s.size = '11')],
    ['a negative offset', (s) => (s.offset = -1)],
    ['minus zero', (s) => (s.offset = -0)],
    ['half an index', (s) => (s.keys[0].index = 0.5)],
    ['keys that are no list', (s) => (s.keys = {})],
    ['a key that is null', (s) => (s.keys[0] = null)],
    ['a partition that is a list', (s) => (s.partitions[0] = [])],
    ['a note that is none', (s) => (s.partitions[0].last.note = 7)],
    ['half a surrogate pair', (s) => (s.partitions[0].last.note = '\ud800')],
    ['a pruned generation of three numbers', (s) => (s.partitions[0].pruned[0] = [0, 9, 1])],
    ['a last seal that is missing', (s) => delete s.partitions[0].lastSeal],
    ['a key number that is a text', (s) => (s.partitions[0].last.key = '0')],
  ];
  it.each(forms)('is none with %s', (_, bend) => {
    expect(codeOf(() => readJudgeState(bent(bend)))).toBe('JUDGE_STATE_INVALID');
  });

  it.each([null, undefined, 5, 'state', [], {}])('is not %o', (none) => {
    expect(codeOf(() => readJudgeState(none))).toBe('JUDGE_STATE_INVALID');
  });

  const contradictions: [string, (copy: Loose) => void][] = [
    ['no partition genesis', (s) => (s.partitions[0].geneses = [])],
    ['a genesis that does not parse', (s) => (s.partitions[0].geneses[0] += 'x')],
    ['a genesis of another generation', (s) => (s.partitions[1].geneses = s.partitions[1].geneses.toReversed())],
    ['a genesis of another partition', (s) => (s.partitions[1].geneses[0] = s.partitions[0].geneses[0])],
    ['a partition twice', (s) => s.partitions.push(s.partitions[0])],
    [
      'a genesis that is not the last statement',
      (s) => (s.partitions[2].geneses[0] = s.partitions[2].geneses[0].replace('first-offset 0', 'first-offset 1')),
    ],
    ['a genesis that is not that of its last seal', (s) => (s.partitions[2].lastSeal = s.partitions[0].lastSeal)],
    ['a last statement of another partition', (s) => (s.partitions[2].last.note = made['T0'])],
    ['a last statement that is a key', (s) => (s.partitions[2].last.note = s.keys[0].note)],
    ['a key that is a seal', (s) => (s.keys[1].note = made['S0'])],
    ['a signature of another key', (s) => (s.partitions[0].lastSeal.note = made['S1 by a stranger'])],
    ['a number of another key', (s) => (s.partitions[0].lastSeal.key = 0)],
    ['a number of no key', (s) => (s.partitions[0].lastSeal.key = 7)],
    ['a seal by the root key', (s) => (s.partitions[0].lastSeal.key = null)],
    ['a later genesis by a seal key', (s) => (s.partitions[1].last.key = 0)],
    ['a key chain that does not continue', (s) => (s.keys = s.keys.toReversed())],
    ['a key chain without its start', (s) => s.keys.shift()],
    ['a key that has no effect', (s) => (s.keys[1].note = made['K1 again'])],
    ['keys in another order of the log', (s) => ([s.keys[0].index, s.keys[1].index] = [1, 0])],
    ['keys in another order of the topic', (s) => ([s.keys[0].offset, s.keys[1].offset] = [1, 0])],
    ['a key that the topic holds further on', (s) => (s.keys[1].offset = 11)],
    ['an index twice', (s) => (s.partitions[0].last.index = 0)],
    ['an index beyond the size', (s) => (s.partitions[0].last.index = 11)],
    ['a size that is too small', (s) => (s.size = 5)],
    ['a next offset that the last statement does not give', (s) => (s.partitions[0].nextOffset = 26)],
    ['a next offset of a seal below its end', (s) => (s.partitions[2].nextOffset = 1)],
    [
      'a prune that is forgotten',
      (s) => ((s.partitions[0].last = s.partitions[0].lastSeal), (s.partitions[0].lastSeal = null)),
    ],
    ['a prune beyond what is sealed', (s) => (s.partitions[0].pruned = [[0, 20]])],
    ['a prune of a later generation', (s) => (s.partitions[0].pruned = [[1, 0]])],
    ['a prune twice', (s) => s.partitions[0].pruned.push([0, 9])],
    ['a last seal behind the last statement', (s) => (s.partitions[0].lastSeal.index = 10.0)],
    ['a last seal that is a gap', (s) => (s.partitions[0].lastSeal = { ...s.partitions[0].last, index: 1 })],
    ['a statement of another log', (s) => (s.partitions[0].lastSeal.note = made['another log'])],
    ['a statement of a later version', (s) => (s.partitions[0].lastSeal.note = made['later version'])],
    ['rubbish', (s) => (s.partitions[0].lastSeal.note = 'x')],
  ];
  it.each(contradictions)('gives no judge with %s', (_, bend) => {
    const wrong = readJudgeState(bent(bend));
    expect(codeOf(() => Judge.restore(options, wrong))).toBe('JUDGE_STATE_INVALID');
  });

  it('gives no judge under another root key or for another log', () => {
    expect(codeOf(() => Judge.restore({ ...options, rootKey: stranger.key }, state))).toBe('JUDGE_STATE_INVALID');
    expect(codeOf(() => Judge.restore({ ...options, origin: 'other.org/log' }, state))).toBe('JUDGE_STATE_INVALID');
  });
});
