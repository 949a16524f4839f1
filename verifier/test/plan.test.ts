import type { GenesisStatement, PartitionStatement, SealStatement } from '@tallystick/core/statement-types';
import { describe, expect, test } from 'vitest';
import { planOf } from '../src/domain/plan.ts';
import type { Accepted, Plan } from '../src/domain/plan.ts';

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
  (plan?.sections ?? []).map(({ kind, first, last }) => `${kind} ${first}-${last}`);

describe('planOf', () => {
  test('nothing without statements', () => {
    expect(planOf([])).toBeNull();
  });

  test('a genesis alone: nothing to check from its first offset on', () => {
    expect(planOf([genesis(0, 'A', 7)])).toMatchObject({
      from: 7,
      end: 7,
      genesisOffset: 7,
      sections: [],
      lastSeal: null,
      count: 1,
    });
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
