import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { follow, verify } from '../src/verify.ts';
import type { Verdict } from '../src/verdict.ts';
import { parseVerifierKey } from '@tallystick/core/note';
import { logKey, LogWorld } from './support/log-world.ts';
import { pathOf, rootOf } from './support/tiny-log.ts';
import { keyFrom } from './support/tiny-sealer.ts';
import { origin, rootKey, sealKey, summary, topics, World } from './support/world.ts';

/** A state, and a log that grew by `more` seals since. */
async function grown(more = 1, options: { publish?: boolean } = {}) {
  const world = await LogWorld.published();
  const anchor = memoryAnchorStore();
  expect(await world.check({ anchor })).toMatchObject({ exitCode: 0, mode: 'full', anchoredTo: { updated: true } });
  for (let i = 0; i < more; i++) {
    await world.emit(0, 2);
    await world.seal(0);
  }
  if (options.publish !== false) world.publish();
  return { world, anchor, again: async () => await world.check({ anchor, incremental: true }) };
}

describe('the log against what an earlier run accepted', () => {
  test('grown: verified, and the checkpoint before is part of what it is anchored to', async () => {
    const { world, anchor } = await grown();
    const verdict = await world.check({ anchor });
    expect(verdict).toMatchObject({
      exitCode: 0,
      anchoredTo: { kind: 'anchor', checkpoint: { size: 4, root: rootOf(world.notes.slice(0, 4)) } },
    });
    expect((await anchor.load())?.log?.checkpoints.map(({ size }) => size)).toEqual([4, 5]);
  });

  test.each([
    ['a smaller checkpoint', (world: LogWorld) => world.publish(3), ['rollback']],
    ['no checkpoint', (world: LogWorld) => void world.files.delete('checkpoint'), ['rollback']],
    ['an empty log', (world: LogWorld) => world.publish(0), ['rollback']],
  ])('taken back: %s', async (_, alter, codes) => {
    const { world, anchor } = await grown();
    const before = await anchor.load();
    alter(world);
    for (const incremental of [false, true]) {
      const verdict = await world.check({ anchor, incremental });
      expect(verdict.exitCode).toBe(1);
      expect([...new Set(verdict.findings.map(({ code }) => code))]).toEqual(codes);
      expect(verdict.anchoredTo).toMatchObject({ updated: false, evidence: 'in memory' });
    }
    expect(await anchor.load()).toEqual(before);
    expect(anchor.evidence.length).toBeGreaterThan(0);
    expect(Buffer.from(anchor.evidence[0] ?? []).toString()).toContain(before?.log?.checkpoints[0]?.note);
  });

  test('another history of the same size: two roots, both notes', async () => {
    const { anchor } = await grown(0);
    const other = await LogWorld.make();
    await other.emit(0, 7);
    await other.seal(0, { to: 2 });
    await other.seal(0);
    other.publish();
    for (const incremental of [false, true]) {
      const verdict = await other.check({ anchor, incremental });
      expect(verdict.exitCode).toBe(1);
      const found = verdict.findings.find(({ code }) => code === 'checkpoint');
      const note = (await anchor.load())?.log?.checkpoints[0]?.note;
      expect(found?.detail?.['notes']).toEqual([
        note,
        Buffer.from(other.files.get('checkpoint') ?? []).toString('base64'),
      ]);
    }
  });

  test('another history that is longer: found at the size that was accepted', async () => {
    const { anchor } = await grown(0);
    const other = await LogWorld.make();
    await other.emit(0, 9);
    for (const to of [2, 4, 6]) await other.seal(0, { to });
    other.publish();
    const verdict = await other.check({ anchor, incremental: true });
    expect(verdict).toMatchObject({ exitCode: 1, mode: 'full' });
    expect(verdict.findings.map(({ code }) => code)).toContain('checkpoint');
  });

  test('the state remembers sixteen checkpoints: the first and the newest', async () => {
    const { world, anchor } = await grown(0);
    for (let i = 0; i < 20; i++) {
      await world.emit(0, 1);
      await world.seal(0);
      world.publish();
      await world.check({ anchor, incremental: true });
    }
    const sizes = (await anchor.load())?.log?.checkpoints.map(({ size }) => size);
    expect(sizes).toEqual([4, ...Array.from({ length: 15 }, (_, i) => 10 + i)]);
  });
});

