import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { encodeUtf8 } from '../src/encoding.ts';
import { forgetTopic, Judge, placeText, type JudgeOptions } from '../src/judge.ts';
import type { SealStatement } from '../src/statement-types.ts';
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

// Entries of a log come first, then the records of the topic; and a judge that remembers little.

const options = (over: Partial<JudgeOptions> = {}): JudgeOptions => ({
  origin,
  rootKey: root.key,
  verify: nodeVerifyEd25519,
  ...over,
});

const K0 = key();
const K1 = key({ number: 1, key: sealB.key.vkey, previous: hashOf(K0) });
const retireA = key({ number: 2, action: 'retire', key: sealA.key.vkey, previous: hashOf(K1) });
const G = genesis();
const S0 = sealAfter(G);
const S1 = sealAfter(S0);
const S2 = sealAfter(S1);
const log: Offer[] = [by(root, K0), by(sealA, G), by(sealA, S0), by(root, K1), by(sealB, S1)];

async function inLog(judge: Judge, offers: readonly Offer[], from = 0): Promise<string[]> {
  const outcomes: string[] = [];
  for (const [i, offer] of offers.entries())
    outcomes.push(judge.offer(await noteOf(offer), { in: 'log', index: from + i }).outcome);
  return outcomes;
}

async function inTopic(judge: Judge, offers: readonly Offer[], from = 0): Promise<string[]> {
  return (await offerAll(judge, offers, from)).map(({ outcome }) => outcome);
}

async function locateAll(judge: Judge, offers: readonly Offer[], from = 0): Promise<boolean[]> {
  const located: boolean[] = [];
  for (const [i, offer] of offers.entries()) located.push(judge.locate(await noteOf(offer), from + i));
  return located;
}

async function afterLog(offers: readonly Offer[] = log, over: Partial<JudgeOptions> = {}): Promise<Judge> {
  const judge = new Judge(options(over));
  expect(await inLog(judge, offers)).toEqual(offers.map(() => 'accepted'));
  return judge;
}

describe('a judge that reads the log first', () => {
  it('accepts its entries in their order, and then knows them in the topic', async () => {
    const judge = await afterLog();
    expect(judge.size).toBe(5);
    expect(judge.partition('events', 0)?.place).toEqual({ in: 'log', index: 4 });
    expect(await inTopic(judge, [...log, by(sealA, S2)])).toEqual([...log.map(() => 'repeated'), 'accepted']);
    expect(judge.size).toBe(6);
    expect(judge.counts).toMatchObject({ accepted: 6, repeated: 5, contested: 0, race: 0, noise: 0 });
  });

  it('does not accept an entry that does not continue, repeats or is signed by nobody', async () => {
    const bad: Offer[] = [by(sealA, S0), by(sealA, sealAfter(S2)), by(stranger, S2), by(sealC, S2), { note: null }];
    const judge = await afterLog();
    expect(await inLog(judge, bad, 5)).toEqual(['repeated', 'contested', 'noise', 'noise', 'rubbish']);
  });

  it('takes places in their order, the log before the topic', async () => {
    const judge = await afterLog();
    for (const index of [4, 0, -1, Number.NaN])
      expect(() => judge.offer(null, { in: 'log', index })).toThrow(RangeError);
    judge.offer(null, { in: 'seals', offset: 7 });
    expect(() => judge.offer(null, { in: 'log', index: 5 })).toThrow(RangeError);
    expect(() => judge.offer(null, { in: 'seals', offset: 7 })).toThrow(RangeError);
  });

  it('says places in words', () => {
    expect(placeText({ in: 'log', index: 3 }, 'audit.seals')).toBe('entry 3 of the log');
    expect(placeText({ in: 'seals', offset: 3 }, 'audit.seals')).toBe('offset 3 of audit.seals');
  });
});

