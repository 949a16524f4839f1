import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { describe, expect, test } from 'vitest';
import { lookups, scanning } from './support/scanning-log.ts';
import { World, summary, topics } from './support/world.ts';

// Headers that say other offsets than those where their batches lie. A broker looks for an offset by these headers, a memory cluster by
// its own index: both are tried.

// Events of the small log: offsets 0-1 and 2-3 in seal 0, 4-6 in seal 1, 7 in seal 2; 8-9 are not sealed.
// Its statements: 0 key, 1 genesis, 2 to 4 seals.

type LogOf = (world: World) => RecordLog;
const brokers: readonly (readonly [how: string, logOf: LogOf])[] = [
  ['by an index', (world) => world.log],
  ...lookups.map(([kafka, find]): [string, LogOf] => [
    `by what batches say, as Kafka ${kafka}`,
    (world) => scanning(world.cluster, Infinity, find),
  ]),
];

function batchAt(world: World, topic: string, offset: number): Buffer {
  return world.cluster.batches(topic, 0).find((each) => each.readBigInt64BE(0) === BigInt(offset))!;
}

/** Writes another last offset delta, and with `count` a number of records that fits it, and mends the CRC. */
function reach(batch: Buffer, delta: number, count = false): void {
  batch.writeInt32BE(delta, batchField.lastOffsetDelta);
  if (count) batch.writeInt32BE(delta + 1, batchField.count);
  sealCrc(batch);
}