describe('incremental runs', () => {
  test('look at what is new only', async () => {
    const { world, again } = await grown(2);
    const verdict = await again();
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
      fullBecause: null,
      queryCopy: null,
      checked: { statements: 2, seals: 2, events: 5 },
      published: { size: 6, entries: 2 },
      scope: { sealedEvents: 12, inScope: 5 },
      anchoredTo: { kind: 'anchor', updated: true },
    });
    expect(verdict.since).not.toBeNull();
    expect(await again()).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { statements: 0, events: 0 } });
    expect(await world.check()).toMatchObject({ exitCode: 0, checked: { events: 12 } });
  });

  test('one after the other end where one full run ends', async () => {
    const { world, anchor, again } = await grown(0);
    for (let i = 1; i < 6; i++) {
      await world.emit(0, i);
      await world.seal(0);
      if (i % 2 === 0) world.publish();
      if (i === 3) await world.key('add', keyFrom(`${origin}/seal`, 4));
      const verdict = await again();
      expect([i, verdict.fullBecause, summary(verdict)]).toEqual([i, null, []]);
      expect(verdict).toMatchObject({ exitCode: 0, mode: 'incremental' });
    }
    const fresh = memoryAnchorStore();
    await world.check({ anchor: fresh });
    const [one, other] = [await anchor.load(), await fresh.load()];
    expect(one?.partitions).toEqual(other?.partitions);
    expect(one?.resume?.partitions.map((each) => ({ ...each, content: null }))).toEqual(
      other?.resume?.partitions.map((each) => ({ ...each, content: null })),
    );
    expect(one?.resume?.seals).toEqual(other?.resume?.seals);
    expect(one?.resume?.pending).toEqual(other?.resume?.pending);
  });

  test('without a published log too', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    await world.seal(0);
    const verdict = await world.verify({ anchor, incremental: true });
    expect(verdict).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { events: 2, statements: 1 } });
  });

  test('what was accepted before it was published is compared when it is', async () => {
    const { world, again } = await grown(3, { publish: false });
    expect(await again()).toMatchObject({ exitCode: 0, mode: 'incremental', published: { size: 4 } });
    world.publish(5);
    expect(await again()).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
      published: { size: 5, entries: 1 },
      checked: { statements: 0 },
    });
    world.publish();
    expect(await again()).toMatchObject({ exitCode: 0, mode: 'incremental', published: { size: 7, entries: 2 } });
  });

  test('a log that holds something else there is judged as a whole', async () => {
    const { world, again } = await grown(2, { publish: false });
    await again();
    world.publishEntries([...world.notes.slice(0, 4), ...world.notes.slice(5)]);
    const verdict = await again();
    expect(verdict).toMatchObject({ exitCode: 1, mode: 'full', fullBecause: expect.stringContaining('entry 4') });
    expect(verdict.findings.map(({ code }) => code)).toContain('log-refused');
  });

  test('find what is wrong with what is new', async () => {
    const { world, again } = await grown(1);
    world.cluster.truncate(topics.events, 0, 8);
    expect(summary(await again())).toEqual(['truncated 0 offsets 8-9']);
    const other = await grown(1);
    other.world.cluster.truncate(topics.seals, 0, 4);
    expect((await other.again()).findings.map(({ code }) => code)).toEqual(['seals-lost']);
  });

  test('see that records which were checked are gone, and leave it to a full run to name them', async () => {
    const { world, anchor, again } = await grown(1);
    world.cluster.deleteRecords(topics.events, 0, 4);
    expect(await again()).toMatchObject({
      exitCode: 1,
      mode: 'full',
      fullBecause: expect.stringContaining('are gone'),
    });
    expect(await world.check({ anchor })).toMatchObject({ exitCode: 1 });
  });

  test('a statement of long ago that contradicts history is decided by a full run', async () => {
    const { world, again } = await grown(1);
    const forged = Buffer.from(world.notes[2]!)
      .toString()
      .split('\n\n')[0]!
      .replace(/^head .*$/m, `head ${rootOf([])}`);
    await world.statement(sealKey.sign(`${forged}\n`));
    world.notes.pop();
    const verdict = await again();
    expect(verdict).toMatchObject({ exitCode: 1, mode: 'full' });
    expect(verdict.findings.map(({ code }) => code)).toEqual(['fork']);
  });

  test.each<[string, (world: LogWorld) => unknown, string]>([
    ['the seals topic is another one', ({ cluster }) => cluster.recreateTopic(topics.seals), 'another one'],
    ['the seals topic is shorter', ({ cluster }) => cluster.truncate(topics.seals, 0, 2), 'does not hold offset'],
    ['the log is shorter', (world) => world.publish(2), 'smaller'],
    [
      'a tile at the edge is another one',
      ({ files }) => files.set(pathOf('0', 0, 5), Buffer.alloc(160)),
      'another root',
    ],
  ])('where %s, a full run decides', async (_, alter, why) => {
    const { world, again } = await grown(1);
    if (why === 'another root') for (const width of [4, 256]) world.files.delete(pathOf('0', 0, width));
    alter(world);
    const verdict = await again();
    expect(verdict).toMatchObject({ exitCode: 1, mode: 'full', fullBecause: expect.stringContaining(why) });
  });

  test('the first is a full one, and so is the one after the log was left out', async () => {
    const world = await LogWorld.published();
    const anchor = memoryAnchorStore();
    expect(await world.check({ anchor, incremental: true })).toMatchObject({
      exitCode: 0,
      mode: 'full',
      fullBecause: expect.any(String),
    });
    // Nobody said that the log is to be left out: it may have been taken away.
    expect(await world.verify({ anchor, incremental: true })).toMatchObject({ exitCode: 3, verdict: 'inconclusive' });
    expect(await world.verify({ anchor, incremental: true, leaveOutLog: true })).toMatchObject({
      exitCode: 0,
      mode: 'full',
    });
    expect((await anchor.load())?.log?.checkpoints).toHaveLength(1);
    expect(await world.check({ anchor, incremental: true })).toMatchObject({ exitCode: 0, mode: 'full' });
    expect(await world.check({ anchor, incremental: true })).toMatchObject({ exitCode: 0, mode: 'incremental' });
  });

  test('a new generation is seen', async () => {
    const { world, again } = await grown(0);
    await world.genesis(0, { generation: 1, reason: 'diverged', firstOffset: 8, previous: world.state(0).previous });
    await world.emit(0, 2);
    await world.seal(0);
    world.publish();
    const verdict = await again();
    expect(verdict).toMatchObject({ exitCode: 1, mode: 'incremental' });
    expect(verdict.findings.map(({ code }) => code)).toContain('generation');
  });
});

test('follow: one run after the other until it is told to stop', async () => {
  const { world, anchor } = await grown(0);
  const stop = new AbortController();
  const seen: Verdict[] = [];
  const options = { log: world.log, topics, origin, rootKey: parseVerifierKey(rootKey.vkey), settleMs: 0, anchor };
  await follow(
    { ...options, published: world.published, logKeys: [parseVerifierKey(logKey.vkey)] },
    {
      everyMs: 1,
      signal: stop.signal,
      onVerdict: async (verdict) => {
        seen.push(verdict);
        if (seen.length === 3) return stop.abort();
        await world.emit(0, 1);
        await world.seal(0);
        world.publish();
      },
    },
  );
  expect(seen.map(({ exitCode, mode, checked }) => [exitCode, mode, checked.events])).toEqual([
    [0, 'incremental', 0],
    [0, 'incremental', 2],
    [0, 'incremental', 1],
  ]);
  await expect(
    follow({ ...options }, { everyMs: 0, signal: stop.signal, onVerdict: () => undefined }),
  ).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  expect(await verify({ ...options, leaveOutLog: true })).toMatchObject({ exitCode: 0 });
});