describe('places of the topic when the log was read first', () => {
  // In the topic: K0 0, G 1, S0 2, K1 3, S1 4; B seals before it was added, at 2.
  const early = by(sealB, genesis({ partition: 1 }));
  const topic = [by(root, K0), by(sealA, G), early, by(sealA, S0), by(root, K1), by(sealB, S1)];

  it('a key is not valid before the place of its addition', async () => {
    const judge = await afterLog();
    expect(await locateAll(judge, topic)).toEqual([true, true, false, true, true, true]);
    expect(await inTopic(judge, topic)).toEqual(['repeated', 'repeated', 'noise', 'repeated', 'repeated', 'repeated']);
    expect(judge.keys.places).toEqual([
      { index: 0, offset: 0, effective: 0 },
      { index: 3, offset: 4, effective: 4 },
    ]);
    expect(judge.validKeys('seal', { in: 'seals', offset: 4 })).toHaveLength(1);
    expect(judge.validKeys('seal', { in: 'seals', offset: 5 })).toHaveLength(2);
    expect(judge.validKeys('seal', { in: 'log', index: 3 })).toHaveLength(1);
    expect(judge.validKeys('seal')).toHaveLength(2);
  });

  it('one that only the log holds has the place of its `previous`', async () => {
    const judge = await afterLog();
    const rest = [by(root, K0), by(sealA, G), early];
    await locateAll(judge, rest);
    expect(await inTopic(judge, rest)).toEqual(['repeated', 'repeated', 'accepted']);
  });

  it('so has one that stands behind a later one of its chain', async () => {
    const K2 = key({ number: 2, key: sealC.key.vkey, previous: hashOf(K1) });
    const judge = await afterLog([...log, by(root, K2)]);
    const again = [by(root, K0), by(root, K2), by(sealB, genesis({ partition: 1 })), by(root, K1)];
    await locateAll(judge, again);
    expect(judge.keys.places.map(({ offset, effective }) => [offset, effective])).toEqual([
      [0, 0],
      [null, 0],
      [1, 1],
    ]);
    expect(await inTopic(judge, again)).toEqual(['repeated', 'repeated', 'accepted', 'repeated']);
  });

  it('a key that the log retires signs nothing pending, wherever it stands', async () => {
    const judge = await afterLog([...log, by(root, retireA)]);
    const late = [by(root, K0), by(root, K1), by(sealA, S2), by(root, retireA), by(sealB, S2)];
    await locateAll(judge, late);
    expect(await inTopic(judge, late)).toEqual(['repeated', 'repeated', 'noise', 'repeated', 'accepted']);
  });

  it('but what it signed while it was valid is evidence', async () => {
    const judge = await afterLog([...log, by(root, retireA)]);
    const fork = sealAfter(G, { root: bytes(99) });
    const topicOf = [by(root, K0), by(sealA, G), by(sealA, fork), by(root, K1), by(root, retireA), by(sealA, fork)];
    await locateAll(judge, topicOf);
    expect(await inTopic(judge, topicOf.slice(0, 5))).toEqual([
      'repeated',
      'repeated',
      'contested',
      'repeated',
      'repeated',
    ]);
    expect(judge.open()).toHaveLength(1);
    expect(await inTopic(judge, [by(sealA, sealAfter(G, { root: bytes(98) }))], 5)).toEqual(['noise']);
  });

  it('a statement of the log that is produced again behind the retirement of its key is that statement', async () => {
    const judge = await afterLog([...log, by(root, retireA)]);
    const again = [by(root, K0), by(root, K1), by(root, retireA), by(sealA, G), by(sealA, S0), by(sealB, S1)];
    await locateAll(judge, again);
    expect(await inTopic(judge, again)).toEqual(again.map(() => 'repeated'));
  });

  it('nothing continues a statement that stands behind it', async () => {
    const judge = await afterLog();
    const bent = [by(root, K0), by(root, K1), by(sealA, G), by(sealA, S0), by(sealB, S2), by(sealB, S1), by(sealB, S2)];
    await locateAll(judge, bent);
    const expected = ['repeated', 'repeated', 'repeated', 'repeated', 'contested', 'repeated', 'accepted'];
    expect(await inTopic(judge, bent)).toEqual(expected);
    expect(judge.counts.contested).toBe(0);
  });

  it('is not told by a note that the key did not sign', async () => {
    const judge = await afterLog();
    const forged: Offer[] = [
      by(stranger, K1),
      by(stranger, S1),
      by(sealA, S1),
      { note: null },
      { note: encodeUtf8('x') },
    ];
    expect(await locateAll(judge, forged, 10)).toEqual(forged.map(() => false));
    expect(judge.keys.places[1]?.offset).toBeNull();
  });
});

