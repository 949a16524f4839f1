import type { GenesisStatement, PartitionStatement, SealStatement } from '@tallystick/core/statement-types';
import { describe, expect, test } from 'vitest';
import { planOf, sectionAt } from '../src/domain/plan.ts';
import type { Accepted, Plan, PlanState } from '../src/domain/plan.ts';

const common = { origin: 'o', topic: 't', partition: 3, previous: 'p' };
const hash = 'h';

function genesis(generation: number, topicId: string, firstOffset: number): Accepted<GenesisStatement> {
  const reason = generation === 0 ? 'new' : 'truncated';
  return {
    hash: `g${generation}`,
    statement: { ...common, kind: 'genesis', generation, topicId, reason, firstOffset, time: 1 },
  };
}

function seal(generation: number, first: number, last: number): Accepted<SealStatement> {
  const range = { first, last };
  const values = { epoch: 0, root: 'r', after: 'a', head: `${last}`, time: 1 };
  return {
    hash,
    statement: { ...common, ...values, kind: 'seal', generation, seal: 0, events: range, offsets: range },
  };
}

function aside(statement: Partial<PartitionStatement> & { kind: 'gap' | 'prune' }): Accepted {
  return { hash, statement: { ...common, ...statement } as PartitionStatement };
}

const layout = (plan: Plan | null): string[] =>
  [...(plan?.sections ?? [])].map(({ kind, first, last }) => `${kind} ${first}-${last}`);

describe('planOf', () => {
  test('nothing without statements', () => {
    expect(planOf([])).toBeNull();
  });

  test('a genesis alone: nothing to check from its first offset on', () => {
    const plan = planOf([genesis(0, 'A', 7)]);
    expect(plan).toMatchObject({ from: 7, end: 7, genesisOffset: 7, lastSeal: null, count: 1, readTo: Infinity });
    expect(layout(plan)).toEqual([]);
  });

  test('seals and gaps follow each other', () => {
    const plan = planOf([
      genesis(0, 'A', 5),
      seal(0, 5, 9),
      aside({ kind: 'gap', generation: 0, offsets: { first: 10, last: 14 } }),
      seal(0, 15, 15),
    ]);
    expect(layout(plan)).toEqual(['seal 5-9', 'gap 10-14', 'seal 15-15']);
    expect(plan).toMatchObject({ from: 5, end: 16, acceptedSeals: 2, sealedEvents: 6 });
  });

  test('an earlier generation of another topic is not checked', () => {
    const plan = planOf([genesis(0, 'A', 0), seal(0, 0, 9), genesis(1, 'B', 0), seal(1, 0, 3)]);
    expect(layout(plan)).toEqual(['seal 0-3']);
    expect(plan).toMatchObject({ from: 0, end: 4, genesisOffset: null, acceptedSeals: 2, sealedEvents: 14 });
  });

  test('an earlier generation of the same topic: seals wholly below every later first offset', () => {
    const plan = planOf([
      genesis(0, 'A', 0),
      seal(0, 0, 9),
      seal(0, 10, 19),
      seal(0, 20, 29),
      genesis(1, 'A', 25),
      seal(1, 25, 30),
    ]);
    expect(layout(plan)).toEqual(['seal 0-9', 'seal 10-19', 'lost 20-24', 'seal 25-30']);
  });

  test('a later generation that begins below an earlier one closes it', () => {
    const plan = planOf([
      genesis(0, 'A', 0),
      seal(0, 0, 9),
      seal(0, 10, 19),
      genesis(1, 'A', 20),
      seal(1, 20, 24),
      genesis(2, 'A', 10),
    ]);
    expect(layout(plan)).toEqual(['seal 0-9']);
    expect(plan).toMatchObject({ end: 10, lastSeal: null });
    expect(plan?.laterFirstOffset(0)).toBe(10);
    expect(plan?.laterFirstOffset(2)).toBe(Infinity);
  });

  test('what lies between an early generation and an empty new one is lost, not unsealed', () => {
    const plan = planOf([genesis(0, 'A', 0), seal(0, 0, 4), genesis(1, 'A', 9)]);
    expect(layout(plan)).toEqual(['seal 0-4', 'lost 5-8']);
    expect(plan?.end).toBe(9);
  });

  test('a closed generation without a seal that counts is lost as a whole', () => {
    expect(layout(planOf([genesis(0, 'A', 2), genesis(1, 'A', 6), seal(1, 6, 7)]))).toEqual(['lost 2-5', 'seal 6-7']);
    expect(layout(planOf([genesis(0, 'A', 2), genesis(1, 'A', 6)]))).toEqual(['lost 2-5']);
  });

  test('prunes are kept by generation', () => {
    const plan = planOf([
      genesis(0, 'A', 0),
      seal(0, 0, 9),
      aside({ kind: 'prune', generation: 0, offset: 9, through: 9 }),
    ]);
    expect(plan?.prunedTo.get(0)).toBe(9);
  });
});

