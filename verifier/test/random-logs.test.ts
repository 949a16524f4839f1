import { sealCrc } from '@tallystick/kafka/batch-encoder';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { World, summary, topics } from './support/world.ts';

const logs = fc.record({
  batches: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
  cuts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
});

/** Any Kafka batches, sealed in any cuts: sealed events and how many there are. */
async function build({
  batches,
  cuts,
}: {
  batches: number[];
  cuts: number[];
}): Promise<{ world: World; sealed: number }> {
  const world = await World.make();
  let there = 0;
  for (const count of batches) {
    await world.emit(0, count);
    there += count;
  }
  let sealed = 0;
  for (const cut of cuts) {
    if (sealed >= there) break;
    sealed = Math.min(there, sealed + cut);
    await world.seal(0, { to: sealed - 1 });
  }
  return { world, sealed };
}

test('any batches, sealed in any cuts, are verified', async () => {
  await fc.assert(
    fc.asyncProperty(logs, async (shape) => {
      const { world, sealed } = await build(shape);
      const verdict = await world.verify();
      expect(summary(verdict)).toEqual([]);
      expect(verdict.checked.events).toBe(sealed);
    }),
    { numRuns: 40 },
  );
});

test('any altered events are named, in runs, and no others', async () => {
  await fc.assert(
    fc.asyncProperty(logs, fc.infiniteStream(fc.boolean()), async (shape, coins) => {
      const { world, sealed } = await build(shape);
      const altered: number[] = [];
      const seals = world.sealEnds;
      let offset = 0;
      for (const batch of world.cluster.batches(topics.events, 0)) {
        for (let at = batch.indexOf('event'); at >= 0; at = batch.indexOf('event', at + 1), offset++) {
          if (coins.next().value !== true) continue;
          batch.writeUInt8(0x45, at);
          if (offset < sealed) altered.push(offset);
        }
        sealCrc(batch);
      }
      // A run ends where its seal ends.
      const runs: [number, number][] = [];
      for (const each of altered) {
        const run = runs.at(-1);
        if (run !== undefined && run[1] + 1 === each && !seals.has(run[1])) run[1] = each;
        else runs.push([each, each]);
      }
      expect(summary(await world.verify())).toEqual(runs.map(([first, last]) => `altered 0 offsets ${first}-${last}`));
    }),
    { numRuns: 60 },
  );
});
