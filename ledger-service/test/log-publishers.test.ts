import { expect, it } from 'vitest';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { fastClock, Faults } from './support/log-faults.ts';
import { logSigner, LogWorld, topic, until } from './support/log-world.ts';

const clock = fastClock();

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

it.for([1, 2, 3, 4, 5, 6])(
  'two publishers at once, calls interleaved at random (seed %i)',
  { timeout: 180_000 },
  async (seed) => {
    const world = new LogWorld();
    const chance = random(seed);
    const faults = [new Faults(), new Faults()];
    const swaps = (fault: Faults) => fault.counts.get('swap') ?? 0;
    const gates = [Promise.resolve(), Promise.resolve()];
    await world.begin();
    for (const [index, fault] of faults.entries()) {
      fault.before = async () => {
        for (let turns = Math.floor(chance() ** 4 * 40); turns > 0; turns -= 1) await new Promise(setImmediate);
        await gates[index];
      };
      const stores = { store: fault.store(world.store), checkpoints: fault.checkpoints(world.checkpoints) };
      await world.start({ stores, signers: [fault.signer(logSigner)], publishMs: 1, clock });
    }
    for (let round = 0; round < 20; round += 1) {
      await world.seal(1 + Math.floor(chance() * 25), round % 3);
      await new Promise((resolve) => setTimeout(resolve, chance() * 10));
    }
    // On a slow machine one may have been first in every round: then it is held wherever it is, until the other got to swap too.
    for (const [index, late] of faults.entries()) {
      if (swaps(late) > 0) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      gates[1 - index] = promise;
      await world.seal(1);
      await until(
        () => swaps(late) > 0,
        () => `a swap of publisher ${index}`,
      ).finally(resolve);
    }
    const all = world.accepted().length;
    await world.logged(all);
    await until(
      async () => (await world.publishedSize()) === all,
      () => 'published',
    );
    await world.expectWholeLog();
    expect(faults.map((fault) => swaps(fault) > 0)).toEqual([true, true]);
    for (const publisher of world.publishers) expect(publisher.status().alarms).toEqual([]);
  },
);

it('one that lags a thousand statements behind, and then is alone', { timeout: 180_000 }, async () => {
  const world = new LogWorld();
  await world.begin();
  const open = Promise.withResolvers<void>();
  const slow: RecordLog = world.cluster.connect();
  const fetch = slow.fetch.bind(slow);
  const lagging: RecordLog = Object.assign(slow, {
    fetch: async (request: Parameters<typeof fetch>[0]) => {
      if (request.offset > 0) await open.promise;
      return await fetch(request);
    },
  });
  const behind = await world.start({ log: lagging, clock, deadlineMs: 60_000 });
  const first = await world.start({ clock });
  await world.seal(1_000);
  await world.logged(1_002);
  open.resolve();
  await first.stop();
  await world.seal(20);
  await world.logged(1_022);
  await world.expectWholeLog();
  expect(behind.status()).toMatchObject({ size: 1_022 });
});

it('one that was stopped while it wrote tiles, and writes others over those of the winner', async () => {
  const world = new LogWorld();
  await world.begin();
  const winner = await world.start({ clock });
  await world.logged(1);
  // It reads a topic with the same statements in another order, as after a loss.
  const other = new LogWorld();
  other.store = world.store;
  other.checkpoints = world.checkpoints;
  await other.begin();
  const faults = new Faults();
  const stopped = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  faults.before = async (call) => {
    if (call !== 'write tiles') return;
    reached.resolve();
    await stopped.promise;
  };
  const stores = { store: faults.store(world.store), checkpoints: faults.checkpoints(world.checkpoints) };
  await other.start({ stores, clock, seen: world.seen });
  await other.seal(1, 1);
  await other.seal(1, 0);
  await reached.promise;
  await world.seal(1, 0);
  await world.seal(1, 1);
  await world.logged(5);
  stopped.resolve();
  await until(
    () => (faults.counts.get('swap') ?? 0) > 0,
    () => 'a lost swap',
  );
  await until(
    async () =>
      await world.expectWholeLog().then(
        () => true,
        () => false,
      ),
    () => 'the right edge is mended',
  );
  await winner.stop();
  expect(world.cluster.partition(topic, 0).highWatermark).toBe(5);
});

it('memory stays flat while the stores are away', { timeout: 180_000 }, async () => {
  const world = new LogWorld();
  await world.begin();
  const faults = new Faults();
  const gate = Promise.withResolvers<void>();
  const stores = { store: faults.store(world.store), checkpoints: faults.checkpoints(world.checkpoints) };
  const publisher = await world.start({ stores, clock, maxPending: 50 });
  await world.logged(1);
  faults.before = async (call) => {
    if (call === 'write tiles') await gate.promise;
  };
  await world.seal(400);
  await until(
    () => publisher.status().pending === 50,
    () => 'a full collection',
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(publisher.status()).toMatchObject({ pending: 50, size: 1 });
  gate.resolve();
  await world.logged(402);
  await world.expectWholeLog();
});
