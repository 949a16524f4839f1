import { genesisLeaf } from '@tallystick/core/leaf';
import { formatStatement, parseStatement } from '@tallystick/core/statement';
import { encodeBase64 } from '@tallystick/core/encoding';
import { describe, expect, it } from 'vitest';
import { decideGeneration, type GenerationOrder } from '../src/domain/generation.ts';
import { seed } from './world.ts';

const state = {
  topic: 'events',
  partition: 3,
  generation: 1,
  hash: encodeBase64(seed(7)),
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
};
const order: GenerationOrder = {
  origin: 'test.example/log',
  reason: 'truncated',
  topicId: state.topicId,
  firstOffset: 40,
  now: 1_700_000_000_000,
};
const otherId = 'BBBBBBBBBBBBBBBBBBBBBA';

describe('the next generation of a partition', () => {
  it('is a genesis that closes the one before, in the one form of a statement', () => {
    const genesis = decideGeneration(state, order);
    expect(genesis).toEqual({
      kind: 'genesis',
      origin: 'test.example/log',
      topic: 'events',
      topicId: state.topicId,
      partition: 3,
      generation: 2,
      reason: 'truncated',
      firstOffset: 40,
      previous: state.hash,
      time: 1_700_000_000_000,
    });
    const text = formatStatement(genesis);
    expect(parseStatement(text)).toEqual(genesis);
    expect(genesisLeaf(text)).toHaveLength(32);
  });

  it.each([
    ['recreated', otherId],
    ['migrated', otherId],
    ['truncated', state.topicId],
    ['diverged', state.topicId],
    ['unsealable', state.topicId],
  ] as const)('%s takes the topic id that fits, and no other', (reason, topicId) => {
    expect(decideGeneration(state, { ...order, reason, topicId }).reason).toBe(reason);
    const wrong = topicId === otherId ? state.topicId : otherId;
    expect(() => decideGeneration(state, { ...order, reason, topicId: wrong })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('not from offset %d', (firstOffset) => {
    expect(() => decideGeneration(state, { ...order, firstOffset })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
