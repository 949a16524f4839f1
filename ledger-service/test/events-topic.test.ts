import type { PartitionStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decideGeneration } from '../src/domain/generation.ts';
import { alarm, alarmCodes, beginGeneration, sealAfter, sealedWorld } from './sealed-world.ts';
import { checkSeals, noteOf, origin, record, rootSigner, sealSigner, topics, until, World } from './world.ts';

describe('an events topic that is not what was sealed', () => {
  it('created anew between two starts', async () => {
    const world = await sealedWorld();
    world.cluster.recreateTopic(topics.events);
    await world.emit(30);
    await alarm(await world.start(), 'TOPIC_RECREATED');
    expect(world.accepted().at(-1)?.offsets.last).toBe(11);
  });

  it('created anew while it runs', async () => {
    const world = new World();
    await world.emit(5);
    const ledger = await world.start();
    await world.sealed();
    world.cluster.recreateTopic(topics.events);
    await world.emit(5);
    await alarm(ledger, 'TOPIC_RECREATED');
    expect(world.accepted().at(-1)?.offsets.last).toBe(4);
  });

  it('truncated below what is sealed', async () => {
    const world = await sealedWorld();
    world.cluster.truncate(topics.events, 0, 6);
    await alarm(await world.start(), 'OFFSET_OUT_OF_RANGE');
  });

  it('truncated and filled again', async () => {
    const world = await sealedWorld();
    world.cluster.truncate(topics.events, 0, 11);
    await world.emit(9);
    await alarm(await world.start(), 'RECORDS_DISAGREE');
    expect(world.accepted().at(-1)?.offsets.last).toBe(11);
  });

  it('one byte of the last sealed batch changed, its CRC mended', async () => {
    const world = await sealedWorld();
    world.cluster.flipByte(topics.events, 0, { offset: 11, at: -3, mendCrc: true });
    await alarm(await world.start(), 'RECORDS_DISAGREE');
  });

  it('a bad CRC: what comes before is sealed, and other partitions go on', async () => {
    const world = new World(2);
    await world.emit(8, 0);
    world.cluster.flipByte(topics.events, 0, { offset: 5 });
    const ledger = await world.start();
    await alarm(ledger, 'BATCH_CRC');
    await until(() => world.accepted(0).at(-1)?.offsets.last === 4);
    await world.emit(25, 1);
    await world.sealed(1);
    expect(checkSeals(world, 1)).toBe(25);
    expect(ledger.status().partitions.map(({ state }) => state)).toEqual(['stopped', 'sealing']);
  });

  it('a batch of another format, and one whose header cannot be right', async () => {
    for (const [at, code] of [
      [16, 'BATCH_MAGIC'],
      [23, 'BATCH_INVALID'],
    ] as const) {
      const world = new World();
      await world.emit(6);
      // Byte 16 is the magic, 23 the first of the last offset delta: it becomes negative.
      world.cluster.flipByte(topics.events, 0, { offset: 4, at, mendCrc: true, mask: 0x80 });
      await alarm(await world.start(), code);
      await until(() => world.accepted().at(-1)?.offsets.last === 3);
    }
  });

  it('offsets missing between two batches', async () => {
    const world = new World();
    await world.emit(6);
    world.cluster.removeBatch(topics.events, 0, 3);
    await alarm(await world.start(), 'OFFSET_GAP');
    await until(() => world.accepted().at(-1)?.offsets.last === 2);
  });
});

describe('what somebody mends', () => {
  it('a bad CRC: sealing goes on by itself once the batch is restored, and the alarm stays until then', async () => {
    const world = new World();
    await world.emit(8);
    world.cluster.flipByte(topics.events, 0, { offset: 5 });
    const ledger = await world.start();
    await alarm(ledger, 'BATCH_CRC');
    await until(() => world.accepted().at(-1)?.offsets.last === 4);
    const since = ledger.status().partitions[0]?.alarms[0]?.since;
    // Over several tries it is the same alarm, and never gone in between.
    for (let look = 0; look < 60; look++) {
      expect(ledger.status().partitions[0]).toMatchObject({ state: 'stopped', alarms: [{ code: 'BATCH_CRC', since }] });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    world.cluster.flipByte(topics.events, 0, { offset: 5 });
    await world.sealed();
    await until(() => ledger.status().partitions[0]?.alarms.length === 0);
    expect(checkSeals(world)).toBe(8);
  });

  it('a batch that was changed: sealing goes on once it is what was sealed again', async () => {
    const world = await sealedWorld();
    world.cluster.flipByte(topics.events, 0, { offset: 11, at: -3, mendCrc: true });
    const ledger = await world.start();
    await alarm(ledger, 'RECORDS_DISAGREE');
    await world.emit(2);
    world.cluster.flipByte(topics.events, 0, { offset: 11, at: -3, mendCrc: true });
    await world.sealed();
    await until(() => alarmCodes(ledger).length === 0);
    expect(checkSeals(world)).toBe(14);
  });

  it('a forged seal does not become good by another one behind it', async () => {
    const world = new World();
    await world.emit(2);
    const ledger = await world.start();
    await world.sealed();
    await world.appendNote(await noteOf(sealAfter(world), sealSigner));
    await world.emit(1);
    await alarm(ledger, 'FORK');
    // Chained from the forged head as anyone with the seal key could: alone its batch would look right.
    const held = world.highWatermark(topics.seals);
    const forger = new World();
    await forger.emit(1);
    const next = sealAfter(world);
    await world.appendNote(await noteOf({ ...next, events: next.events, offsets: next.offsets }, sealSigner));
    await world.emit(3);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ledger.status().partitions[0]).toMatchObject({ state: 'stopped' });
    expect(world.highWatermark(topics.seals)).toBe(held + 1);
  });

  it('leaves that the topic does not take: the alarm stays until a seal was written', async () => {
    const world = new World();
    const ledger = await world.start();
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    world.cluster.rejectAppends(
      4,
      new KafkaError('MESSAGE_TOO_LARGE', 'The topic takes less (injected).'),
      topics.leaves,
    );
    await world.emit(3);
    await alarm(ledger, 'MESSAGE_TOO_LARGE');
    await world.sealed();
    await until(() => alarmCodes(ledger).length === 0);
    expect(checkSeals(world)).toBe(3);
  });
});

