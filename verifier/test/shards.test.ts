import type { GenesisStatement, SealStatement } from '@tallystick/core/statement-types';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planOf } from '../src/domain/plan.ts';
import type { Accepted, Plan, PlanOptions } from '../src/domain/plan.ts';
import { joinShards, shardsOf } from '../src/domain/shards.ts';
import type { Shard } from '../src/domain/shards.ts';

const common = { origin: 'o', topic: 't', partition: 0, generation: 0, previous: 'p' };
const genesis: Accepted<GenesisStatement> = {
  hash: 'g',
  statement: { ...common, kind: 'genesis', topicId: 'A', reason: 'new', firstOffset: 0, time: 1 },
};
function seal(first: number, last: number): Accepted<SealStatement> {
  const values = { seal: 0, epoch: 0, root: 'r', after: 'a', head: 'h', time: 1 };
  return {
    hash: 's',
    statement: { ...common, ...values, kind: 'seal', events: { first, last }, offsets: { first, last } },
  };
}
/** Seals of these lengths, one behind the other. */
function planWith(lengths: readonly number[], options: PlanOptions = {}): Plan {
  let next = 0;
  const seals = lengths.map((length) => seal(next, (next += length) - 1));
  const plan = planOf([genesis, ...seals], options);
  if (plan === null) throw new Error('no plan');
  return plan;
}
const all = { events: Infinity, sections: Infinity };
const text = ({ fromSection, toSection, readFrom, readTo, joins }: Shard): string =>
  `${fromSection}-${toSection}: ${joins ? '+' : ''}${readFrom}-${readTo}`;
const cut = (plan: Plan, logStart: number, highWatermark: number, limits = all): string[] =>
  [...shardsOf(plan, { logStart, highWatermark }, limits)].map(text);

describe('shardsOf', () => {
  test('one for everything, with the tail', () => {
    expect(cut(planWith([4, 4]), 0, 10)).toEqual(['0-2: 0-10']);
    expect(cut(planWith([4, 4]), 0, 8)).toEqual(['0-2: 0-8']);
  });

  test('whole sections, as many as the limits allow; the last takes the tail', () => {
    const plan = planWith([4, 4, 4, 4]);
    expect(cut(plan, 0, 20, { events: 5, sections: 9 })).toEqual(['0-2: 0-8', '2-4: +8-20']);
    expect(cut(plan, 0, 16, { events: 99, sections: 1 })).toEqual([
      '0-1: 0-4',
      '1-2: +4-8',
      '2-3: +8-12',
      '3-4: +12-16',
    ]);
  });

  test('nothing below the log start, nothing beyond the high watermark', () => {
    const plan = planWith([4, 4, 4]);
    expect(cut(plan, 5, 10)).toEqual(['1-3: 5-10']);
    expect(cut(plan, 0, 8)).toEqual(['0-2: 0-8']);
    expect(cut(plan, 12, 15)).toEqual(['3-3: 12-15']);
    expect(cut(plan, 14, 15)).toEqual(['3-3: 14-15']);
    expect(cut(plan, 12, 12)).toEqual([]);
    expect(cut(plan, 0, 0)).toEqual([]);
  });

  test('nothing sealed: the tail alone', () => {
    expect(cut(planWith([]), 0, 3)).toEqual(['0-0: 0-3']);
    expect(cut(planWith([]), 0, 0)).toEqual([]);
  });

  test('what nobody asked for is not read', () => {
    const range = (first: number, last: number) => ({ first, last });
    expect(cut(planWith([4, 4, 4], { within: [range(0, 0), range(9, 9)] }), 0, 20)).toEqual(['0-1: 0-4', '2-3: 8-12']);
    expect(cut(planWith([4, 4, 4], { within: [range(0, 0), range(14, 15)] }), 0, 20)).toEqual([
      '0-1: 0-4',
      '2-2: 12-16',
    ]);
    expect(cut(planWith([4, 4, 4], { within: [] }), 0, 20)).toEqual([]);
  });

  test('behind what was read before: the border is looked at, also where only the tail is left', () => {
    const behind = (plan: Plan, after: number, logStart = 0): string[] =>
      [...shardsOf(plan, { logStart, highWatermark: 20 }, all, after)].map(text);
    const plan = planWith([4, 4, 4]);
    expect(behind(plan, 0)).toEqual(['0-3: 0-20']);
    expect(behind(plan, 8)).toEqual(['2-3: +8-20']);
    expect(behind(plan, 12)).toEqual(['3-3: +12-20']);
    // Nothing was read before, or something else: there is no border.
    expect(behind(planWith([]), 0)).toEqual(['0-0: 0-20']);
    expect(behind(plan, 8, 12)).toEqual(['3-3: 12-20']);
  });

  test('any cut: the shards together are the whole', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 12 });
    const limits = fc.record({ events: fc.integer({ min: 1, max: 20 }), sections: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(lengths, limits, fc.nat(40), fc.nat(80), (each, limit, logStart, more) => {
        const plan = planWith(each);
        const bounds = { logStart, highWatermark: logStart + more };
        const shards = [...shardsOf(plan, bounds, limit)];
        const joined = shards.reduce<Shard[]>((done, shard) => {
          const last = done.at(-1);
          if (last === undefined || !shard.joins) return [...done, shard];
          expect(shard).toMatchObject({ fromSection: last.toSection, from: last.end, readFrom: last.readTo });
          return [...done.slice(0, -1), joinShards(last, shard)];
        }, []);
        expect(joined).toEqual([...shardsOf(plan, bounds, all)]);
      }),
    );
  });
});
