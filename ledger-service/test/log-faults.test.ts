import { expect, it } from 'vitest';
import { fastClock, Faults, type Planned } from './support/log-faults.ts';
import { logSigner, LogWorld, until } from './support/log-world.ts';

// Everything a publisher asks of the outside, in the order in which it first asks.
const calls = [
  'newest',
  'seen load',
  'read checkpoint',
  'read snapshot',
  'sign',
  'swap',
  'write checkpoint',
  'write snapshot',
  'seen save',
  'write tiles',
  'read tile',
  'remove',
];

const plans: Planned[] = [];
for (const call of calls)
  for (const kind of ['fail', 'persisted'] as const)
    for (const nth of [1, 4]) for (const crash of [false, true]) plans.push({ call, nth, kind, crash });

// The start is its caller's to try again; while it runs nothing that passes ends it.
it.for(plans)('$call, the $nth time: $kind, crash $crash', { timeout: 180_000 }, async (planned) => {
  const world = new LogWorld();
  const faults = new Faults([planned]);
  const start = async () => {
    const { store, checkpoints, seen } = world;
    const stores = { store: faults.store(store), checkpoints: faults.checkpoints(checkpoints) };
    const clock = fastClock();
    return await world.start({ stores, seen: faults.seen(seen), signers: [faults.signer(logSigner)], clock });
  };
  await world.begin();
  let publisher = await start().catch(() => null);
  // Only where a tile gets full is anything removed.
  const each = planned.call === 'remove' ? 90 : 15;
  /** Whether a publisher lives; one that died, or did not come to life, is followed by another. */
  const alive = async (): Promise<boolean> => {
    if (faults.dead) {
      await publisher?.stop();
      faults.dead = false;
      publisher = null;
    }
    publisher ??= await start().catch(() => null);
    return !faults.dead;
  };
  for (let round = 0; round < 4; round += 1) {
    await world.seal(each, round % 3);
    const all = world.accepted().length;
    await until(
      async () => (await alive()) && world.size() === all,
      () => `all of ${all} logged (${world.size()})`,
    );
  }
  // It may die of the last checkpoint, where that is published late.
  await until(
    async () => (await alive()) && (await world.publishedSize()) === world.size(),
    () => 'published',
  );
  expect(faults.hit).toHaveLength(faults.counts.get(planned.call)! >= planned.nth ? 1 : 0);
  await world.expectWholeLog();
});
