import type { GenesisStatement, SealStatement } from '@tallystick/core/statement-types';
import type { SignedStatement } from '@tallystick/core/judge';
import { describe, expect, it } from 'vitest';
import { firstOffsetOf, lossOf, type PartitionNow } from '../src/generation-loss.ts';

const lastSeal = { statement: { offsets: { first: 80, last: 99 } } } as SignedStatement<SealStatement>;
const before = { topic: 'e', partition: 0, topicId: 'old', generation: 0, firstOffset: 5, nextOffset: 100, lastSeal };
const now: PartitionNow = { topicId: 'old', logStart: 0, highWatermark: 150, damage: null };
const genesis = (firstOffset: number, topicId = 'old') => ({ firstOffset, topicId }) as GenesisStatement;

describe('the first offset of a generation', () => {
  it.each([
    ['a topic made anew', 'recreated', { topicId: 'new', logStart: 7 }, 7],
    ['a topic that moved', 'migrated', { topicId: 'new', logStart: 0 }, 0],
    ['a partition that is too short', 'truncated', { highWatermark: 90 }, 90],
    ['one that is empty', 'truncated', { highWatermark: 0 }, 0],
    ['one that lost its beginning too', 'truncated', { logStart: 95, highWatermark: 90 }, 95],
    ['a damaged batch', 'unsealable', { damage: { code: 'BATCH_CRC', offset: 120, next: 130 } }, 130],
  ] as const)('of %s', (_, reason, change, expected) => {
    expect(firstOffsetOf(reason, before, { ...now, ...change })).toBe(expected);
  });

  it.each([
    ['a truncated partition that grew again', 'truncated', {}, /ends at 150, not before its last sealed offset 99/],
    ['records that differ', 'diverged', {}, /tallystick verify/],
    ['nothing damaged', 'unsealable', {}, /nothing is unsealable/],
    [
      'a batch without a length',
      'unsealable',
      { damage: { code: 'BATCH_MAGIC', offset: 120, next: null } },
      /at offset 120/,
    ],
  ] as const)('is asked for with %s', (_, reason, change, why) => {
    expect(() => firstOffsetOf(reason, before, { ...now, ...change })).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(why) as string }) as Error,
    );
  });
});

describe('the loss of a generation', () => {
  it.each([
    ['all of the topic before', genesis(0, 'new'), /offsets 5 to 99, which are sealed but not there/],
    [
      'what was sealed and is gone',
      genesis(90),
      /sealed at offsets 90 to 99(.|\n)*offsets 80 to 89, which share a seal/,
    ],
    ['a whole seal', genesis(80), /sealed at offsets 80 to 99/],
    ['what is never sealed', genesis(130), /offsets 100 to 129: they are never sealed/],
    ['nothing', genesis(100), /no sealed offset/],
    ['more than there is', genesis(200), /ends at 150, before the first offset/],
  ])('is %s', (_, statement, words) => {
    expect(lossOf(statement, before, now).join('\n')).toMatch(words);
  });

  it('names no seal that is not cut, and nothing sealed where nothing was', () => {
    expect(lossOf(genesis(80), before, now).length).toBe(1);
    expect(lossOf(genesis(0, 'new'), { ...before, nextOffset: 5, lastSeal: null }, now).join()).toMatch(
      /nothing of it was sealed/,
    );
  });

  it('says where offsets below the log start are covered', () => {
    expect(lossOf(genesis(100), before, { ...now, logStart: 110 }).join()).toMatch(/Offsets 100 to 109 are not there/);
  });
});