describe('planOf, behind what an earlier run checked', () => {
  const before = [genesis(0, 'A', 2), seal(0, 2, 9), aside({ kind: 'prune', generation: 0, offset: 9, through: 7 })];
  /** As it comes back from a file. */
  const start = (chain: Accepted[]): PlanState => JSON.parse(JSON.stringify(planOf(chain)?.state)) as PlanState;

  test('goes on at the next offset, and counts the whole chain', () => {
    const plan = planOf([seal(0, 10, 12)], { start: start(before) });
    expect(layout(plan)).toEqual(['seal 10-12']);
    expect(plan).toMatchObject({
      from: 10,
      end: 13,
      floor: 2,
      genesisOffset: 2,
      acceptedSeals: 2,
      sealedEvents: 11,
      plannedSeals: 1,
      plannedEvents: 3,
      count: 4,
    });
    expect(plan?.prunedTo.get(0)).toBe(9);
    expect(plan?.state).toEqual(planOf([...before, seal(0, 10, 12)])?.state);
  });

  test('nothing new: nothing is planned, and nothing is forgotten', () => {
    const plan = planOf([], { start: start(before) });
    expect(layout(plan)).toEqual([]);
    expect(plan).toMatchObject({ from: 10, end: 10, floor: 2, count: 3, lastSeal: { offsets: { last: 9 } } });
    expect(plan?.state).toEqual(planOf(before)?.state);
  });

  test('a new generation of the same topic loses what lies between', () => {
    const plan = planOf([genesis(1, 'A', 15), seal(1, 15, 16)], { start: start(before) });
    expect(layout(plan)).toEqual(['lost 10-14', 'seal 15-16']);
    expect(plan).toMatchObject({ from: 10, floor: 2 });
    expect(plan?.laterFirstOffset(0)).toBe(15);
  });

  test('a new generation that begins below is checked from its own beginning', () => {
    const plan = planOf([genesis(1, 'A', 4), seal(1, 4, 16)], { start: start(before) });
    expect(layout(plan)).toEqual(['seal 4-16']);
    expect(plan).toMatchObject({ from: 4, end: 17 });
    expect(planOf([genesis(1, 'A', 4)], { start: start(before) })).toMatchObject({ from: 4, end: 4 });
  });

  test('a new generation of another topic begins anew', () => {
    const plan = planOf([seal(0, 10, 12), genesis(1, 'B', 0), seal(1, 0, 3)], { start: start(before) });
    expect(layout(plan)).toEqual(['seal 0-3']);
    expect(plan).toMatchObject({ from: 0, floor: 0, genesisOffset: null });
  });
});