describe('records that were deleted', () => {
  it('before they were sealed: a gap for exactly those offsets, an alarm, and sealing goes on behind', async () => {
    const world = await sealedWorld();
    await world.emit(9);
    world.cluster.deleteRecords(topics.events, 0, 15);
    const ledger = await world.start();
    await world.sealed();
    expect(statements(world).slice(-2)).toMatchObject([
      { kind: 'gap', offsets: { first: 12, last: 14 }, reason: 'deleted', generation: 0 },
      { kind: 'seal', seal: 2, events: { first: 12, last: 17 }, offsets: { first: 15, last: 20 } },
    ]);
    expect(alarmCodes(ledger)).toContain('RECORDS_DELETED');
    await world.emit(3);
    await world.sealed();
    expect(alarmCodes(ledger)).toContain('RECORDS_DELETED');
    expect(ledger.status().partitions[0]?.state).toBe('sealing');
  });

  it('all of them, while it runs, twice', async () => {
    const world = new World();
    await world.emit(3);
    const ledger = await world.start({ limits: { events: 1000, ageMs: 60_000 } });
    await until(() => ledger.status().partitions[0]?.highWatermark === 3);
    world.cluster.holdHighWatermark(topics.events, 0, 3);
    await world.emit(4);
    world.cluster.partition(topics.events, 0).holdHighWatermark(null);
    world.cluster.deleteRecords(topics.events, 0, 7);
    await until(() => ledger.status().partitions[0]?.alarms.length !== 0 || statements(world).length > 2);
    await until(() => world.judge().judge.partition(topics.events, 0)?.nextOffset === 7);
    await world.emit(2);
    await ledger.stop();
    world.cluster.deleteRecords(topics.events, 0, 9);
    await world.start();
    await until(() => world.judge().judge.partition(topics.events, 0)?.nextOffset === 9);
    // What was read before it was deleted may be sealed; nothing is left out and nothing is in both.
    let next = 0;
    for (const statement of statements(world)) {
      if (statement.kind !== 'gap' && statement.kind !== 'seal') continue;
      expect(statement.offsets.first).toBe(next);
      next = statement.offsets.last + 1;
    }
    expect(next).toBe(9);
    expect(statements(world).at(-1)).toMatchObject({ kind: 'gap', offsets: { last: 8 } });
  });

  it('in the middle of a batch, before anything was sealed', async () => {
    const world = new World();
    const ledger = await world.start();
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    await ledger.stop();
    await world.emitTogether(Array.from({ length: 8 }, (_, i) => record(`event ${i}`)));
    world.cluster.deleteRecords(topics.events, 0, 5);
    await world.start();
    await world.sealed();
    expect(statements(world).slice(-2)).toMatchObject([
      { kind: 'gap', offsets: { first: 0, last: 4 } },
      { kind: 'seal', events: { first: 0, last: 2 }, offsets: { first: 5, last: 7 } },
    ]);
  });

  it('two ledgers that find the same loss agree on one gap', async () => {
    const world = await sealedWorld();
    await world.emit(9);
    world.cluster.deleteRecords(topics.events, 0, 15);
    const both = await Promise.all([world.start(), world.start({ stateDir: join(world.folder, 'b') })]);
    await world.sealed();
    expect(statements(world).filter(({ kind }) => kind === 'gap')).toHaveLength(1);
    await until(() => both.every((ledger) => ledger.status().partitions[0]?.state === 'sealing'));
    for (const ledger of both) await until(() => alarmCodes(ledger).includes('RECORDS_DELETED'));
    expect(world.judge().judge.open()).toEqual([]);
  });

  it('a gap of another ledger whose records are there is a fork', async () => {
    const world = new World();
    await world.emit(2);
    const ledger = await world.start();
    await world.sealed();
    const { seal: _, events: __, epoch: ___, root: ____, after: _____, head: ______, ...rest } = sealAfter(world);
    const gap = { ...rest, kind: 'gap', reason: 'deleted', time: 1 } as const;
    await world.appendNote(await noteOf(gap, sealSigner));
    await world.emit(2);
    await until(() => alarmCodes(ledger).includes('FORK'));
    expect(ledger.status().partitions[0]?.state).toBe('stopped');
  });

  it('after they were sealed: an alarm that stays, and sealing goes on from the statement', async () => {
    const world = await sealedWorld();
    world.cluster.deleteRecords(topics.events, 0, 12);
    await world.emit(4);
    const ledger = await world.start();
    await world.sealed();
    expect(world.accepted().at(-1)).toMatchObject({ events: { first: 12, last: 15 } });
    await until(() => alarmCodes(ledger).includes('RECORDS_DELETED'));
    expect(ledger.status().partitions[0]).toMatchObject({ state: 'sealing' });
    expect(statements(world).filter(({ kind }) => kind === 'gap')).toEqual([]);
  });

  it('after they were sealed, while it runs', async () => {
    const world = new World();
    await world.emit(12);
    const ledger = await world.start();
    await world.sealed();
    world.cluster.deleteRecords(topics.events, 0, 6);
    await world.emit(1);
    await until(() => alarmCodes(ledger).includes('RECORDS_DELETED'));
    await world.sealed();
    expect(ledger.status().partitions[0]?.state).toBe('sealing');
  });
});

