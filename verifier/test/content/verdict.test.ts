// What the content of all records came to stands in the verdict.
import { expect, test } from 'vitest';
import { topics, World } from '../support/world.ts';
import { event, record } from './support.ts';

test('events, lives and ids of all partitions are counted, and those of a partition that cannot be read are not', async () => {
  const world = await World.small({ partitions: 2 });
  const first = event();
  await world.append(topics.events, 0, [record(first), record(event({ sequence: 1 })), record(first)]);
  await world.append(topics.events, 1, [record(first), record({ ...first, epoch: 6, outcome: 'failure' })]);
  const { content, findings } = await world.verify();
  expect(content).toMatchObject({ decoded: 5, unsigned: 25, signed: 0, badSignatures: 0, unavailable: 0, lives: 3 });
  expect(Object.values(content.undecodable)).toEqual([20]);
  // The event of partition 0 came twice more, and once with another outcome under its id.
  expect(content.ids).toEqual({ compared: 5, duplicates: 2, conflicts: 1 });
  expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['duplicate', 'id-conflict']));
});
