import { expect, it } from 'vitest';
import { Lives, mostLives, mostRuns } from '../../src/content/lives.ts';
import { mergeContent } from '../../src/content/content-check.ts';
import type { ContentState } from '../../src/content/content-types.ts';
import { partOf } from '../support/content-part.ts';

const part = (lives: Lives, last: number) => partOf(lives, { first: 0, last });
const see = (lives: Lives, instance: string, sequence: number, offset: number): void =>
  lives.observe(lives.of(instance, 1, sequence, offset), sequence, offset);
const codes = (lives: Lives, last: number, before: ContentState | null = null) =>
  mergeContent([part(lives, last)], before).findings.map(({ code, found }) => [code, found]);

it('lives that say nothing more are forgotten where there are too many, and nothing is claimed of them', () => {
  const lives = new Lives();
  for (let i = 0; i < mostLives + 10; i++) see(lives, `producer-${i}`, 0, i);
  expect(lives.list().length).toBeLessThanOrEqual(mostLives);
  expect(lives.forgotten).toBeGreaterThan(0);
  expect(codes(lives, mostLives + 10)).toEqual([]);
  const { counts, state } = mergeContent([part(lives, mostLives + 10)], null);
  expect(counts.epochs).toBe(mostLives + 10);
  expect(state).toMatchObject({ complete: true, dropped: true });
  expect(state.lives.length).toBe(5_000);
  // One of those goes on: whether numbers are missing cannot be said any more.
  see(lives, 'producer-0', 7, mostLives + 11);
  expect(codes(lives, mostLives + 11)).toEqual([['unreadable', 'lives']]);
});

it('lives with holes are not forgotten for others', () => {
  const lives = new Lives();
  see(lives, 'broken', 0, 0);
  see(lives, 'broken', 5, 1);
  for (let i = 0; i < mostLives + 10; i++) see(lives, `producer-${i}`, 0, 2 + i);
  expect(codes(lives, mostLives + 12)).toEqual([['sequence-hole', '"broken" 1']]);
});

it('with too many holes it is said that not all are', () => {
  const lives = new Lives();
  for (let i = 0; i < mostRuns + 20; i++) see(lives, 'broken', 2 * i, i);
  const found = codes(lives, mostRuns + 20);
  expect(found.length).toBe(1_002);
  expect(found.slice(-2)).toEqual([
    ['sequence-hole', expect.stringMatching(`^${mostRuns - 1_000} more .SHA-256 of all .{44}.$`)],
    ['unreadable', 'too many'],
  ]);
});

it('numbers that are filled in one by one, or come again and again, cost bounded memory and time', () => {
  const lives = new Lives();
  see(lives, 'a', 2 ** 40, 0);
  see(lives, 'a', 2 ** 41, 1);
  for (let i = 0; i < 3 * mostRuns; i++) see(lives, 'a', 2 ** 40 + 1 + ((i * 7_919) % 100_000), 2 + i);
  for (let i = 0; i < 3 * mostRuns; i++) see(lives, 'a', (i * 7_919) % 100_000, 2 + i);
  const [life] = lives.list();
  expect(life!.rising.length).toBe(2);
  expect(life!.below.length).toBe(mostRuns);
  expect(lives.overflow).toBe(true);
  expect(codes(lives, 9 * mostRuns)).toContainEqual(['unreadable', 'too many']);
});
