import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { encodeUtf8 } from '../src/encoding.ts';
import {
  decideContested,
  Judge,
  type Contested,
  type JudgeOptions,
  type Outcome,
  type RecordFacts,
} from '../src/judge.ts';
import { formatVerifierKey, signNote } from '../src/note.ts';
import { formatStatement, statementHash } from '../src/statement.ts';
import {
  by,
  bytes,
  gap,
  genesis,
  hashOf,
  key,
  noteOf,
  offerAll,
  origin,
  prune,
  root,
  sealA,
  sealAfter,
  sealB,
  sealC,
  stranger,
  type Offer,
} from './judge-script.ts';

const judgeOf = (over: Partial<JudgeOptions> = {}) =>
  new Judge({ origin, rootKey: root.key, verify: nodeVerifyEd25519, ...over });
const names = (outcomes: readonly Outcome[]) => outcomes.map(({ outcome }) => outcome);

// A log with two seal keys and a partition with three seals: what most tests begin with.
const K0 = key();
const K1 = key({ number: 1, key: sealB.key.vkey, previous: hashOf(K0) });
const G = genesis();
const S0 = sealAfter(G);
const S1 = sealAfter(S0);
const S2 = sealAfter(S1);
const start: Offer[] = [by(root, K0), by(root, K1), by(sealA, G), by(sealA, S0), by(sealB, S1), by(sealA, S2)];

/** Given what was offered before, these offers have these outcomes. */
async function then(
  offers: readonly Offer[],
  expected: readonly string[],
  given: readonly Offer[] = start,
): Promise<{ judge: Judge; outcomes: Outcome[] }> {
  const judge = judgeOf();
  const before = await offerAll(judge, given);
  if (given === start) expect(names(before)).toEqual(given.map(() => 'accepted'));
  const outcomes = await offerAll(judge, offers, given.length);
  expect(names(outcomes)).toEqual(expected);
  return { judge, outcomes };
}

const contestedOf = (outcome: Outcome | undefined): Contested => {
  if (outcome?.outcome !== 'contested') throw new Error(`${outcome?.outcome} is not contested`);
  return outcome.contested;
};

/** The next key statement: adds key C, or what `over` says. */
const add = (over: object) => key({ number: 2, previous: hashOf(K1), key: sealC.key.vkey, ...over });
const contest = async (offer: Offer) => {
  const { outcomes } = await then([offer], ['contested']);
  return contestedOf(outcomes[0]);
};
const unknown = async (text: string, signer = sealA): Promise<Offer> => ({ note: await signNote(text, signer) });

