import { KafkaError } from '@tallystick/kafka/errors';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CrashingLog } from './crashing-log.ts';
import { checkSeals, topics, until, World } from './world.ts';

/** Every event is sealed once, by a chain that a stranger accepts, and nothing that lost looks like a fork. */
function expectWhole(world: World, events: number, partition = 0): void {
  expect(checkSeals(world, partition)).toBe(events);
  const { judge } = world.judge();
  expect(judge.counts).toMatchObject({ rubbish: 0, noise: 0 });
  for (const contested of judge.open()) expect(contested.continues).not.toBeNull();
}

describe('killed at an append', () => {
  // 1: key statement, 2: genesis, then leaves and seal of each batch in turn.
  const cases = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((at) => [
    { at, stored: false },
    { at, stored: true },
  ]);

  it.each(cases)('number $at, stored: $stored', async ({ at, stored }) => {
    const world = new World();
    await world.emit(33);
    const log = new CrashingLog(world.cluster.connect(), at, stored);
    const started = world.start({ kafka: log }).catch((error: unknown) => error);
    await until(() => log.crashed, 'the crash');
    await started;
    await world.emit(4);
    await world.start();
    await world.sealed();
    expectWhole(world, 37);
  });

  it('while another ledger goes on', async () => {
    const world = new World();
    await world.start({ stateDir: join(world.folder, 'other') });
    const log = new CrashingLog(world.cluster.connect(), 5, true);
    const started = world.start({ kafka: log }).catch((error: unknown) => error);
    const emitting = until(() => log.crashed, 'the crash');
    while (!log.crashed) {
      await world.emit(5);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await emitting;
    await started;
    await world.sealed();
    expectWhole(world, world.highWatermark(topics.events));
  });
});

describe('disturbances that pass', () => {
  it.each([topics.seals, topics.leaves])('answers lost after appends to %s are no second seal', async (topic) => {
    const world = new World();
    world.cluster.loseAnswers(4, topic);
    await world.emit(25);
    await world.start({ deadlineMs: 5_000 });
    await world.sealed();
    expectWhole(world, 25);
  });

  it('refused appends are tried again', async () => {
    const world = new World();
    world.cluster.rejectAppends(3, undefined, topics.seals);
    await world.emit(11);
    await world.start({ deadlineMs: 5_000 });
    await world.sealed();
    expectWhole(world, 11);
  });

  it('an answer that stays lost past the deadline is found in the topic', async () => {
    const world = new World();
    // Closed by count alone: one batch, however slowly it is emitted.
    const ledger = await world.start({ limits: { events: 10, ageMs: 600_000 } });
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    world.cluster.loseAnswers(30, topics.seals);
    await world.emit(10);
    await world.sealed();
    await until(() => {
      const [status] = ledger.status().partitions;
      return status?.state === 'sealing' && status.lag === 0;
    });
    expect(world.accepted()).toHaveLength(1);
    expectWhole(world, 10);
  });

  it('a cluster that is away is an alarm until it is back', async () => {
    const world = new World();
    const ledger = await world.start();
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    world.cluster.down = true;
    await until(() => ledger.status().partitions[0]?.state === 'retrying');
    expect(ledger.status().partitions[0]?.alarms).toMatchObject([{ code: 'UNREACHABLE', place: 'events/0' }]);
    world.cluster.down = false;
    await world.emit(3);
    await world.sealed();
    await until(() => ledger.status().partitions[0]?.alarms.length === 0);
    expectWhole(world, 3);
  });

  it('a high watermark that falls back after a failover is waited for', async () => {
    const world = new World();
    await world.emit(20);
    const ledger = await world.start();
    await world.sealed();
    world.cluster.holdHighWatermark(topics.events, 0, 12);
    await until(() => ledger.status().partitions[0]?.state === 'retrying');
    world.cluster.holdHighWatermark(topics.events, 0, null);
    await world.emit(5);
    await world.sealed();
    expectWhole(world, 25);
  });

  it('a missing right names itself, and sealing goes on once it is granted', async () => {
    const world = new World();
    const refusal = new KafkaError('NOT_AUTHORIZED', 'User:ledger lacks the right Write on topic leaves.');
    world.cluster.rejectAppends(2, refusal, topics.leaves);
    await world.emit(3);
    const ledger = await world.start();
    await until(() => ledger.status().partitions[0]?.alarms[0]?.code === 'NOT_AUTHORIZED');
    await world.sealed();
    expectWhole(world, 3);
  });

  it('leaves that the leaves topic lost are written again at a start', async () => {
    const world = new World();
    await world.emit(35);
    const first = await world.start();
    await world.sealed();
    await first.stop();
    world.cluster.recreateTopic(topics.leaves);
    await world.start();
    await until(() => world.highWatermark(topics.leaves) === world.accepted().length);
    expect(world.records(topics.leaves).map(({ key }) => Buffer.from(key ?? []).toString())).toEqual([
      'events/0/0',
      'events/0/1',
      'events/0/2',
      'events/0/3',
    ]);
  });
});