describe.each(brokers)('a broker that finds offsets %s', (_, logOf) => {
  describe('events: a base offset that was changed names its batch and no other', () => {
    // What a batch says, and what is found. Offsets above all, below all, inside its neighbours.
    test.each([
      [0, 1, [0, 1]],
      [0, 1_000_000, [0, 1]],
      [0, 3, [0, 1]],
      [2, 1, [2, 3]],
      [2, 3, [2, 3]],
      [2, 5, [2, 3]],
      [2, 1_000_000, [2, 3]],
      [4, 3, [4, 6]],
      [4, 5, [4, 6]],
      [4, 7, [4, 6]],
      [4, 2 ** 40, [4, 6]],
      [7, 8, [7, 7]],
      [7, 2, [7, 7]],
      [8, 9, [8, 9]],
      [8, 7, [8, 9]],
    ] as const)('the batch at %i says %i', async (first, says, [from, to]) => {
      const world = await World.small();
      batchAt(world, topics.events, first).writeBigInt64BE(BigInt(says));
      const verdict = await world.verify({ log: logOf(world) });
      expect(summary(verdict)).toEqual([`root-mismatch 0 offsets ${from}-${to}`]);
      expect(verdict.exitCode).toBe(1);
      // The rest is checked all the same: seals that do not touch it agree.
      const seals = [
        [0, 3],
        [4, 6],
        [7, 7],
      ].filter(([a = 0, b = 0]) => b < from || a > to);
      expect(verdict.checked.seals).toBe(seals.length);
    });

    test.each([
      [0, 4],
      [2, 4],
      [4, 7],
    ])('two of them, at %i and %i', async (...pair) => {
      const world = await World.small();
      for (const first of pair) batchAt(world, topics.events, first).writeBigInt64BE(BigInt(first + 1000));
      const verdict = await world.verify({ log: logOf(world) });
      const ends = new Map([
        [0, 1],
        [2, 3],
        [4, 6],
        [7, 7],
      ]);
      expect(summary(verdict)).toEqual(pair.map((first) => `root-mismatch 0 offsets ${first}-${ends.get(first)}`));
    });
  });

  describe('events: a last offset delta that was enlarged', () => {
    test.each([
      [0, 3, [0, 1]],
      [0, 6, [0, 1]],
      [2, 4, [2, 3]],
      [4, 3, [4, 6]],
      [2, 5, [2, 3]],
      [4, 2 ** 20, [4, 6]],
      [7, 2, [7, 7]],
    ] as const)('the batch at %i, to a delta of %i: it is named and no other', async (first, delta, [from, to]) => {
      const world = await World.small();
      reach(batchAt(world, topics.events, first), delta);
      const verdict = await world.verify({ log: logOf(world) });
      expect(summary(verdict)).toEqual([`root-mismatch 0 offsets ${from}-${to}`]);
      expect(verdict.exitCode).toBe(1);
    });

    test('with its number of records: found at its offsets, at least', async () => {
      const world = await World.small();
      reach(batchAt(world, topics.events, 2), 4, true);
      const verdict = await world.verify({ log: logOf(world) });
      expect(verdict.exitCode).toBe(1);
      expect(summary(verdict).some((line) => touches(line, 2))).toBe(true);
    });
  });

  describe('statements', () => {
    const alone = `bad-crc 0 offsets 2-2`;

    test.each([1, 2, 3, 2 ** 20])(
      'a batch whose last offset delta was enlarged by %i hides none of those behind it',
      async (delta) => {
        const world = await World.small();
        reach(batchAt(world, topics.seals, 2), delta);
        const verdict = await world.verify({ log: logOf(world) });
        expect(verdict.exitCode).toBe(1);
        expect(summary(verdict)).toContain(alone);
        // Seal 0 cannot be read, and those behind it contradict its absence: they were read.
        expect(verdict.counts.forks).toBe(2);
      },
    );

    test('the last one that hides the end of its chain', async () => {
      const world = await World.small();
      reach(batchAt(world, topics.seals, 3), 1);
      const verdict = await world.verify({ log: logOf(world) });
      expect(summary(verdict)).toContain('bad-crc 0 offsets 3-3');
      expect(verdict).toMatchObject({ exitCode: 1, counts: { forks: 1 } });
    });

    test('a changed base offset names its batch', async () => {
      for (const says of [0, 1, 3, 4, 1_000]) {
        const world = await World.small();
        batchAt(world, topics.seals, 2).writeBigInt64BE(BigInt(says));
        const verdict = await world.verify({ log: logOf(world) });
        expect(summary(verdict).filter((line) => !line.startsWith('fork'))).toEqual(['nothing-to-check - -', alone]);
        expect(verdict.exitCode).toBe(1);
      }
    });

    test('with its number of records too: never verified', async () => {
      for (const [offset, delta] of [
        [2, 1],
        [2, 2],
        [3, 1],
        [4, 3],
      ] as const) {
        const world = await World.small();
        reach(batchAt(world, topics.seals, offset), delta, true);
        const verdict = await world.verify({ log: logOf(world) });
        expect(verdict.exitCode).not.toBe(0);
        expect(summary(verdict)).toContain('unreadable 0 -');
      }
    });

    test('a batch that does not parse may hide statements: inconclusive', async () => {
      const world = await World.small();
      const batch = batchAt(world, topics.seals, 4);
      batch.writeUInt8(0xff, 61);
      sealCrc(batch);
      const verdict = await world.verify({ log: logOf(world) });
      expect(summary(verdict)).toEqual(['unreadable 0 -', 'unparsed-batch 0 offsets 4-4']);
      expect(verdict.exitCode).toBe(3);
    });
  });

  test('where it ends only behind what is there to be read', async () => {
    const world = await World.small();
    reach(batchAt(world, topics.events, 4), 1_000);
    // A range that ends inside what it says: what follows is looked at all the same.
    const verdict = await world.verify({
      log: logOf(world),
      scope: { kind: 'ranges', ranges: [{ partition: 0, first: 4, last: 6 }] },
    });
    expect(summary(verdict)).toEqual(['root-mismatch 0 offsets 4-6']);
  });
});

function touches(line: string, offset: number): boolean {
  const [, first, last] = /offsets (\d+)-(\d+)$/.exec(line) ?? [];
  return Number(first) <= offset && Number(last) >= offset;
}