describe('what continues', () => {
  it('a chain of genesis and seals under two keys', async () => {
    const { judge } = await then([], []);
    expect(judge.partition('events', 0)).toMatchObject({
      generation: 0,
      nextSeal: 3,
      nextIndex: 30,
      nextOffset: 30,
      head: S2.head,
      hash: hashOf(S2),
    });
    expect(judge.partition('events', 1)).toBeNull();
    expect(judge.counts).toMatchObject({ offered: 6, accepted: 6 });
  });

  const seals: [string, object][] = [
    ['another seal number', { seal: 4 }],
    ['another first event', { events: { first: 31, last: 40 } }],
    ['another first offset', { offsets: { first: 31, last: 40 } }],
    ['another leaf before it', { after: bytes(1) }],
    ['another previous', { previous: hashOf(S1) }],
    ['a later generation', { generation: 1 }],
  ];
  it.each(seals)('not a seal with %s', async (_, over) => {
    const { judge } = await then([by(sealA, sealAfter(S2, over))], ['contested']);
    expect(judge.partition('events', 0)?.hash).toBe(hashOf(S2));
    await then([by(sealA, sealAfter(S2))], ['accepted']);
  });

  it('partitions and topics have chains of their own', async () => {
    const other = [genesis({ partition: 1 }), genesis({ topic: 'other' })] as const;
    await then(
      [by(sealA, other[0]), by(sealB, other[1]), by(sealA, sealAfter(other[0])), by(sealA, sealAfter(other[1]))],
      ['accepted', 'accepted', 'accepted', 'accepted'],
    );
  });

  it('nothing before the genesis', async () => {
    await then(
      [
        by(sealA, sealAfter(genesis({ partition: 5 }))),
        by(sealA, gap({ partition: 5 })),
        by(root, genesis({ partition: 5, generation: 1, reason: 'recreated', previous: bytes(3) })),
      ],
      ['contested', 'contested', 'contested'],
    );
  });

  it('a gap at the next offset; seals go on behind it without a hole in numbers and indices', async () => {
    const hole = gap({ offsets: { first: 30, last: 39 }, previous: hashOf(S2) });
    const after = sealAfter(S2, { offsets: { first: 40, last: 49 }, previous: hashOf(hole) });
    const { judge } = await then([by(sealA, hole), by(sealA, after)], ['accepted', 'accepted']);
    expect(judge.partition('events', 0)).toMatchObject({ nextSeal: 4, nextIndex: 40, nextOffset: 50 });
  });

  it.each([
    { first: 29, last: 39 },
    { first: 31, last: 39 },
  ])('not a gap of %o', async (offsets) => {
    await then([by(sealA, gap({ offsets, previous: hashOf(S2) }))], ['contested']);
  });

  it('a prune through the end of a seal, beyond the last prune', async () => {
    const first = prune({ through: 9, offset: 9, previous: hashOf(S2) });
    const second = prune({ through: 29, offset: 29, previous: hashOf(first) });
    const { judge } = await then([by(sealA, first), by(sealA, second)], ['accepted', 'accepted']);
    expect(judge.partition('events', 0)).toMatchObject({ nextSeal: 3, nextOffset: 30, pruned: new Map([[0, 29]]) });
  });

  const prunes: [string, object][] = [
    ['within a seal', { through: 8, offset: 8 }],
    ['with the offset of another event', { through: 9, offset: 19 }],
    ['beyond what is sealed', { through: 39, offset: 39 }],
    ['of a later generation', { generation: 1 }],
  ];
  it.each(prunes)('not a prune %s', async (_, over) => {
    await then([by(sealA, prune({ previous: hashOf(S2), ...over }))], ['contested']);
  });

  it('not a prune that is not beyond the last one', async () => {
    const first = prune({ through: 19, offset: 19, previous: hashOf(S2) });
    await then([by(sealA, first), by(sealA, prune({ previous: hashOf(first) }))], ['accepted', 'contested']);
  });

  it('a prune of an earlier generation', async () => {
    const next = genesis({ generation: 1, reason: 'truncated', firstOffset: 25, previous: hashOf(S2) });
    const late = prune({ through: 29, offset: 29, previous: hashOf(next) });
    await then([by(root, next), by(sealA, late)], ['accepted', 'accepted']);
  });

  it('the next generation, at any first offset; a seal of the one before continues no more', async () => {
    const next = genesis({
      generation: 1,
      reason: 'recreated',
      topicId: 'BBBBBBBBBBBBBBBBBBBBBA',
      firstOffset: 3,
      previous: hashOf(S2),
    });
    const { judge, outcomes } = await then(
      [by(root, next), by(sealA, sealAfter(S2)), by(sealB, sealAfter(next))],
      ['accepted', 'contested', 'accepted'],
    );
    expect(judge.partition('events', 0)).toMatchObject({
      generation: 1,
      topicId: 'BBBBBBBBBBBBBBBBBBBBBA',
      nextSeal: 1,
      nextOffset: 13,
    });
    // It goes on from what was accepted, so the caller may find that its generation is closed.
    expect(contestedOf(outcomes[1]).continues?.hash).toBe(hashOf(S2));
  });

  it.each([{ generation: 2 }, { previous: hashOf(S1) }])('not a later generation with %o', async (over) => {
    await then(
      [by(root, genesis({ generation: 1, reason: 'diverged', previous: hashOf(S2), ...over }))],
      ['contested'],
    );
  });
});

