import { equalBytes } from '@tallystick/core/encoding';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunningLedger } from '../src/service.ts';
import { CrashingLog } from './crashing-log.ts';
import { publish, type PublishOptions } from './published.ts';
import { sealedWorld } from './sealed-world.ts';
import { checkSeals, topics, until, World } from './world.ts';

const losses: [string, (world: World) => void][] = [
  ['emptied', (world) => world.cluster.truncate(topics.seals, 0, 0)],
  ['created anew', (world) => void world.cluster.recreateTopic(topics.seals)],
  [
    'rolled back by one statement',
    (world) => world.cluster.truncate(topics.seals, 0, world.highWatermark(topics.seals) - 1),
  ],
  ['cut in its middle', (world) => world.cluster.truncate(topics.seals, 0, 2)],
  ['deleted from its start', (world) => world.cluster.deleteRecords(topics.seals, 0, 2)],
  [
    'deleted from its start, all of it',
    (world) => world.cluster.deleteRecords(topics.seals, 0, world.highWatermark(topics.seals)),
  ],
];

const logs: [string, PublishOptions][] = [
  ['a snapshot', {}],
  ['no snapshot', { snapshot: null }],
  ['an older snapshot', { snapshot: 2 }],
];

/** The topic holds the log's entries byte for byte, in log order, whatever lies between them. */
function expectHolds(world: World, entries: readonly Uint8Array[]): void {
  expect(holds(world, entries)).toBe(true);
}

function holds(world: World, entries: readonly Uint8Array[]): boolean {
  let next = 0;
  for (const { value } of world.records(topics.seals)) {
    const entry = entries[next];
    if (value !== null && entry !== undefined && equalBytes(value, entry)) next += 1;
  }
  return next === entries.length;
}

const codes = (ledger: RunningLedger) => ledger.status().alarms.map(({ code }) => code);

describe.each(losses)('a seals topic that was %s', (what, lose) => {
  it.each(logs)('between two starts, with %s: the log is produced again and sealing goes on', async (_, log) => {
    const world = await sealedWorld(35);
    const entries = await publish(world, log);
    expect(entries.length).toBeGreaterThan(4);
    lose(world);
    await world.emit(7);
    const ledger = await world.start();
    expect(codes(ledger)).toEqual(['SEALS_LOST']);
    expectHolds(world, entries);
    await world.sealed();
    expect(checkSeals(world)).toBe(42);
    // For a while: somebody should see it.
    expect(codes(ledger)).toEqual(['SEALS_LOST']);
    // And what is produced is what was lost, once: another start finds it whole.
    await ledger.stop();
    const held = world.highWatermark(topics.seals);
    const again = await world.start();
    expect(codes(again)).toEqual([]);
    expect(world.highWatermark(topics.seals)).toBe(held);
  });

  it('while it runs: sealing is begun anew from the log, without an exit', async () => {
    const world = new World();
    await world.emit(35);
    const ledger = await world.start();
    await world.sealed();
    const entries = await publish(world);
    lose(world);
    if (what.startsWith('deleted')) world.cluster.bumpLeaderEpoch(topics.seals, 0);
    await world.emit(12);
    await until(() => holds(world, entries) && sealedAll(world), 'all of it sealed again');
    expect(checkSeals(world)).toBe(47);
    if (!what.startsWith('deleted')) await until(() => codes(ledger).includes('SEALS_LOST'));
    await until(() => ledger.status().partitions[0]?.state === 'sealing', 'sealing goes on');
    expect(ledger.status()).toMatchObject({ state: 'running', roles: { seal: 'running' } });
  });

  it('of which nothing was published: it is sealed anew', async () => {
    const world = new World();
    await world.emit(15);
    const ledger = await world.start();
    await world.sealed();
    const zero = world.records(topics.seals)[0]?.value ?? new Uint8Array();
    await publish(world, { size: 1 });
    lose(world);
    await world.emit(4);
    await until(() => holds(world, [zero]) && sealedAll(world), 'all of it sealed anew');
    expect(checkSeals(world)).toBe(19);
    expect(ledger.status().state).toBe('running');
  });
});