describe('planOf, within ranges of offsets', () => {
  const chain = [genesis(0, 'A', 0), seal(0, 0, 9), seal(0, 10, 19), seal(0, 20, 29), seal(0, 30, 39)];
  const within = (...ranges: [number, number][]): Plan | null =>
    planOf(chain, { within: ranges.map(([first, last]) => ({ first, last })) });

  test('whole seals only, and no tail', () => {
    const plan = within([12, 20]);
    expect(layout(plan)).toEqual(['seal 10-19', 'seal 20-29']);
    expect(plan).toMatchObject({
      from: 10,
      end: 30,
      readTo: 30,
      plannedEvents: 20,
      sealedEvents: 40,
      acceptedSeals: 4,
    });
  });

  test('several ranges in any order, with what lies between left out', () => {
    expect(layout(within([30, 30], [3, 4], [0, 0]))).toEqual(['seal 0-9', 'outside 10-29', 'seal 30-39']);
  });

  test('a range that goes on behind the last seal asks for unsealed records too', () => {
    expect(within([35, 50])).toMatchObject({ from: 30, end: 40, readTo: 51 });
    // Without an end, what is sealed still has one: a partition that ends before it is truncated.
    const open = within([12, Infinity]);
    expect(open).toMatchObject({ from: 10, end: 40, readTo: Infinity });
    expect(layout(open)).toHaveLength(open?.sections.length ?? 0);
    expect(within([45, 50])).toMatchObject({ from: 40, end: 40, readTo: 51, plannedSeals: 0 });
    const both = within([0, 0], [45, 50]);
    expect(layout(both)).toEqual(['seal 0-9', 'outside 10-39']);
    expect(both).toMatchObject({ end: 40, readTo: 51 });
  });

  test('no range: nothing', () => {
    expect(within()).toMatchObject({ from: 0, end: 0, readTo: 0, plannedSeals: 0, acceptedSeals: 4 });
  });
});

describe('sections in a file', () => {
  const real = (n: number): string => Buffer.alloc(32, n).toString('base64');
  const values = (n: number) => ({
    ...seal(0, n * 10, n * 10 + 9).statement,
    seal: n,
    epoch: n % 3 === 0 ? null : n,
    time: n % 5 === 0 ? null : 2 ** 53 - 1 - n,
    root: real(n),
    after: real(n + 1),
    head: real(n + 2),
  });
  const chain = function* (count: number): Generator<Accepted> {
    yield genesis(0, 'A', 0);
    for (let n = 0; n < count; n++) {
      if (n % 7 === 3)
        yield { hash: real(n), statement: { ...aside({ kind: 'gap' }).statement, ...gap(n) } as PartitionStatement };
      else yield { hash: real(n), statement: values(n), ...(n % 2 === 0 ? {} : { place: n }) };
    }
  };
  const gap = (n: number) => ({ generation: 0, offsets: { first: n * 10, last: n * 10 + 9 } });

  test.each([0, 1, 255, 256, 257, 600, 1_024])('%i sections are read as they were written, in any order', (count) => {
    const kept = planOf(chain(count), { keptSections: 10_000 });
    const stored = planOf(chain(count), { keptSections: 0 });
    expect([...(stored?.sections ?? [])]).toEqual([...(kept?.sections ?? [])]);
    for (let n = 0; n < count; n++) {
      const at = (n * 379) % count;
      expect(stored?.sections.at(at)).toEqual(kept?.sections.at(at));
      if (stored !== null && kept !== null)
        expect(sectionAt(stored, at * 10 + 5)).toEqual(sectionAt(kept, at * 10 + 5));
    }
    expect(stored?.sections.at(count)).toBeUndefined();
    stored?.close();
  });

  test('a hash that is none is not written', () => {
    expect(() => planOf([genesis(0, 'A', 0), seal(0, 0, 9), seal(0, 10, 19)], { keptSections: 1 })).toThrow();
  });

  test('a folder that is not there ends with an error', () => {
    expect(() => planOf(chain(3), { keptSections: 1, tempDir: '/nonexistent/folder' })).toThrow(/ENOENT/);
  });
});