describe('rubbish and noise', () => {
  const text = formatStatement(sealAfter(S2));
  const rubbish: [string, () => Promise<Uint8Array | null>][] = [
    ['no value', () => Promise.resolve(null)],
    ['an empty value', () => Promise.resolve(new Uint8Array(0))],
    ['bytes', () => Promise.resolve(new Uint8Array(100).fill(0xfe))],
    ['a text without a signature', () => Promise.resolve(encodeUtf8(text))],
    ['a note of something else', () => signNote('hello\n', sealA)],
    ['another line order', () => signNote(text.replace(/^(origin .*\n)(topic .*\n)/m, '$2$1'), sealA)],
    ['an unknown line', () => signNote(`${text}more 1\n`, sealA)],
    ['a missing line', () => signNote(text.replace(/^epoch .*\n/m, ''), sealA)],
    ['a leading zero', () => signNote(text.replace('seal 3', 'seal 03'), sealA)],
    ['counts that differ', () => signNote(text.replace('events 30-39', 'events 30-38'), sealA)],
    [
      'too many events',
      () =>
        noteOf(by(sealA, G)).then(() =>
          signNote(text.replace('events 30-39', 'events 30-16414').replace('offsets 30-39', 'offsets 30-16414'), sealA),
        ),
    ],
    ['another log', () => signNote(text.replace(`origin ${origin}`, 'origin other.org/log'), sealA)],
    [
      'generation 0 with a reason of later ones',
      () => signNote(formatStatement(genesis({ partition: 3 })).replace('reason new', 'reason recreated'), sealA),
    ],
    ['key statement 0 that retires', () => signNote(formatStatement(K0).replace('action add', 'action retire'), root)],
    ['key statement 0 that adds a log key', () => signNote(formatStatement(K0).replace('role seal', 'role log'), root)],
    ['more bytes than a statement may have', () => signNote(`${text}${'x'.repeat(65_536)}\n`, sealA)],
    [
      'two signature lines',
      async () => {
        const note = await signNote(text, sealA);
        const other = new TextDecoder()
          .decode(await signNote(text, sealB))
          .split('\n')
          .at(-2);
        return encodeUtf8(`${new TextDecoder().decode(note)}${other}\n`);
      },
    ],
  ];

  it.each(rubbish)('%s is rubbish and costs no signature', async (_, make) => {
    let checked = 0;
    const judge = judgeOf({
      verify: (...given) => {
        checked += 1;
        return nodeVerifyEd25519(...given);
      },
    });
    await offerAll(judge, start);
    const before = checked;
    expect(judge.offer(await make(), { in: 'seals', offset: 100 }).outcome).toBe('rubbish');
    expect(checked).toBe(before);
    expect(judge.counts.rubbish).toBe(1);
    expect(judge.partition('events', 0)?.hash).toBe(hashOf(S2));
  });

  const noise: [string, Offer][] = [
    ['by a stranger', by(stranger, sealAfter(S2))],
    ['by the root key', by(root, sealAfter(S2))],
    ['genesis 0 by the root key', by(root, genesis({ partition: 3 }))],
    ['a later genesis by a seal key', by(sealA, genesis({ generation: 1, reason: 'truncated', previous: hashOf(S2) }))],
    ['a gap by the root key', by(root, gap({ offsets: { first: 30, last: 30 }, previous: hashOf(S2) }))],
    ['a key statement by a seal key', by(sealA, key({ number: 2, key: sealC.key.vkey, previous: hashOf(K1) }))],
    ['what does not continue, by a stranger', by(stranger, sealAfter(S0))],
    ['by a key that is not added yet', by(sealC, sealAfter(S2))],
  ];
  it.each(noise)('%s is noise', async (_, offer) => {
    const { judge } = await then([offer], ['noise']);
    expect(judge.open()).toEqual([]);
    await then([offer, by(sealA, sealAfter(S2))], ['noise', 'accepted']);
  });

  it('a signature that does not fit is noise', async () => {
    const note = await noteOf(by(sealA, sealAfter(S2)));
    const broken = new TextDecoder().decode(note ?? new Uint8Array()).replace('seal 3', 'seal 4');
    await then([{ note: encodeUtf8(broken) }], ['noise']);
  });

  it('does not count as met: the same text, well signed later, is accepted', async () => {
    await then(
      [
        by(sealC, sealAfter(S2)),
        by(root, key({ number: 2, key: sealC.key.vkey, previous: hashOf(K1) })),
        by(sealC, sealAfter(S2)),
      ],
      ['noise', 'accepted', 'accepted'],
    );
  });

  it('nothing is offered twice at a place, or back', async () => {
    const judge = judgeOf();
    judge.offer(null, { in: 'seals', offset: 5 });
    for (const offset of [5, 4, -1, Number.NaN])
      expect(() => judge.offer(null, { in: 'seals', offset })).toThrow(RangeError);
  });
});

