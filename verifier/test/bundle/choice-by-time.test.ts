import { afterAll, describe, expect, test } from 'vitest';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import type { ExportOptions } from '../../src/bundle/export-bundle.ts';
import type { ScopeRange } from '../../src/scope.ts';
import { topics, World } from '../support/world.ts';
import { BundleFolder, withBundle } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

const day = 86_400_000;
const start = 1_700_006_400_000; // a midnight
const none = { code: 'OPTIONS_INVALID', message: 'No sealed event lies between --from and --to.' };

/** The broker's clock at the hour of a day, days counted from `start`. */
const at = (days: number, hours = 0): number => start + days * day + hours * 3_600_000;

/** Emits and seals; `days` are those of its events, one batch each. */
async function sealed(world: World, partition: number, ...days: number[]): Promise<void> {
  for (const each of days) {
    world.clock = at(each, 12);
    await world.emit(partition, 2);
  }
  await world.seal(partition);
}

/** Seals of day 10, of the days 11 and 12, of day 20 and of day 30: offsets 0-1, 2-5, 6-7, 8-9. */
async function quiet(): Promise<World> {
  const world = await World.make();
  await sealed(world, 0, 10);
  await sealed(world, 0, 11, 12);
  await sealed(world, 0, 20);
  await sealed(world, 0, 30);
  return world;
}

/** Whole days, both inclusive; null: none. */
async function byDays(world: World, from: number | null, to: number, options: Partial<ExportOptions> = {}) {
  const notices: string[] = [];
  const exported = await folder.export(world, {
    choice: {
      from: from === null ? null : { time: at(from) },
      to: { time: at(to + 1) - 1 },
      partition: null,
    },
    onNotice: (message) => notices.push(message),
    ...options,
  });
  const { scope } = exported.manifest;
  if (scope.kind !== 'ranges') throw new Error('the scope is all');
  return { ...exported, ranges: scope.ranges, notices };
}

const lines = (ranges: readonly ScopeRange[]) =>
  ranges.map(({ partition, first, last }) => `${partition}: ${first}-${last}`);

describe('a choice by time', () => {
  test.each([
    ['before the first event', 1, 9],
    ['without a beginning, before the first event', null, 9],
    ['in a gap between two seals', 13, 19],
    ['of one day in a gap', 25, 25],
    ['after the last event', 31, 40],
  ])('%s is refused', async (_, from, to) => {
    await expect(byDays(await quiet(), from, to)).rejects.toMatchObject(none);
  });

  test.each([
    ['that ends inside a seal widens to it', 10, 11, '0: 0-5'],
    ['inside a seal widens to it', 11, 11, '0: 2-5'],
    ['that begins inside a seal widens to it', 12, 19, '0: 2-5'],
    ['that ends in a gap ends before it', 10, 19, '0: 0-5'],
    ['that begins in a gap begins behind it', 13, 20, '0: 6-7'],
    ['of the first seal alone', 1, 10, '0: 0-1'],
    ['of the last seal alone', 30, 30, '0: 8-9'],
    ['of everything', null, 99, '0: 0-9'],
  ])('%s', async (_, from, to, expected) => {
    const world = await quiet();
    const { ranges, notices, file, manifest } = await byDays(world, from, to);
    expect([lines(ranges), notices]).toEqual([[expected], []]);
    await withBundle(file, async ({ records }) => {
      expect(await world.verify({ log: records, scope: manifest.scope })).toMatchObject({ exitCode: 0 });
    });
  });

  test('takes an event of the last millisecond, and not of the next', async () => {
    const world = await quiet();
    const until = async (time: number) =>
      lines((await byDays(world, 10, 0, { choice: { from: null, to: { time }, partition: null } })).ranges);
    const [time] = world.entries(0).flatMap(({ offset, timestamp }) => (offset === 6 ? [Number(timestamp)] : []));
    expect(await until(time! - 1)).toEqual(['0: 0-5']);
    expect(await until(time!)).toEqual(['0: 0-7']);
  });

  test('judges each partition by itself', async () => {
    const world = await World.make({ partitions: 4 });
    await sealed(world, 0, 10);
    await sealed(world, 1, 11);
    await sealed(world, 2, 9, 15);
    await sealed(world, 0, 20);
    await sealed(world, 1, 12);
    await sealed(world, 3, 30);
    const { ranges, manifest, events } = await byDays(world, 11, 13);
    expect(lines(ranges)).toEqual(['1: 0-3', '2: 0-3']);
    expect(events).toBe(8);
    expect(manifest.stored.find(({ folder: name }) => name === 'leaves')?.partitions).toMatchObject([
      { from: 2, to: 2 },
      { from: 0, to: 2 },
      { from: 0, to: 1 },
      { from: 1, to: 1 },
    ]);
  });

  test('leaves out the first seals of later generations too', async () => {
    const world = await World.make();
    await sealed(world, 0, 10);
    await sealed(world, 0, 20);
    for (const [generation, days] of [
      [1, 30],
      [2, 40],
    ] as const) {
      const { nextOffset: firstOffset, previous } = world.state(0);
      await world.genesis(0, { generation, reason: 'diverged', firstOffset, previous });
      await sealed(world, 0, days);
    }
    expect(lines((await byDays(world, 10, 12)).ranges)).toEqual(['0: 0-1']);
    expect(lines((await byDays(world, 10, 32)).ranges)).toEqual(['0: 0-5']);
    await expect(byDays(world, 33, 39)).rejects.toMatchObject(none);
  });
});

describe('where the time of the first event cannot be read, the seal is chosen and that is told', () => {
  const damages: Record<string, [damage: (world: World) => void, why: RegExp]> = {
    'deleted records': [(world) => world.cluster.deleteRecords(topics.events, 0, 7), /begins at offset 7/],
    'a changed byte': [
      (world) => {
        const batch = world.cluster.batches(topics.events, 0)[3]!;
        batch.writeUInt8(batch.readUInt8(80) ^ 1, 80);
      },
      /CRC/,
    ],
    'another topic of the name': [(world) => void world.cluster.recreateTopic(topics.events), /is another/],
    'no topic': [(world) => world.cluster.deleteTopic(topics.events), /no such topic/],
  };

  test.each(Object.keys(damages))('%s', async (name) => {
    const world = await quiet();
    const [damage, why] = damages[name]!;
    damage(world);
    const { ranges, notices, manifest } = await byDays(world, 13, 19);
    expect(lines(ranges)).toEqual(['0: 6-7']);
    const told = notices.filter((message) => message.includes(`time of offset 6 of ${topics.events}/0`));
    expect(told).toEqual([expect.stringMatching(why)]);
    expect(manifest.missing).toEqual(name === 'no topic' ? [topics.events] : []);
  });

  test('a batch that does not parse has its own time', async () => {
    const world = await quiet();
    const batch = world.cluster.batches(topics.events, 0)[3]!;
    batch.writeInt32BE(7, 57);
    sealCrc(batch);
    await expect(byDays(world, 13, 19)).rejects.toMatchObject(none);
  });
});

test('the export says the first and last time of the events in it', async () => {
  const world = await quiet();
  const times = world.entries(0).map(({ timestamp }) => timestamp);
  expect((await byDays(world, 11, 20)).times).toEqual({ first: times[2], last: times[7] });
  expect((await folder.export(await World.make())).times).toBeNull();
});
