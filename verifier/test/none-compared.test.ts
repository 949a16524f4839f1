// A run that held nothing against what is sealed verified nothing, whatever is acknowledged.
import { expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { Verdict } from '../src/verdict.ts';
import { World, summary, topics } from './support/world.ts';

const answerFor = ({ findings }: Verdict) => findings.map(({ hash }) => ({ hash, reason: 'known' }));

/** A small log whose topic was made anew, with a generation of its own. */
async function madeAnew(world: World): Promise<void> {
  world.cluster.recreateTopic(topics.events);
  const { previous } = world.state(0);
  await world.genesis(0, { generation: 1, reason: 'recreated', firstOffset: 0, previous });
}

test('a topic made anew in which nothing is sealed yet: nothing to check', async () => {
  const world = await World.small();
  await madeAnew(world);
  const first = await world.verify();
  expect(first).toMatchObject({ exitCode: 1, checked: { events: 0 } });
  expect(summary(first)).toHaveLength(1);
  const acknowledged = answerFor(first);
  const answered = await world.verify({ acknowledged });
  expect(answered).toMatchObject({ exitCode: 3, checked: { events: 0 } });
  expect(summary(answered)).toContain('nothing-to-check - -');
  expect((await world.verify({ acknowledged: [...acknowledged, ...answerFor(answered)] })).exitCode).toBe(3);
  await world.emit(0, 1);
  expect(await world.verify({ acknowledged })).toMatchObject({ exitCode: 3 });
  await world.seal(0);
  expect(await world.verify({ acknowledged })).toMatchObject({ exitCode: 0, checked: { events: 1 } });
});

test('one partition in which something is sealed is enough', async () => {
  const world = await World.small({ partitions: 2 });
  world.cluster.truncate(topics.events, 0, 0);
  const first = await world.verify();
  expect(first.exitCode).toBe(1);
  expect(await world.verify({ acknowledged: answerFor(first) })).toMatchObject({ exitCode: 0, checked: { events: 8 } });
});

test('records that are all lost, for which somebody answers: nothing to check', async () => {
  const world = await World.small();
  world.cluster.truncate(topics.events, 0, 0);
  const first = await world.verify();
  expect(first.exitCode).toBe(1);
  expect(await world.verify({ acknowledged: answerFor(first) })).toMatchObject({ exitCode: 3, checked: { events: 0 } });
});

test('an incremental run with nothing new stays verified; with a topic made anew it does not', async () => {
  const world = await World.small();
  const anchor = memoryAnchorStore();
  expect(await world.verify({ anchor })).toMatchObject({ exitCode: 0 });
  const nothingNew = await world.verify({ anchor, incremental: true });
  expect(nothingNew).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { events: 0 } });
  await madeAnew(world);
  const first = await world.verify({ anchor, incremental: true });
  expect(first.exitCode).toBe(1);
  const answered = await world.verify({ anchor, incremental: true, acknowledged: answerFor(first) });
  expect(answered).toMatchObject({ exitCode: 3, anchoredTo: { updated: false } });
});