describe('keys', () => {
  const retireA = add({ action: 'retire', key: sealA.key.vkey });

  it('a retired key is noise from its retirement on', async () => {
    const { judge } = await then(
      [
        by(sealA, sealAfter(S2)),
        by(root, retireA),
        by(sealA, sealAfter(sealAfter(S2))),
        by(sealB, sealAfter(sealAfter(S2))),
      ],
      ['accepted', 'accepted', 'noise', 'accepted'],
    );
    expect(judge.validKeys('seal').map(({ vkey }) => vkey)).toEqual([sealB.key.vkey]);
    expect(judge.validKeys('seal', { in: 'seals', offset: 3 }).map(({ vkey }) => vkey)).toEqual([
      sealA.key.vkey,
      sealB.key.vkey,
    ]);
  });

  it('log and producer keys are added, and seal nothing', async () => {
    const log = formatVerifierKey(origin, sealC.key.publicKey);
    const { judge } = await then(
      [by(root, add({ role: 'log', key: log })), by(sealC, sealAfter(S2))],
      ['accepted', 'noise'],
    );
    expect(judge.validKeys('log').map(({ vkey }) => vkey)).toEqual([log]);
    expect(judge.validKeys('producer')).toEqual([]);
  });

  const otherName = formatVerifierKey('other.org/seal', sealC.key.publicKey);
  const refused: [string, object][] = [
    ['the root key', { key: formatVerifierKey(`${origin}/seal`, root.key.publicKey) }],
    ['a key that is valid', { key: sealA.key.vkey }],
    ['a valid key in another role', { role: 'log', key: formatVerifierKey(origin, sealA.key.publicKey) }],
    ['a seal key of another name', { key: otherName }],
    ['a log key of another name', { role: 'log', key: sealC.key.vkey }],
    ['a key of another type', { key: `${origin}/seal+01020304+BAUGBwg=` }],
    ['retiring a key that was never added', { action: 'retire' }],
    ['retiring a key of another role', { action: 'retire', role: 'log', key: sealA.key.vkey }],
  ];
  it.each(refused)('%s is refused and takes no number', async (_, over) => {
    const good = add({});
    const { judge } = await then(
      [by(root, add(over)), by(root, add(over)), by(root, good)],
      ['keyRefused', 'repeated', 'accepted'],
    );
    expect(judge.keys.nextNumber).toBe(3);
    expect(judge.counts.keyRefused).toBe(1);
  });

  it('a key that was retired is never added again, the last one never retired', async () => {
    const again = key({ number: 3, previous: hashOf(retireA), key: sealA.key.vkey });
    const last = key({ number: 3, previous: hashOf(retireA), action: 'retire', key: sealB.key.vkey });
    const { judge } = await then(
      [by(root, retireA), by(root, again), by(root, last), by(sealB, sealAfter(S2))],
      ['accepted', 'keyRefused', 'keyRefused', 'accepted'],
    );
    expect(judge.validKeys('seal')).toHaveLength(1);
  });

  it('is retired under any name, and the retirement of a refused last key counts once it is not the last', async () => {
    const retire = add({ action: 'retire', key: formatVerifierKey('any.name', sealA.key.publicKey) });
    await then([by(root, retire), by(sealA, sealAfter(S2))], ['accepted', 'noise']);
  });

  it('a key statement with another clock lost a race, one that says something else is contested', async () => {
    const { judge, outcomes } = await then(
      [by(root, key({ ...K1, time: 9 })), by(root, key({ ...K1, key: sealC.key.vkey })), by(root, add({ number: 3 }))],
      ['race', 'contested', 'contested'],
    );
    for (const outcome of outcomes.slice(1))
      expect(judge.settle(contestedOf(outcome), { found: 'nothing' })).toBe('fork');
  });

  it('the root key seals nothing and nothing is accepted before key statement 0', async () => {
    await then(
      [by(sealA, G), by(root, K1), by(root, K0), by(sealA, G)],
      ['noise', 'contested', 'accepted', 'accepted'],
      [],
    );
  });
});