describe('the next generation', () => {
  it.each([
    ['recreated', 'TOPIC_RECREATED'],
    ['truncated', 'OFFSET_OUT_OF_RANGE'],
    ['diverged', 'RECORDS_DISAGREE'],
    ['unsealable', 'BATCH_MAGIC'],
  ] as const)('after a topic was %s: sealing goes on without a restart', async (reason, code) => {
    const world = new World(2);
    await world.emit(12, 0);
    const ledger = await world.start();
    await world.sealed(0);
    await ledger.stop();
    await breakTopic(world, reason);
    const again = await world.start();
    await alarm(again, code);
    const end = world.highWatermark(topics.events);
    const { topicId } = await world.log.describeTopic(topics.events);
    await beginGeneration(world, { reason, topicId, firstOffset: end - 1 });
    await world.emit(5);
    await world.sealed();
    await until(() => alarmCodes(again).length === 0);
    expect(again.status().partitions[0]).toMatchObject({ state: 'sealing', generation: 1, lag: 0 });
    expect(world.judge().judge.partition(topics.events, 0)).toMatchObject({ generation: 1, nextIndex: 6 });
    expect(world.records(topics.leaves).map(({ key }) => Buffer.from(key ?? []).toString())).toContain('events/1/0');
    // And after a restart from there.
    await again.stop();
    await world.emit(2);
    await world.start();
    await world.sealed();
  });

  it('a genesis that the root key did not sign begins nothing', async () => {
    const world = await sealedWorld();
    world.cluster.recreateTopic(topics.events);
    await world.emit(3);
    const ledger = await world.start();
    await alarm(ledger, 'TOPIC_RECREATED');
    const state = world.judge().judge.partition(topics.events, 0);
    const { topicId } = await world.log.describeTopic(topics.events);
    const genesis = decideGeneration(state ?? never(), {
      origin,
      reason: 'recreated',
      topicId,
      firstOffset: 0,
      now: 1,
    });
    await world.appendNote(await noteOf(genesis, sealSigner));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(ledger.status().partitions[0]).toMatchObject({ state: 'stopped', generation: 0 });
    await world.appendNote(await noteOf(genesis, rootSigner));
    await world.sealed();
    expect(ledger.status().partitions[0]).toMatchObject({ generation: 1 });
  });

  it('of a partition that seals without trouble', async () => {
    const world = new World();
    await world.emit(7);
    const ledger = await world.start();
    await world.sealed();
    await beginGeneration(world, { reason: 'diverged', firstOffset: 4 });
    await until(() => world.accepted().at(-1)?.generation === 1);
    expect(world.accepted().at(-1)).toMatchObject({ offsets: { first: 4, last: 6 }, events: { first: 0, last: 2 } });
    expect(ledger.status().partitions[0]?.state).toBe('sealing');
  });
});

const statements = (world: World): PartitionStatement[] =>
  world
    .judge()
    .outcomes.flatMap((outcome) =>
      outcome.outcome === 'accepted' && outcome.signed.statement.kind !== 'key' ? [outcome.signed.statement] : [],
    );

async function breakTopic(world: World, reason: string): Promise<void> {
  switch (reason) {
    case 'recreated':
      world.cluster.recreateTopic(topics.events);
      return await world.emit(4);
    case 'truncated':
      world.cluster.truncate(topics.events, 0, 6);
      return;
    case 'diverged':
      world.cluster.flipByte(topics.events, 0, { offset: 11, at: -3, mendCrc: true });
      return await world.emit(1);
    default:
      await world.emit(2);
      world.cluster.flipByte(topics.events, 0, { offset: 12, at: 16, mendCrc: true, mask: 0x80 });
  }
}

function never(): never {
  throw new Error('the partition has no genesis');
}
