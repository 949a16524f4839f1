import { TallystickError } from '@tallystick/core/errors';
import { applyTopics } from '@tallystick/kafka/admin';
import { once } from 'node:events';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { startLedger, type LedgerOptions, type RunningLedger } from '../src/service.ts';
import { plainKafka } from '../../kafka/test/real-cluster.ts';
import { eventually, RealWorld } from './real-world.ts';

const worlds: RealWorld[] = [];
const ledgers: RunningLedger[] = [];

async function realWorld(partitions: number, config: Record<string, string> = {}): Promise<RealWorld> {
  const world = new RealWorld(inject('stack'), partitions);
  worlds.push(world);
  await world.create(config);
  return world;
}

async function start(world: RealWorld, over: Partial<LedgerOptions> = {}): Promise<RunningLedger> {
  const ledger = await startLedger({ ...(await world.options()), ...over });
  ledgers.push(ledger);
  return ledger;
}

/** A right that was just granted takes a moment to reach the broker. */
async function granted(world: RealWorld): Promise<void> {
  await world.grant();
  await eventually(async () => {
    try {
      await (await start(world, { stateDir: `${world.folder}/probe` })).stop();
      return true;
    } catch (error) {
      if (error instanceof TallystickError && error.code === 'NOT_AUTHORIZED') return false;
      throw error;
    }
  }, 'the rights of the ledger');
}

afterEach(async () => {
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.stop()));
  await Promise.all(worlds.splice(0).map((world) => world.end()));
});