describe('what was met before', () => {
  it('the same text under the same key is ignored', async () => {
    const { judge } = await then(
      start,
      start.map(() => 'repeated'),
    );
    expect(judge.counts).toMatchObject({ accepted: 6, repeated: 6, contested: 0 });
  });

  it('the same text under another key lost a race', async () => {
    const { judge } = await then([by(sealB, S2), by(sealB, S2), by(sealB, G)], ['race', 'repeated', 'race']);
    expect(judge.counts).toMatchObject({ race: 2, contested: 0 });
  });

  it('a genesis that differs in its clock lost a race; in its first offset or topic it is contested', async () => {
    await then(
      [
        by(sealB, genesis({ time: 5 })),
        by(sealB, genesis({ firstOffset: 1 })),
        by(sealB, genesis({ topicId: 'BBBBBBBBBBBBBBBBBBBBBA' })),
      ],
      ['race', 'contested', 'contested'],
    );
  });

  it('what continues now is accepted, and its first appearance no longer counts', async () => {
    const S3 = sealAfter(S2);
    const S4 = sealAfter(S3);
    const { judge, outcomes } = await then(
      [by(sealA, S4), by(sealA, S4), by(sealA, S3), by(sealA, S4)],
      ['contested', 'repeated', 'accepted', 'accepted'],
    );
    const [first, , , last] = outcomes;
    expect(last).toMatchObject({ outcome: 'accepted', withdrawn: contestedOf(first) });
    expect(judge.counts.contested).toBe(0);
    expect(judge.open()).toEqual([]);
  });

  it('also where it was settled as a fork', async () => {
    const judge = judgeOf();
    await offerAll(judge, start);
    const S3 = sealAfter(S2);
    const [early] = await offerAll(judge, [by(sealA, sealAfter(S3))], 10);
    expect(judge.settle(contestedOf(early), { found: 'nothing' })).toBe('fork');
    expect(judge.settled('fork')).toHaveLength(1);
    await offerAll(judge, [by(sealA, S3), by(sealA, sealAfter(S3))], 20);
    expect(judge.settled('fork')).toEqual([]);
    expect(judge.counts.contested).toBe(0);
  });

  it('first valid wins: of two continuations the second is contested, and carries the state it continues', async () => {
    const short = sealAfter(S2, {}, 4);
    const { outcomes } = await then([by(sealB, short), by(sealA, sealAfter(S2))], ['accepted', 'contested']);
    const contested = contestedOf(outcomes[1]);
    expect(contested.continues).toMatchObject({ hash: hashOf(S2), nextOffset: 30, head: S2.head });
    expect(contested).toMatchObject({
      forgotten: false,
      kept: true,
      signed: { hash: hashOf(sealAfter(S2)), key: sealA.key },
    });
  });

  it('a loser that chains continues nothing', async () => {
    const lost = sealAfter(S2);
    const { outcomes } = await then(
      [by(sealB, sealAfter(S2, {}, 4)), by(sealA, lost), by(sealA, sealAfter(lost))],
      ['accepted', 'contested', 'contested'],
    );
    expect(contestedOf(outcomes[2]).continues).toBeNull();
  });

  it('a gap or prune that an accepted one says as well lost a race, also if that one comes later', async () => {
    const S3 = sealAfter(S2);
    const early = prune({ previous: hashOf(S1) });
    const accepted = prune({ previous: hashOf(S3), time: 3 });
    const late = prune({ previous: hashOf(S2), time: 4 });
    const { judge, outcomes } = await then(
      [by(sealA, early), by(sealA, S3), by(sealB, accepted), by(sealA, late)],
      ['contested', 'accepted', 'accepted', 'race'],
    );
    expect(outcomes[2]).toMatchObject({ races: [contestedOf(outcomes[0])] });
    expect(judge.counts).toMatchObject({ race: 2, contested: 0 });
    expect(judge.settled('race')).toHaveLength(1);
    await then(
      [by(sealA, S3), by(sealB, accepted), by(sealA, { ...late, rule: 'other' })],
      ['accepted', 'accepted', 'contested'],
    );
  });
});

