import { signerFromSeed } from '@tallystick/core/note';
import { KafkaError } from '@tallystick/kafka/errors';
import { describe, expect, it } from 'vitest';
import type { LedgerOptions } from '../src/service.ts';
import { alarm } from './sealed-world.ts';
import { checkSeals, origin, sealSigner, seed, topics, until, World } from './world.ts';

describe('settings', () => {
  const good = {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'producer',
    'unclean.leader.election.enable': 'false',
  };
  const settings = (over: Record<string, string>, of: string = topics.events) => ({
    describe: (topic: string) => Promise.resolve(topic === of ? { ...good, ...over } : good),
  });

  it.each([
    [{ 'cleanup.policy': 'compact' }, topics.events],
    [{ 'cleanup.policy': 'compact,delete' }, topics.events],
    [{ 'message.timestamp.type': 'CreateTime' }, topics.events],
    [{ 'retention.ms': '604800000' }, topics.events],
    [{ 'retention.bytes': '1000' }, topics.seals],
    [{ 'compression.type': 'gzip' }, topics.events],
    [{ 'unclean.leader.election.enable': 'true' }, topics.seals],
    [{ 'cleanup.policy': 'compact' }, topics.leaves],
  ])('does not seal with %o on %s', async (over, topic) => {
    const world = new World();
    const started = world.start({ topicSettings: settings(over, topic) });
    await expect(started).rejects.toMatchObject({ code: 'TOPIC_SETTINGS', evidence: { topic, found: over } });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it.each([topics.events, topics.seals, topics.leaves])(
    'raises an alarm while %s is set wrong later, and goes on sealing',
    async (topic) => {
      const world = new World();
      let over: Record<string, string> = {};
      const ledger = await world.start({ topicSettings: { describe: (of) => settings(over, topic).describe(of) } });
      over = { 'cleanup.policy': 'compact' };
      await until(() => ledger.status().alarms.length > 0);
      expect(ledger.status().alarms).toMatchObject([{ code: 'TOPIC_SETTINGS', place: topic }]);
      await world.emit(3);
      await world.sealed();
      over = {};
      await until(() => ledger.status().alarms.length === 0);
    },
  );

  it('seals with the right ones', async () => {
    const world = new World();
    await world.emit(1);
    await world.start({ topicSettings: settings({}) });
    await world.sealed();
  });

  it('partitions that do not fit', async () => {
    const world = new World(3);
    world.cluster.createTopic('few', { partitions: 2 });
    world.cluster.createTopic('many', { partitions: 2 });
    await expect(world.start({ topics: { ...topics, leaves: 'few' } })).rejects.toMatchObject({
      code: 'TOPIC_PARTITIONS',
    });
    await expect(world.start({ topics: { ...topics, seals: 'many' } })).rejects.toMatchObject({
      code: 'TOPIC_PARTITIONS',
    });
  });

  it.each([{ events: 0 }, { events: 16_385 }, { events: 1.5 }, { bytes: 0 }, { ageMs: 0 }, { ageMs: Number.NaN }])(
    'limits %o',
    async (limits) => {
      await expect(new World().start({ limits })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  it('a missing topic, an unreachable cluster', async () => {
    const world = new World();
    await expect(world.start({ topics: { ...topics, events: 'nowhere' } })).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
    });
    world.cluster.down = true;
    await expect(world.start()).rejects.toBeInstanceOf(KafkaError);
  });

  it.each<[string, Partial<LedgerOptions>]>([
    ['no role', { roles: [] }],
    ['a role twice', { roles: ['seal', 'seal'] }],
    ['a role that does not exist', { roles: ['prune' as 'seal'] }],
    ['no log key', { logKeys: [] }],
    ['a log key of another name', { logKeys: [sealSigner.key] }],
    ['the root key as log key', { logKeys: [signerFromSeed(origin, seed(1)).key] }],
    ['a partition that is none', { partitions: [-1] }],
    ['no time to take over', { takeoverMs: 0 }],
  ])('%s', async (_, over) => {
    const world = new World();
    await expect(world.start(over)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it('partitions of events without one for their leaves are an alarm at once, and are sealed once there is one', async () => {
    const world = new World(1);
    const ledger = await world.start();
    world.cluster.topic(topics.events).partitions.push(...new World(1).cluster.topic(topics.events).partitions);
    await world.emit(4, 1);
    await world.emit(4, 0);
    await alarm(ledger, 'TOPIC_PARTITIONS', 1);
    await world.sealed(0);
    expect(ledger.status().partitions[0]?.alarms).toEqual([]);
    expect(world.judge().judge.partition(topics.events, 1)).toBeNull();
    world.cluster.topic(topics.leaves).partitions.push(...new World(1).cluster.topic(topics.leaves).partitions);
    await world.sealed(1);
    await until(() => ledger.status().partitions[1]?.alarms.length === 0);
    expect(checkSeals(world, 1)).toBe(4);
  });
});
