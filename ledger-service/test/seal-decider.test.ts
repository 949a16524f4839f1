import { encodeBase64 } from '@tallystick/core/encoding';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decide,
  decideGap,
  decideGenesis,
  evolve,
  sealedTime,
  type ClosedBatch,
  type SealerState,
} from '../src/domain/seal-decider.ts';
import { origin, seed } from './world.ts';

const state: SealerState = {
  origin,
  topic: 'events',
  partition: 3,
  generation: 0,
  previous: encodeBase64(seed(1)),
  nextSeal: 7,
  nextIndex: 100,
  nextOffset: 250,
  head: encodeBase64(seed(2)),
};
const batch = (over: Partial<ClosedBatch> = {}): ClosedBatch => ({
  firstOffset: 250,
  count: 10,
  root: seed(3),
  head: seed(4),
  epoch: 5,
  time: 1_700_000_000_000n,
  ...over,
});

describe('decide', () => {
  it('gives the seal that continues the state', () => {
    expect(decide(state, batch())).toEqual({
      kind: 'seal',
      origin,
      topic: 'events',
      partition: 3,
      generation: 0,
      seal: 7,
      events: { first: 100, last: 109 },
      offsets: { first: 250, last: 259 },
      epoch: 5,
      root: encodeBase64(seed(3)),
      after: encodeBase64(seed(2)),
      head: encodeBase64(seed(4)),
      previous: encodeBase64(seed(1)),
      time: 1_700_000_000_000,
    });
  });

  it.each([249, 251])('refuses a batch that begins at offset %d', (firstOffset) => {
    expect(() => decide(state, batch({ firstOffset }))).toThrow(RangeError);
  });

  it('says - for an epoch below 0 and a time outside 0 to 2^53-1', () => {
    expect(decide(state, batch({ epoch: -1, time: -1n }))).toMatchObject({ epoch: null, time: null });
    expect(sealedTime(0n)).toBe(0);
    expect(sealedTime(2n ** 53n - 1n)).toBe(2 ** 53 - 1);
    for (const time of [-1n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n]) expect(sealedTime(time)).toBeNull();
  });

  it('makes a chain without a hole, whatever the batches are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 16_384 }), { maxLength: 20 }), (counts) => {
        let at = state;
        for (const count of counts) {
          const seal = decide(at, batch({ firstOffset: at.nextOffset, count }));
          const next = evolve(at, seal);
          expect(seal).toMatchObject({ seal: at.nextSeal, previous: at.previous, after: at.head });
          expect(next.previous).toBe(statementHash(formatStatement(seal)));
          expect([next.nextIndex - at.nextIndex, next.nextOffset - at.nextOffset]).toEqual([count, count]);
          at = next;
        }
      }),
    );
  });

  it('gives genesis 0 that has a form', () => {
    const genesis = decideGenesis(
      origin,
      { topic: 'events', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partition: 0, firstOffset: 9 },
      1,
    );
    expect(formatStatement(genesis)).toContain('\nfirst-offset 9\n');
  });
});

describe('a gap', () => {
  const state = {
    origin: 'test.example/log',
    topic: 'events',
    partition: 2,
    generation: 1,
    previous: 'hash',
    nextOffset: 12,
  };

  it('covers exactly what lies between the next offset and the log start', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 2 ** 40 }), (nextOffset, more) => {
        expect(decideGap({ ...state, nextOffset }, nextOffset + more, 5)).toEqual({
          kind: 'gap',
          origin: 'test.example/log',
          topic: 'events',
          partition: 2,
          generation: 1,
          offsets: { first: nextOffset, last: nextOffset + more - 1 },
          reason: 'deleted',
          previous: 'hash',
          time: 5,
        });
      }),
    );
  });

  it.each([12, 11, 0])('is none where the log starts at %i', (logStart) => {
    expect(() => decideGap(state, logStart, 5)).toThrow(RangeError);
  });
});
