// Which parts of an earlier run's progress a plan can use.
import type { KeyState } from '@tallystick/core/judge';
import { expect, test } from 'vitest';
import { planOf } from '../src/domain/plan.ts';
import type { Accepted, Plan } from '../src/domain/plan.ts';
import { shardsOf } from '../src/domain/shards.ts';
import { fittingParts, hashOf, keysBefore } from '../src/progress/progress-fit.ts';
import type { PartHead } from '../src/progress/progress-part.ts';

const common = { origin: 'o', topic: 't', partition: 0, generation: 0, previous: 'p', time: 1 };
const noKeys: KeyState = { entries: [], places: [] } as unknown as KeyState;

function genesis(): Accepted {
  return { hash: 'g', statement: { ...common, kind: 'genesis', topicId: 'A', reason: 'new', firstOffset: 0 } };
}

function seal(first: number, last: number): Accepted {
  const values = { seal: 0, epoch: 0, root: 'r', after: 'a', head: 'h' };
  const range = { events: { first, last }, offsets: { first, last } };
  return { hash: `seal ${first}`, statement: { ...common, ...values, ...range, kind: 'seal' } };
}

function gap(first: number, last: number): Accepted {
  return { hash: `gap ${first}`, statement: { ...common, kind: 'gap', reason: 'deleted', offsets: { first, last } } };
}

function plan(...chain: Accepted[]): Plan {
  const made = planOf([genesis(), ...chain]);
  if (made === null) throw new Error('no plan');
  return made;
}

/** The parts that a run keeps which reads each section as a shard of its own. */
function partsOf(of: Plan, logStart: number): PartHead[] {
  const limits = { events: 1, sections: 1 };
  return [...shardsOf(of, { logStart, highWatermark: of.end }, limits)].map(({ from, end, fromSection }) => {
    const section = of.sections.at(fromSection)!;
    const judgedBy = {
      statement: hashOf(section) ?? '',
      last: 'mark',
      behind: [],
      keys: keysBefore(noKeys, section),
      logStart,
    };
    return { topic: of.topic, partition: of.partition, from, end, ...judgedBy };
  });
}

const three = [seal(0, 3), seal(4, 6), seal(7, 9)] as const;

test.each<[string, Plan, number, number]>([
  ['a whole log', plan(...three), 0, 3],
  ['the log begins with the second seal', plan(...three), 4, 2],
  ['the log begins within the second seal', plan(...three), 5, 2],
  ['the log begins within the last seal', plan(...three), 9, 1],
  ['nothing is left of what is sealed', plan(...three), 10, 0],
  ['a gap comes first, and nothing was deleted', plan(gap(0, 3), seal(4, 6), seal(7, 9)), 0, 3],
  ['a gap comes first, and its offsets are deleted', plan(gap(0, 3), seal(4, 6), seal(7, 9)), 4, 2],
  ['a gap follows what was deleted', plan(seal(0, 3), gap(4, 6), seal(7, 9)), 4, 2],
])('%s', (_, of, logStart, count) => {
  const parts = partsOf(of, logStart);
  expect(parts).toHaveLength(count);
  const all = parts.map((__, index) => index);
  expect(fittingParts(parts, of, logStart, noKeys)).toEqual(all);
  // One that is missing ends what is used; so does another log start.
  expect(fittingParts(parts.slice(1), of, logStart, noKeys)).toEqual([]);
  expect(fittingParts(parts, of, logStart + 1, noKeys)).toEqual([]);
});

test('parts of the beginning do not fit where that is gone, and parts behind it do not where it is there', () => {
  const of = plan(...three);
  expect(fittingParts(partsOf(of, 0), of, 4, noKeys)).toEqual([]);
  expect(fittingParts(partsOf(of, 4), of, 0, noKeys)).toEqual([]);
  const claimed = partsOf(of, 4).map((part) => ({ ...part, logStart: 0 }));
  expect(fittingParts(claimed, of, 0, noKeys)).toEqual([]);
});
