// What an incremental run takes as pruned: each prune accounts for the records of its own generation.
import { expect, test } from 'vitest';
import { isGone } from '../src/run/incremental.ts';
import type { PlanState } from '../src/domain/plan.ts';

/** Generations of one topic by their first offsets. */
function stateOf(firstOffsets: readonly number[], prunedTo: PlanState['prunedTo'], floor = 0): PlanState {
  const statementOf = (generation: number) => ({
    hash: String(generation),
    statement: {
      kind: 'genesis' as const,
      origin: 'o',
      topic: 't',
      topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
      partition: 0,
      generation,
      reason: generation === 0 ? ('new' as const) : ('diverged' as const),
      firstOffset: firstOffsets[generation]!,
      previous: generation === 0 ? null : 'p',
      time: 1,
    },
  });
  const geneses = firstOffsets.map((_, generation) => statementOf(generation));
  const counts = { acceptedSeals: 1, sealedEvents: 1, count: 2, lastSeal: null };
  return { next: 30, floor, geneses, last: geneses.at(-1)!, prunedTo, ...counts };
}

test.each<[string, PlanState, number, boolean]>([
  ['nothing is gone', stateOf([0], []), 0, false],
  ['something is gone', stateOf([0], []), 5, true],
  ['it was pruned', stateOf([0], [[0, 4]]), 5, false],
  ['more is gone than was pruned', stateOf([0], [[0, 4]]), 6, true],
  ['it lies below what an earlier run began with', stateOf([0], [], 5), 5, false],
  [
    'of two generations both were pruned',
    stateOf(
      [0, 10],
      [
        [0, 9],
        [1, 14],
      ],
    ),
    15,
    false,
  ],
  ['the newer one was pruned, not the older one', stateOf([0, 10], [[1, 14]]), 15, true],
  ['the older one was pruned, not the newer one', stateOf([0, 10], [[0, 9]]), 15, true],
  [
    'the older one was pruned in part',
    stateOf(
      [0, 10],
      [
        [0, 5],
        [1, 14],
      ],
    ),
    15,
    true,
  ],
])('%s', (_, state, logStart, gone) => {
  expect(isGone(state, logStart)).toBe(gone);
});

test('a generation of a topic that is not there any more asks for nothing', () => {
  const state = stateOf([0, 0], [[1, 4]]);
  const [before] = state.geneses;
  const other = { ...before!, statement: { ...before!.statement, topicId: 'AAAAAAAAAAAAAAAAAAAAAg' } };
  expect(isGone({ ...state, geneses: [other, state.geneses[1]!] }, 5)).toBe(false);
});
