// A gap that did not continue, over offsets that a prune removed later: nothing tells any more whether they were gone when it was signed.
import { expect, test } from 'vitest';
import { gapText, pruneText } from './support/tiny-sealer.ts';
import { World, origin, sealKey, topics } from './support/world.ts';

/** Four events that are sealed, a gap over them that lost against the seal, and a prune of them; then more. */
async function pruned(gapTo: number, logStart = 4): Promise<World> {
  const world = await World.make();
  const lie = gapText(origin, topics.events, world.state(0), 0, gapTo);
  await world.emit(0, 4);
  await world.seal(0);
  await world.statement(sealKey.sign(lie.text));
  const prune = pruneText(origin, topics.events, world.state(0), 3, 3);
  await world.statement(sealKey.sign(prune.text));
  world.states.set(0, prune.next);
  await world.emit(0, 2);
  await world.seal(0);
  world.cluster.deleteRecords(topics.events, 0, logStart);
  return world;
}

test.each([
  ['all of them', 3, 4, 'unjudged'],
  ['the first of them', 1, 4, 'unjudged'],
  ['one that is still there too', 4, 4, 'fork'],
  ['what is pruned and not removed yet', 3, 0, 'fork'],
])('over %s', async (_, gapTo, logStart, code) => {
  const verdict = await (await pruned(gapTo, logStart)).verify();
  const settled = verdict.findings.map((each) => each.code).filter((each) => each === 'fork' || each === 'unjudged');
  expect(settled).toEqual([code]);
  expect(verdict.counts.races).toBe(0);
});
