import { encodeBase64 } from '@tallystick/core/encoding';
import type { GenesisStatement, SealStatement } from '@tallystick/core/statement-types';
import { expect } from 'vitest';
import type { RunningLedger } from '../src/service.ts';
import { noteOf, origin, rootSigner, seed, topics, until, World } from './world.ts';

/** A world whose events are sealed by a ledger that was stopped then. */
export async function sealedWorld(events = 12, partitions = 1): Promise<World> {
  const world = new World(partitions);
  for (let partition = 0; partition < partitions; partition++) await world.emit(events, partition);
  const ledger = await world.start();
  for (let partition = 0; partition < partitions; partition++) await world.sealed(partition);
  await until(() => ledger.status().partitions.every(({ lag }) => lag === 0));
  await ledger.stop();
  return world;
}

/** Waits until the partition is stopped with this alarm, which says what to do. */
export async function alarm(ledger: RunningLedger, code: string, partition = 0): Promise<void> {
  await until(() => ledger.status().partitions[partition]?.alarms[0] !== undefined, `an alarm ${code}`);
  const status = ledger.status().partitions[partition];
  expect(status).toMatchObject({ state: 'stopped', alarms: [{ code, place: `events/${partition}` }] });
  expect(status?.alarms[0]?.todo.length).toBeGreaterThan(20);
}

/** Alarms of a partition, by code. */
export function alarmCodes(ledger: RunningLedger, partition = 0): string[] {
  return ledger.status().partitions[partition]?.alarms.map(({ code }) => code) ?? [];
}

/** A seal of the next event whose root is not that of the record. */
export function sealAfter(world: World, over: Partial<SealStatement> = {}): SealStatement {
  const state = world.judge().judge.partition(topics.events, 0);
  if (state === null) throw new Error('no genesis');
  const { generation, nextSeal, nextIndex, nextOffset, head, hash } = state;
  return {
    kind: 'seal',
    origin,
    topic: topics.events,
    partition: 0,
    generation,
    seal: nextSeal,
    events: { first: nextIndex, last: nextIndex },
    offsets: { first: nextOffset, last: nextOffset },
    epoch: 0,
    root: encodeBase64(seed(9)),
    after: head,
    head: encodeBase64(seed(9)),
    previous: hash,
    time: 1,
    ...over,
  };
}

/** Begins the next generation as an operator does. */
export async function beginGeneration(world: World, over: Partial<GenesisStatement>, partition = 0): Promise<void> {
  const state = world.judge().judge.partition(topics.events, partition);
  if (state === null) throw new Error('no genesis');
  const genesis: GenesisStatement = {
    kind: 'genesis',
    origin,
    topic: topics.events,
    topicId: state.topicId,
    partition,
    generation: state.generation + 1,
    reason: 'recreated',
    firstOffset: 0,
    previous: state.hash,
    time: 1,
    ...over,
  };
  await world.appendNote(await noteOf(genesis, rootSigner));
}