describe('contested statements', () => {
  const records: RecordFacts = { found: 'records', root: S2.root, head: S2.head, epoch: 0, time: 5000 };
  const other = sealAfter(S1, { ...S2, events: { first: 20, last: 24 }, offsets: { first: 20, last: 24 } });

  it('a seal whose records give every line lost a race', async () => {
    expect(decideContested(await contest(by(sealB, other)), records)).toBe('race');
  });

  it.each([{ root: bytes(1) }, { head: bytes(1) }, { epoch: 1 }, { epoch: null }, { time: 1 }, { time: null }])(
    'other records (%o) make it a fork',
    async (over) => {
      expect(decideContested(await contest(by(sealB, other)), { ...records, ...over })).toBe('fork');
    },
  );

  const facts: [RecordFacts, string][] = [
    [{ found: 'unreadable', because: 'pruned' }, 'unjudged'],
    [{ found: 'unreadable', because: 'generation-closed' }, 'unjudged'],
    [{ found: 'nothing' }, 'fork'],
    [{ found: 'log-start', logStart: 1000 }, 'fork'],
  ];
  it.each(facts)('a seal with %o is %s', async (found, settlement) => {
    expect(decideContested(await contest(by(sealB, other)), found)).toBe(settlement);
  });

  it('what continues nothing that was accepted is a fork, whatever the records are', async () => {
    const contested = await contest(by(sealB, { ...other, previous: bytes(1) }));
    for (const found of [records, { found: 'unreadable', because: 'pruned' } as const])
      expect(decideContested(contested, found)).toBe('fork');
  });

  it('a gap lost a race where its offsets lie below the log start', async () => {
    const contested = await contest(by(sealB, gap({ offsets: { first: 20, last: 24 }, previous: hashOf(S1) })));
    expect(decideContested(contested, { found: 'log-start', logStart: 25 })).toBe('race');
    expect(decideContested(contested, { found: 'log-start', logStart: 24 })).toBe('fork');
    expect(decideContested(contested, records)).toBe('fork');
  });

  it('a race by records is counted as one', async () => {
    const { judge, outcomes } = await then([by(sealB, other)], ['contested']);
    expect(judge.open()).toHaveLength(1);
    judge.settle(contestedOf(outcomes[0]), records);
    judge.settle(contestedOf(outcomes[0]), { found: 'nothing' });
    expect(judge.counts).toMatchObject({ race: 1, contested: 0 });
    expect(judge.open()).toEqual([]);
    expect(judge.settled('race')).toHaveLength(1);
  });

  it('are kept up to a limit; what is dropped is counted and never taken back', async () => {
    const judge = judgeOf({ evidence: 3 });
    await offerAll(judge, start);
    const S3 = sealAfter(S2);
    const early = [0, 1, 2, 3, 4].map((n) => by(sealA, sealAfter(S3, { seal: 4, root: bytes(n) })));
    const outcomes = await offerAll(judge, early, 10);
    expect(outcomes.map((outcome) => contestedOf(outcome).kept)).toEqual([true, true, true, false, false]);
    expect(judge.counts).toMatchObject({ contested: 5, dropped: 2 });
    expect(judge.open()).toHaveLength(3);
    const after = await offerAll(judge, [by(sealA, S3), early[4] ?? { note: null }], 20);
    expect(names(after)).toEqual(['accepted', 'accepted']);
    expect(judge.counts).toMatchObject({ contested: 5, dropped: 2 });
  });

  it('settled as races they make room for others, so that none of them is dropped', async () => {
    const judge = judgeOf({ evidence: 2 });
    await offerAll(judge, start);
    // Other cuts of the same records: the second ledger's clock differs.
    for (let n = 0; n < 7; n++) {
      const [outcome] = await offerAll(judge, [by(sealB, sealAfter(S1, {}, n + 20))], 10 + n);
      const contested = contestedOf(outcome);
      expect(contested.kept).toBe(true);
      const { root, head, epoch, time } = sealAfter(S1, {}, n + 20);
      expect(judge.settle(contested, { found: 'records', root, head, epoch, time })).toBe('race');
    }
    expect(judge.counts).toMatchObject({ race: 7, contested: 0, dropped: 0 });
    expect(judge.settled('race')).toHaveLength(2);
    expect(judge.open()).toEqual([]);
  });

  it('a judge that remembers little says so', async () => {
    const judge = judgeOf({ remember: 2 });
    await offerAll(judge, start);
    const [outcome, near] = await offerAll(
      judge,
      [by(sealB, sealAfter(G, {}, 3)), by(sealB, sealAfter(S1, {}, 3))],
      10,
    );
    expect(contestedOf(outcome)).toMatchObject({ continues: null, forgotten: true });
    expect(contestedOf(near)).toMatchObject({ continues: { hash: hashOf(S1) }, forgotten: false });
    expect(names(await offerAll(judge, [by(sealA, sealAfter(S2))], 20))).toEqual(['accepted']);
  });
});