describe('a ledger on real Kafka', () => {
  it('seals every partition with the rights of its role alone', async () => {
    const world = await realWorld(3);
    await world.emit(1234, 0);
    await world.emit(10, 1);
    await granted(world);
    const ledger = await start(world);
    await eventually(() => world.allSealed(), 'all events sealed');
    expect(await world.check()).toEqual({ events: 1244, races: 0, forks: 0 });
    await eventually(() => ledger.status().partitions.every(({ lag }) => lag === 0), 'no lag');
    const states = () => ledger.status().partitions.map(({ state, alarms }) => ({ state, alarms }));
    const well = Array.from({ length: 3 }, () => ({ state: 'sealing', alarms: [] }));
    await expect.poll(states, { timeout: 120_000 }).toEqual(well);
    const bounds = await world.log.bounds(world.topics.leaves, 0);
    const seals = (await world.accepted()).filter(({ partition }) => partition === 0);
    expect(bounds.highWatermark).toBe(seals.length);
  });

  it('killed with kill -9 again and again, seals everything once', async () => {
    const world = await realWorld(2);
    await granted(world);
    let emitted = 0;
    for (let round = 0; round < 3; round++) {
      const child = await world.spawn('state', { events: 50, ageMs: 20 });
      const sealed = (await world.accepted()).length;
      for (let i = 0; i < 10; i++) await world.emit(100, i % 2).then(() => (emitted += 100));
      await eventually(async () => (await world.accepted()).length > sealed, 'a seal');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await start(world);
    await eventually(() => world.allSealed(), 'all events sealed');
    expect(await world.check()).toMatchObject({ events: emitted, forks: 0 });
  });

  it('two at once, of which one is killed: losers adopt, and nothing looks like a fork', async () => {
    const world = await realWorld(2);
    await granted(world);
    const first = await world.spawn('first', { events: 70, ageMs: 20 });
    const second = await world.spawn('second', { events: 90, ageMs: 25 });
    let emitted = 0;
    for (let i = 0; i < 30; i++) {
      await world.emit(60, i % 2).then(() => (emitted += 60));
      if (i === 20) first.kill('SIGKILL');
    }
    await eventually(() => world.allSealed(), 'all events sealed');
    expect(await world.check()).toMatchObject({ events: emitted, forks: 0 });
    expect(second.exitCode).toBeNull();
    second.kill('SIGTERM');
    const [code] = await once(second, 'exit');
    expect(code).toBe(0);
  });

  it('refuses a compacted topic', async () => {
    const world = await realWorld(1, { 'cleanup.policy': 'compact' });
    const started = start(world, { kafka: world.admin });
    await expect(started).rejects.toMatchObject({
      code: 'TOPIC_SETTINGS',
      evidence: { found: { 'cleanup.policy': 'compact' } },
    });
    expect((await world.log.bounds(world.topics.seals, 0)).highWatermark).toBe(0);
  });

  it('says which right is missing, which password is wrong, and that nobody answers', async () => {
    const world = await realWorld(1);
    const { brokers, sasl } = world.ledger;
    if (sasl === undefined) throw new Error('the stack has users');
    await expect(start(world)).rejects.toMatchObject({
      code: expect.stringMatching(/^(NOT_AUTHORIZED|TOPIC_MISSING)$/) as string,
    });
    const wrong = { brokers, sasl: { ...sasl, password: 'wrong' } };
    await expect(start(world, { kafka: wrong })).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    await expect(start(world, { kafka: { brokers: ['127.0.0.1:1'] } })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('seals partitions that the topic gets while it runs', async () => {
    const world = await realWorld(1);
    const ledger = await start(world, { kafka: world.admin, topicCheckMs: 200 });
    await world.emit(5, 0);
    const admin = plainKafka(inject('stack')).admin();
    await admin.connect();
    await admin.createPartitions({
      topicPartitions: [
        { topic: world.topics.leaves, count: 2 },
        { topic: world.topics.events, count: 2 },
      ],
    });
    await admin.disconnect();
    await eventually(() => ledger.status().partitions[1]?.state === 'sealing', 'the new partition sealed');
    // A producer that was connected before has to learn of the partition first.
    await eventually(
      () =>
        world.emit(7, 1).then(
          () => true,
          () => false,
        ),
      'the producer knows the partition',
    );
    await eventually(
      async () => (await world.judge()).judge.partition(world.topics.events, 1)?.nextIndex === 7,
      'its events sealed',
    );
    expect((await world.check()).events).toBe(12);
  });

  it('stops a partition whose topic was created anew', async () => {
    const world = await realWorld(1);
    const ledger = await start(world, { kafka: world.admin });
    await world.emit(5, 0);
    await eventually(() => world.allSealed(), 'all events sealed');
    const admin = plainKafka(inject('stack')).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [world.topics.events] });
    await admin.disconnect();
    await eventually(() => made(world, world.topics.events, 1), 'the topic made anew');
    await eventually(() => ledger.status().partitions[0]?.state === 'stopped', 'an alarm');
    expect(ledger.status().partitions[0]?.alarms).toMatchObject([{ code: 'TOPIC_RECREATED' }]);
  });

  it('makes a seals topic whole again that is deleted and made anew while it runs', async () => {
    const world = await realWorld(1);
    const ledger = await start(world, { kafka: world.admin, deadlineMs: 5_000, alarmShownMs: 600_000 });
    await world.emit(700, 0);
    await eventually(() => world.allSealed(), 'all events sealed');
    const sealed = (await world.accepted()).map(({ root }) => root);
    await eventually(() => publishedSize(ledger) === sealed.length + 2, 'the log holds all of it');
    const admin = plainKafka(inject('stack')).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [world.topics.seals] });
    await admin.disconnect();
    await eventually(() => made(world, world.topics.seals, 1), 'the topic made anew');
    await world.emit(300, 0);
    await eventually(
      () =>
        world.allSealed().then(
          (all) => all,
          () => false,
        ),
      'all of it sealed again',
    );
    expect(await world.check()).toMatchObject({ events: 1000, forks: 0 });
    expect((await world.accepted()).map(({ root }) => root).slice(0, sealed.length)).toEqual(sealed);
    // Made with the broker's own retention, which is an alarm too and stops nothing.
    for (const alarm of ['SEALS_LOST', 'TOPIC_SETTINGS'])
      await eventually(() => ledger.status().alarms.some(({ code }) => code === alarm), alarm);
    await eventually(() => publishedSize(ledger) > sealed.length + 2, 'publishing goes on');
    await expect
      .poll(() => ledger.status().roles, { timeout: 120_000 })
      .toEqual({ seal: 'running', publish: 'running' });
  });

  it('writes a gap for records that were deleted before they were sealed', async () => {
    const world = await realWorld(1);
    await world.emit(100, 0);
    const first = await start(world, { kafka: world.admin });
    await eventually(() => world.allSealed(), 'all events sealed');
    await first.stop();
    await world.emit(50, 0);
    await world.emit(50, 0);
    const admin = plainKafka(inject('stack')).admin();
    await admin.connect();
    // Else the client does not know who leads the partition.
    await admin.fetchTopicOffsets(world.topics.events);
    await admin.deleteTopicRecords({ topic: world.topics.events, partitions: [{ partition: 0, offset: '130' }] });
    await admin.disconnect();
    const ledger = await start(world, { kafka: world.admin });
    await eventually(() => world.allSealed(), 'the rest sealed');
    const { outcomes } = await world.judge();
    const gaps = outcomes.flatMap((outcome) =>
      outcome.outcome === 'accepted' && outcome.signed.statement.kind === 'gap'
        ? [outcome.signed.statement.offsets]
        : [],
    );
    expect(gaps).toEqual([{ first: 100, last: 129 }]);
    expect((await world.accepted()).at(-1)).toMatchObject({ events: { last: 169 }, offsets: { last: 199 } });
    expect(ledger.status().partitions[0]?.alarms.map(({ code }) => code)).toContain('RECORDS_DELETED');
  });

  it('takes over from a ledger that is frozen, and gives back when it goes on', async () => {
    const world = await realWorld(2);
    await granted(world);
    const child = await world.spawn('first', { events: 50, ageMs: 20 }, [0]);
    let standsIn = 0;
    const ledger = await start(world, {
      partitions: [1],
      takeoverMs: 2_000,
      limits: { events: 50, ageMs: 20 },
      onSeal: ({ partition }) => void (standsIn += partition === 0 ? 1 : 0),
    });
    let emitted = 0;
    for (let i = 0; i < 6; i++) await world.emit(40, i % 2).then(() => (emitted += 40));
    await eventually(() => world.allSealed(), 'both sealed');
    child.kill('SIGSTOP');
    const before = standsIn;
    for (let i = 0; i < 6; i++) await world.emit(40, i % 2).then(() => (emitted += 40));
    await eventually(() => world.allSealed(), 'all sealed by the other');
    // Given back after a while, for the owner to show itself: that it is sealed is known by who sealed it.
    await eventually(() => standsIn > before, 'sealed by the other');
    child.kill('SIGCONT');
    await eventually(async () => {
      await world.emit(10, 0).then(() => (emitted += 10));
      return ledger.status().partitions[0]?.state === 'watching';
    }, 'given back');
    await eventually(() => world.allSealed(), 'all sealed again');
    expect(await world.check()).toMatchObject({ events: emitted, forks: 0 });
  });
});

function publishedSize(ledger: RunningLedger): number {
  const { publish } = ledger.status();
  return typeof publish === 'object' && publish !== null && 'publishedSize' in publish
    ? Number(publish.publishedSize)
    : 0;
}

/** Makes a topic of that name again; false while the brokers still delete the one before. */
async function made(world: RealWorld, name: string, partitions: number): Promise<boolean> {
  const config = { 'message.timestamp.type': 'LogAppendTime' };
  return await applyTopics(world.admin, [{ name, partitions, replicationFactor: -1, config }]).then(
    () => true,
    () => false,
  );
}