describe('a seals topic that is whole', () => {
  it('is read on from the snapshot: what lies before is not read again', async () => {
    const world = await sealedWorld(35);
    const entries = await publish(world);
    await world.emit(3);
    const ledger = await world.start();
    await world.sealed();
    expect(ledger.status().seals?.counts.accepted).toBe(1);
    expect(ledger.status().seals?.readTo).toBe(world.highWatermark(topics.seals));
    expect(world.highWatermark(topics.seals)).toBe(entries.length + 1);
    expect(codes(ledger)).toEqual([]);
  });

  it('whose end is late after a failover is waited for: no alarm, and nothing is produced', async () => {
    const world = await sealedWorld(35);
    const entries = await publish(world, { snapshot: 3 });
    world.cluster.holdHighWatermark(topics.seals, 0, 2);
    const started = world.start({ deadlineMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    world.cluster.holdHighWatermark(topics.seals, 0, null);
    expect(codes(await started)).toEqual([]);
    expect(world.highWatermark(topics.seals)).toBe(entries.length);
  });

  it('with a flood of rubbish behind the last statement is not taken for a lost one', async () => {
    const world = await sealedWorld(5);
    const entries = await publish(world, { size: 2 });
    const appender = await world.log.createAppender();
    const rubbish = Array.from({ length: 5_000 }, () => ({ key: null, value: Buffer.from('rubbish') }));
    await appender.append(topics.seals, 0, rubbish);
    const held = world.highWatermark(topics.seals);
    const ledger = await world.start();
    expect(codes(ledger)).toEqual([]);
    expectHolds(world, entries);
    expect(world.highWatermark(topics.seals)).toBe(held);
  });
});

describe('producing again', () => {
  it('two ledgers at once: whatever is there twice harms nobody', async () => {
    const world = await sealedWorld(35);
    const entries = await publish(world);
    world.cluster.recreateTopic(topics.seals);
    await world.emit(9);
    const both = await Promise.all([world.start(), world.start({ stateDir: join(world.folder, 'b') })]);
    await world.sealed();
    expectHolds(world, entries);
    expect(checkSeals(world)).toBe(44);
    for (const ledger of both) expect(ledger.status().partitions[0]?.state).not.toBe('stopped');
  });

  // 600 entries are three appends.
  it.each([
    [1, false],
    [1, true],
    [2, false],
    [2, true],
    [3, true],
  ])('killed at append %i (stored: %s): the next start mends it', async (at, stored) => {
    const world = new World();
    await world.emit(600);
    const ledger = await world.start({ limits: { events: 1, ageMs: 5 } });
    await world.sealed();
    await ledger.stop();
    const entries = await publish(world);
    expect(entries.length).toBe(602);
    world.cluster.recreateTopic(topics.seals);
    const log = new CrashingLog(world.cluster.connect(), at, stored);
    await expect(world.start({ kafka: log, limits: { events: 1 } })).rejects.toThrow();
    expect(log.crashed).toBe(true);
    await world.start();
    expectHolds(world, entries);
    expect(checkSeals(world)).toBe(600);
  });

  it('a statement that was written below the position of a topic that was cut is not missed: log and topic keep one order', async () => {
    const world = await sealedWorld(25);
    const entries = await publish(world);
    await world.emit(6);
    const own = await world.start({ roles: ['seal'] });
    await world.sealed();
    await own.stop();
    const seal = world.records(topics.seals).at(-1)?.value ?? null;
    // Two of the log's are cut off, and the one behind them is written in their place.
    world.cluster.truncate(topics.seals, 0, entries.length - 2);
    await world.appendNote(seal);
    const ledger = await world.start();
    // One record is one seal, however slow the machine is.
    await world.emit(1);
    await world.sealed();
    expect(holds(world, [...entries, seal ?? new Uint8Array()])).toBe(true);
    expect(checkSeals(world)).toBe(32);
    expect(ledger.status().partitions[0]).toMatchObject({ lastSeal: entries.length - 2 + 1 });
  });

  it.each([
    ['lies before what another ledger produced again: it is put behind', true],
    ['is there twice: it is left where it is', false],
  ])('a statement that is not published and %s', async (_, before) => {
    const world = await sealedWorld(25);
    const notes = world.records(topics.seals).map(({ value }) => value ?? new Uint8Array());
    const pending = notes.at(-1) ?? new Uint8Array();
    const entries = await publish(world, { size: notes.length - 1 });
    world.cluster.recreateTopic(topics.seals);
    for (const note of before ? [pending, ...entries] : [...entries, pending, pending]) await world.appendNote(note);
    const held = world.highWatermark(topics.seals);
    await world.start();
    expect(world.highWatermark(topics.seals)).toBe(before ? held + 1 : held);
    expectHolds(world, [...entries, pending]);
    await world.emit(3);
    await world.sealed();
    expect(checkSeals(world)).toBe(28);
  });

  it('a statement that another ledger wrote into the new topic first is not lost by it', async () => {
    const world = await sealedWorld(25);
    const notes = world.records(topics.seals).map(({ value }) => value);
    const entries = await publish(world, { size: notes.length - 1 });
    world.cluster.recreateTopic(topics.seals);
    await world.appendNote(notes.at(-1) ?? null);
    await world.start();
    await world.sealed();
    expectHolds(world, entries);
    expect(checkSeals(world)).toBe(25);
  });
});

function sealedAll(world: World): boolean {
  return (world.accepted().at(-1)?.offsets.last ?? -1) + 1 === world.highWatermark(topics.events);
}
