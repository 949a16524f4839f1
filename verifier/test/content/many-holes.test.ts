import { expect, it } from 'vitest';
import { mergeContent } from '../../src/content/content-check.ts';
import type { ContentPart } from '../../src/content/content-types.ts';
import { LifeJoin } from '../../src/content/join-lives.ts';
import { Lives, mostRuns } from '../../src/content/lives.ts';
import { partOf } from '../support/content-part.ts';

/** A shard's part, from the sequences of one producer at the offsets from `first` on. */
function part(first: number, sequences: readonly number[]): ContentPart {
  const lives = new Lives();
  for (const [index, sequence] of sequences.entries())
    lives.observe(lives.of('broken', 1, sequence, first + index), sequence, first + index);
  return partOf(lives, { first, last: first + sequences.length - 1 });
}

const perPart = 4_000;
/** Every other number is missing. */
const withHoles = (nth: number) =>
  part(
    nth * perPart,
    Array.from({ length: perPart }, (_, index) => 2 * (nth * perPart + index)),
  );

it('holes of many shards are no more than those of one, and that there are more is said', () => {
  const join = new LifeJoin(null);
  const parts = [0, 1, 2, 3, 4, 5].map(withHoles);
  for (const each of parts) join.add(each);
  const { holes, overflow, lives } = join.result();
  expect(holes).toHaveLength(mostRuns);
  expect(overflow).toBe(true);
  // Where the life stands is known all the same.
  expect(lives).toEqual([{ instance: 'broken', epoch: 1, next: 2 * 6 * perPart - 1, lastOffset: 6 * perPart - 1 }]);
  const { findings, counts } = mergeContent(parts, null);
  expect(findings.map(({ code, found }) => [code, found]).slice(-2)).toEqual([
    ['sequence-hole', expect.stringContaining(`${mostRuns - 1_000} more`)],
    ['unreadable', 'too many'],
  ]);
  expect(counts.missing).toBeGreaterThanOrEqual(mostRuns);
});

it('numbers that fill a hole which was forgotten are not taken for numbers that were given twice', () => {
  const join = new LifeJoin(null);
  for (const nth of [0, 1, 2]) join.add(withHoles(nth));
  const missing = 2 * 3 * perPart - 3;
  join.add(part(3 * perPart, [missing, 2 * 3 * perPart - 1]));
  expect(join.repeats).toEqual([]);
  expect(join.result().overflow).toBe(true);
});

it('a hole that is filled from all sides in one shard after the other is as bounded', () => {
  const join = new LifeJoin(null);
  join.add(part(0, [0, 2 ** 40]));
  for (let nth = 0; nth < 4; nth++) {
    const begin = 2 + nth * perPart;
    join.add(
      part(
        begin,
        Array.from({ length: perPart }, (_, index) => 10 + 2 * (begin + index)),
      ),
    );
  }
  const { holes, overflow, late } = join.result();
  expect(holes.length).toBeLessThanOrEqual(mostRuns);
  expect(overflow).toBe(true);
  expect(late).toBeGreaterThan(mostRuns - 2);
});
