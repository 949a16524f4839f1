import { encodeBase64 } from '@tallystick/core/encoding';
import { root } from '@tallystick/core/merkle';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recompute } from '../src/recompute.ts';
import { checkSeals, record, topics, until, World } from './world.ts';

describe('sealing', () => {
  it('writes key statement 0, a genesis for every partition and nothing else while topics are empty', async () => {
    const world = new World(3);
    const ledger = await world.start();
    await until(() => world.judge().judge.partitions().length === 3);
    await until(() => ledger.status().partitions.every(({ state, lag }) => state === 'sealing' && lag === 0));
    const kinds = world
      .judge()
      .outcomes.map((outcome) => (outcome.outcome === 'accepted' ? outcome.signed.statement.kind : outcome.outcome));
    expect(kinds).toEqual(['key', 'genesis', 'genesis', 'genesis']);
  });

  it('seals by count, then the rest by age, as the protocol computes it', async () => {
    const world = new World(2);
    await world.emit(25, 0);
    await world.emit(3, 1);
    await world.start();
    await world.sealed(0);
    await world.sealed(1);
    expect(world.accepted(0).map(({ events }) => events)).toEqual([
      { first: 0, last: 9 },
      { first: 10, last: 19 },
      { first: 20, last: 24 },
    ]);
    expect(checkSeals(world, 0)).toBe(25);
    expect(checkSeals(world, 1)).toBe(3);
  });

  it('begins at the log start of a partition that lost records before the first ledger', async () => {
    const world = new World();
    await world.emit(7);
    world.cluster.deleteRecords(topics.events, 0, 5);
    await world.start();
    await world.sealed();
    expect(world.accepted()[0]).toMatchObject({ events: { first: 0, last: 1 }, offsets: { first: 5, last: 6 } });
  });

  it('seals null keys and values, empty ones and a batch that does not parse', async () => {
    const world = new World();
    await world.emitTogether([record(null, null), record('', ''), record('x', null), record(null)]);
    const odd = encodeBatch([record('a'), record('b'), record('c')], 1);
    odd.writeInt8(100, 70); // a varint of the first record
    world.cluster.appendRaw(topics.events, 0, odd);
    await world.emit(1);
    await world.start();
    await world.sealed();
    expect(checkSeals(world)).toBe(8);
  });

  it('cuts a Kafka batch that is larger than a seal', async () => {
    const world = new World();
    await world.emitTogether(Array.from({ length: 47 }, (_, i) => record(`event ${i}`)));
    await world.start();
    await world.sealed();
    expect(world.accepted().map(({ events: { first, last } }) => last - first + 1)).toEqual([10, 10, 10, 10, 7]);
    expect(checkSeals(world)).toBe(47);
  });

  it('names the leader epoch and the time of the last event', async () => {
    const world = new World();
    await world.emit(10);
    world.cluster.bumpLeaderEpoch(topics.events, 0);
    await world.emit(3);
    await world.start();
    await world.sealed();
    const times = world.records(topics.events).map(({ timestamp }) => Number(timestamp));
    expect(world.accepted().map(({ epoch, time }) => ({ epoch, time }))).toEqual([
      { epoch: 0, time: times[9] },
      { epoch: 1, time: times[12] },
    ]);
  });

  it('closes a batch by bytes', async () => {
    const world = new World();
    await world.emit(6);
    await world.start({ limits: { events: 1000, bytes: 200, ageMs: 60_000 } });
    await until(() => world.accepted().length === 2);
    expect(world.accepted().map(({ events }) => events)).toEqual([
      { first: 0, last: 2 },
      { first: 3, last: 5 },
    ]);
  });

  it('stores leaves before each seal, whose root is the seal’s', async () => {
    const world = new World(2);
    await world.emit(13, 1);
    await world.start();
    await world.sealed(1);
    const [first, second] = world.records(topics.leaves, 1);
    expect(Buffer.from(first?.key ?? []).toString()).toBe(`${topics.events}/0/0`);
    expect(Buffer.from(second?.key ?? []).toString()).toBe(`${topics.events}/0/1`);
    const leaves = Buffer.from(second?.value ?? []);
    const parts = Array.from({ length: leaves.length / 32 }, (_, i) => leaves.subarray(32 * i, 32 * i + 32));
    expect(parts).toHaveLength(3);
    expect(encodeBase64(root(parts))).toBe(world.accepted(1)[1]?.root);
  });

  it('seals partitions that are added while it runs', async () => {
    const world = new World(1);
    await world.start();
    world.cluster.topic(topics.leaves).partitions.push(...new World(1).cluster.topic(topics.leaves).partitions);
    world.cluster.topic(topics.events).partitions.push(...new World(1).cluster.topic(topics.events).partitions);
    await world.emit(4, 1);
    await until(() => world.accepted(1).length === 1);
    expect(checkSeals(world, 1)).toBe(4);
  });

  it('goes on from the statements after a stop, and tells what it does in status.json', async () => {
    const world = new World();
    await world.emit(12);
    const first = await world.start();
    await world.sealed();
    await first.stop();
    await expect(first.done).resolves.toBeUndefined();
    await world.emit(5);
    await world.start();
    await world.sealed();
    expect(checkSeals(world)).toBe(17);
    const status = (): unknown => JSON.parse(readFileSync(join(world.folder, 'state', 'status.json'), 'utf8'));
    // The file may be that of a moment ago, or of the ledger before.
    await expect.poll(status, { timeout: 120_000 }).toMatchObject({
      state: 'running',
      partitions: [{ partition: 0, state: 'sealing', sealedOffset: 16, highWatermark: 17, lag: 0, alarms: [] }],
    });
  });
});

describe('two ledgers at once', () => {
  it('seal nothing twice, and neither stops', async () => {
    const world = new World(2);
    const a = await world.start({ limits: { events: 7, ageMs: 25 } });
    const b = await world.start({ stateDir: join(world.folder, 'b'), limits: { events: 9, ageMs: 30 } });
    for (let i = 0; i < 12; i++) {
      await world.emit(11, i % 2);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await world.sealed(0);
    await world.sealed(1);
    expect(checkSeals(world, 0)).toBe(66);
    expect(checkSeals(world, 1)).toBe(66);
    for (const ledger of [a, b]) {
      await until(() => ledger.status().partitions.every(({ lag, state }) => lag === 0 && state === 'sealing'));
      expect(ledger.status().partitions.flatMap(({ alarms }) => alarms)).toEqual([]);
    }
    const { judge } = world.judge();
    expect(judge.counts).toMatchObject({ noise: 0, rubbish: 0, dropped: 0 });
    // The records tell of whatever lost that it lost a race.
    const { topicId } = await world.log.describeTopic(topics.events);
    const signal = new AbortController().signal;
    const options = { log: world.log, topicId, codecs: nodeCodecs, sha256: nodeSha256, deadlineMs: 1_000, signal };
    for (const contested of judge.open()) {
      const { statement } = contested.signed;
      if (statement.kind !== 'seal') throw new Error(`a ${statement.kind} is contested`);
      expect(judge.settle(contested, { found: 'records', ...(await recompute(statement, options)).found })).toBe(
        'race',
      );
    }
  });

  it('that begin together agree on key statement and genesis', async () => {
    const world = new World(4);
    const both = await Promise.all([world.start(), world.start({ stateDir: join(world.folder, 'b') })]);
    await until(() => both.every((ledger) => ledger.status().partitions.every(({ state }) => state === 'sealing')));
    const { judge } = world.judge();
    expect(judge.counts.accepted).toBe(5);
    expect(judge.open()).toEqual([]);
  });
});
