import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { topics, World } from '../support/world.ts';
import { BundleFolder, membersOf, withBundle } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

/** 30 batches of about 1 MiB of two records, and one that is larger than a chunk. */
async function large(): Promise<World> {
  const world = await World.make();
  const batch = (bytes: number): void => {
    const value = randomBytes(bytes);
    world.cluster.appendRaw(
      topics.events,
      0,
      encodeBatch(
        [
          { key: null, value },
          { key: null, value: null },
        ],
        1,
      ),
    );
  };
  for (let count = 0; count < 30; count += 1) {
    batch(1_000_000);
    if (count === 17) batch(9 * 1024 * 1024);
  }
  return world;
}

test('records in many chunks, read from any place and in any size, are what was stored', async () => {
  const world = await large();
  const { file, events } = await folder.export(world);
  expect(events).toBe(62);
  const members = [...membersOf(readFileSync(file))].filter(([name]) => name.startsWith('records/events/'));
  expect(members.map(([name, { size }]) => [Number(name.slice(-16)), size > 8 * 1024 * 1024])).toEqual([
    [0, false],
    [16, false],
    [32, false],
    [36, true],
    [38, false],
    [54, false],
  ]);
  const stored = Buffer.concat(world.cluster.batches(topics.events, 0));
  await withBundle(file, async ({ records: log }) => {
    const topic = topics.events;
    const { topicId } = await log.describeTopic(topic);
    const read = async (from: number, maxBytes: number, reuse: boolean): Promise<Buffer> => {
      const parts: Buffer[] = [];
      for await (const { batches } of readPartition({ log, topic, topicId, partition: 0, from, maxBytes, reuse }))
        for (const { bytes } of batches) parts.push(Buffer.from(bytes));
      return Buffer.concat(parts);
    };
    for (const [maxBytes, reuse] of [
      [1, true],
      [1024 * 1024, true],
      [1024 * 1024, false],
      [3_333_333, true],
      [64 * 1024 * 1024, true],
    ] as const)
      expect((await read(0, maxBytes, reuse)).equals(stored)).toBe(true);
    for (const from of [1, 15, 16, 17, 35, 36, 37, 38, 61]) {
      const rest = await read(from, 1024 * 1024, true);
      expect([from, rest.readBigInt64BE(0)]).toEqual([from, BigInt(from - (from % 2))]);
      expect(rest.equals(stored.subarray(stored.length - rest.length))).toBe(true);
    }
  });
});

test('of many small batches the one with an offset is found, wherever its header lies in what is read at a time', async () => {
  const world = await World.make();
  const ends: number[] = [];
  for (let next = 0; next < 1_500;) {
    const records = Array.from({ length: 1 + randomInt(3) }, () => ({ key: null, value: randomBytes(randomInt(400)) }));
    world.cluster.appendRaw(topics.events, 0, encodeBatch(records, 1));
    next += records.length;
    ends.push(next);
  }
  const { file } = await folder.export(world);
  expect(readFileSync(file).length).toBeGreaterThan(4 * 64 * 1024);
  const all = ends.at(-1)!;
  for (let from = 0; from < all; from += 1 + randomInt(3)) {
    // Opened anew, so that nothing is known of the place.
    await withBundle(file, async ({ records: log }) => {
      const topic = topics.events;
      const { topicId } = await log.describeTopic(topic);
      const request = { topic, topicId, partition: 0, lastFetchedEpoch: -1, maxWaitMs: 0 };
      const { records } = await log.fetch({ ...request, offset: from, maxBytes: 1 });
      const begin = ends.findLast((end) => end <= from) ?? 0;
      expect([from, Buffer.from(records).readBigInt64BE(0)]).toEqual([from, BigInt(begin)]);
    });
    from += 5;
  }
});

test('several readers at once do not disturb each other', async () => {
  const world = await large();
  const { file } = await folder.export(world);
  const stored = Buffer.concat(world.cluster.batches(topics.events, 0));
  await withBundle(file, async ({ records: log }) => {
    const topic = topics.events;
    const { topicId } = await log.describeTopic(topic);
    const read = async (): Promise<boolean> => {
      let at = 0;
      for await (const { batches } of readPartition({ log, topic, topicId, partition: 0, from: 0, reuse: true })) {
        for (const { bytes } of batches) {
          if (!stored.subarray(at, at + bytes.length).equals(bytes)) return false;
          at += bytes.length;
        }
      }
      return at === stored.length;
    };
    expect(await Promise.all([read(), read(), read(), read(), read(), read()])).toEqual(Array(6).fill(true));
  });
});