describe('later versions', () => {
  const v2 = 'tallystick/seal/v2\nof a later release\n';

  it('a valid one is inconclusive, and what follows it in its chain is not judged', async () => {
    const follower = sealAfter(S2, { previous: statementHash(v2) });
    const { judge } = await then(
      [
        await unknown(v2),
        await unknown(v2),
        by(sealA, follower),
        by(sealA, sealAfter(follower)),
        by(sealA, sealAfter(S2)),
      ],
      ['unknownVersion', 'repeated', 'afterUnknown', 'afterUnknown', 'accepted'],
    );
    expect(judge.counts).toMatchObject({ unknownVersion: 1, afterUnknown: 2, contested: 0 });
  });

  it('a chain of any length behind it is not judged', async () => {
    const judge = judgeOf({ evidence: 2 });
    await offerAll(judge, [...start, await unknown(v2)]);
    let previous = statementHash(v2);
    for (let n = 0; n < 9; n++) {
      const follower = sealAfter(S2, { previous, seal: 2 + n });
      const [outcome] = await offerAll(judge, [by(sealA, follower)], 10 + n);
      expect(outcome?.outcome).toBe('afterUnknown');
      previous = hashOf(follower);
    }
  });

  it('a kind that is not known, by the root key, with more than one signature line', async () => {
    const note = new TextDecoder().decode(await signNote('tallystick/witness/v1\n', root));
    const other = new TextDecoder()
      .decode(await signNote('tallystick/witness/v1\n', stranger))
      .split('\n')
      .at(-2);
    const { outcomes } = await then([{ note: encodeUtf8(`${note}${other}\n`) }], ['unknownVersion']);
    expect(outcomes[0]).toMatchObject({ kind: 'tallystick/witness/v1', key: root.key });
  });

  it('is noise by a stranger or a key that is not valid yet, and rubbish without the prefix', async () => {
    await then(
      [await unknown(v2, stranger), await unknown(v2, sealC), await unknown('other/seal/v2\n')],
      ['noise', 'noise', 'rubbish'],
    );
  });

  it('in the key chain: key statements behind it are not judged, and give no key', async () => {
    const text = 'tallystick/key/v2\n';
    const behind = key({ number: 3, key: sealC.key.vkey, previous: statementHash(text) });
    await then(
      [await unknown(text, root), by(root, behind), by(sealC, sealAfter(S2))],
      ['unknownVersion', 'afterUnknown', 'noise'],
    );
  });
});