describe('a judge that remembers little, after the log', () => {
  const seals: SealStatement[] = [];
  for (let n = 0; n < 20; n++) seals.push(sealAfter(seals.at(-1) ?? G));
  const long: Offer[] = [by(root, K0), by(root, K1), by(sealA, G), ...seals.map((seal) => by(sealA, seal))];
  const last = seals.at(-1)!;

  it('takes what lies below for the past: no fork, no race, no signature', async () => {
    let checked = 0;
    const verify: JudgeOptions['verify'] = (...given) => {
      checked += 1;
      return nodeVerifyEd25519(...given);
    };
    const judge = await afterLog(long, { remember: 3, verify });
    checked = 0;
    const old = [by(sealA, G), ...seals.slice(0, 17).map((seal) => by(sealA, seal))];
    expect(await inTopic(judge, old)).toEqual(old.map(() => 'past'));
    expect(checked).toBe(0);
    expect(await inTopic(judge, long.slice(-3), 100)).toEqual(['repeated', 'repeated', 'repeated']);
    expect(
      await inTopic(judge, [by(sealB, seals[4]!), by(stranger, sealAfter(seals[2]!, { root: bytes(1) }))], 200),
    ).toEqual(['past', 'past']);
    expect(await inTopic(judge, [by(sealB, sealAfter(last))], 300)).toEqual(['accepted']);
    expect(judge.counts).toMatchObject({ past: 20, contested: 0, race: 0 });
  });

  it('still sees what contradicts what it remembers, or stands above it', async () => {
    const judge = await afterLog(long, { remember: 3 });
    const fork = sealAfter(seals[18]!, { root: bytes(1) });
    const above = sealAfter(last, { previous: bytes(9) });
    expect(await inTopic(judge, [by(sealB, fork), by(sealB, above), by(sealB, last)])).toEqual([
      'contested',
      'contested',
      'race',
    ]);
    const [one, other] = judge.open();
    expect(one).toMatchObject({ continues: { hash: hashOf(seals[18]!) }, forgotten: false });
    expect(other).toMatchObject({ continues: null });
  });

  it('does not judge a prune that names a seal that it forgot, until it is told', async () => {
    const judge = await afterLog(long, { rememberEnds: 2 });
    const good = prune({ through: 49, offset: 49, previous: hashOf(last) });
    const note = await noteOf(by(sealA, good));
    const place = { in: 'log', index: long.length } as const;
    const asked = judge.offer(note, place);
    if (asked.outcome !== 'needsHistory') throw new Error(asked.outcome);
    expect(asked.needs).toEqual({ topic: 'events', partition: 0, generation: 0, index: 49, offset: 49 });
    expect(judge.size).toBe(long.length);
    judge.answer(asked.needs, true);
    expect(judge.offer(note, place).outcome).toBe('accepted');
    expect(judge.partition('events', 0)?.pruned.get(0)).toBe(49);
    expect(judge.size).toBe(long.length + 1);
    // The answer was about that seal alone.
    const next = prune({ through: 59, offset: 59, previous: hashOf(good) });
    expect(await inTopic(judge, [by(sealA, next)], 7)).toEqual(['needsHistory']);
    judge.answer({ ...asked.needs, index: 59, offset: 59 }, false);
    expect(await inTopic(judge, [by(sealA, next)], 7)).toEqual(['contested']);
    expect(await inTopic(judge, [by(sealA, prune({ ...next, through: 199, offset: 199 }))], 8)).toEqual(['accepted']);
  });

  it('asks nothing about a prune that cannot continue anyway', async () => {
    const judge = await afterLog(long, { rememberEnds: 2 });
    const bad = [
      prune({ through: 49, offset: 49, previous: hashOf(seals[7]!) }),
      prune({ through: 4999, offset: 4999, previous: hashOf(last) }),
      prune({ through: 49, offset: 49, generation: 1, previous: hashOf(last) }),
      prune({ through: 198, offset: 198, previous: hashOf(last) }),
    ];
    expect(
      await inTopic(
        judge,
        bad.map((one) => by(sealA, one)),
      ),
    ).toEqual(bad.map(() => 'contested'));
    expect(await inTopic(judge, [by(stranger, prune({ previous: hashOf(last) }))], 9)).toEqual(['noise']);
    expect(judge.open()[0]).toMatchObject({ continues: null, forgotten: true });
  });

  it('goes on after a restart; what it accepted before is the past', async () => {
    const before = await afterLog(long, { remember: 3 });
    const judge = Judge.restore(options(), before.save());
    expect(judge.partition('events', 0)).toEqual(before.partition('events', 0));
    expect(judge.validKeys('seal')).toEqual(before.validKeys('seal'));
    expect(await inTopic(judge, long)).toEqual(['repeated', 'repeated', ...seals.map(() => 'past'), 'repeated']);
    expect(await inTopic(judge, [by(sealB, sealAfter(last))], 99)).toEqual(['accepted']);
  });

  it('goes on after a restart though what it accepted is sent again', async () => {
    const before = new Judge(options());
    await inTopic(before, long);
    const judge = Judge.restore(options(), before.save());
    const rest = [by(sealB, sealAfter(last)), by(sealA, last), by(root, K1)];
    await locateAll(judge, rest, long.length);
    expect(await inTopic(judge, rest, long.length)).toEqual(['accepted', 'repeated', 'repeated']);
    expect(judge.keys.places).toEqual(before.keys.places);
  });

  it('in a topic that is another one the key changes have no place but that of their `previous`', async () => {
    const topicFirst = new Judge(options());
    const all = [...long, by(root, retireA)];
    expect(await inTopic(topicFirst, all, 1000)).toEqual(all.map(() => 'accepted'));
    const state = topicFirst.save();
    expect(() => Judge.restore(options(), state).offer(null, { in: 'seals', offset: 3 })).toThrow(RangeError);
    const judge = Judge.restore(options(), forgetTopic(state));
    expect(judge.validKeys('seal', { in: 'seals', offset: 0 }).map(({ vkey }) => vkey)).toEqual([sealB.key.vkey]);
    // Everything is produced again, and then sealing goes on.
    const outcomes = await inTopic(judge, [...all, by(sealB, sealAfter(last))]);
    expect(outcomes.slice(-3)).toEqual(['repeated', 'repeated', 'accepted']);
    expect(outcomes).not.toContain('contested');
    expect(judge.keys.places.map(({ offset }) => offset)).toEqual([0, 1, 23]);
  });

  it('saves a state that does not grow with its statements', async () => {
    const judge = await afterLog(long);
    const size = () => JSON.stringify(judge.save()).length;
    const before = size();
    let next = last;
    const hole = gap({ offsets: { first: 200, last: 200 }, previous: hashOf(last) });
    expect(await inLog(judge, [by(sealA, hole)], long.length)).toEqual(['accepted']);
    next = sealAfter(last, { previous: hashOf(hole), offsets: { first: 201, last: 210 } });
    for (let i = 0; i < 200; i++) {
      expect(await inLog(judge, [by(sealA, next)], long.length + 1 + i)).toEqual(['accepted']);
      next = sealAfter(next);
    }
    expect(size()).toBeLessThan(before + 50);
  });
});
