// What a ledger or its operator does between two incremental runs: keys change, generations begin, old records are pruned, clocks are set.
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { Verdict } from '../src/verdict.ts';
import { LogWorld } from './support/log-world.ts';
import { keyFrom, pruneText } from './support/tiny-sealer.ts';
import { origin, sealKey, summary, topics } from './support/world.ts';

const second = keyFrom(`${origin}/seal`, 4);
const third = keyFrom(`${origin}/seal`, 5);

/** A log of two partitions that was verified, with everything published. */
async function verified() {
  const world = await LogWorld.published({ partitions: 2 });
  const anchor = memoryAnchorStore();
  expect(await world.check({ anchor })).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
  /** An incremental run, and what a full one from the beginning says of the same log. */
  const both = async (): Promise<{ next: Verdict; full: Verdict }> => ({
    next: await world.check({ anchor, incremental: true }),
    full: await world.check(),
  });
  const sealed = async (signer = sealKey): Promise<void> => {
    for (const partition of [0, 1]) {
      await world.emit(partition, 2);
      await world.seal(partition, { signer });
    }
  };
  return { world, anchor, both, sealed };
}

describe('keys between two runs', () => {
  test.each([true, false])('one is added and another retired (the log is published meanwhile: %s)', async (publish) => {
    const { world, both, sealed } = await verified();
    await sealed();
    await world.key('add', second);
    await sealed(second);
    await world.key('retire', sealKey);
    await sealed(second);
    if (publish) world.publish();
    const { next, full } = await both();
    expect(next).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { keyStatements: 2, seals: 6 } });
    expect([summary(next), full.exitCode]).toEqual([[], 0]);
    // And again on top of it, in the next run.
    await world.key('add', third);
    await sealed(third);
    world.publish();
    expect(await world.check()).toMatchObject({ exitCode: 0 });
    expect((await both()).next).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { keyStatements: 1 } });
  });

  test('a key that was retired in an earlier run seals nothing more', async () => {
    const { world, both, sealed } = await verified();
    await world.key('add', second);
    await world.key('retire', sealKey);
    world.publish();
    expect((await both()).next).toMatchObject({ exitCode: 0, mode: 'incremental' });
    await sealed(sealKey);
    const { next, full } = await both();
    for (const verdict of [next, full]) {
      expect(verdict.counts.noise).toBe(2);
      expect(verdict.checked.partitions.map(({ lastSealedOffset }) => lastSealedOffset)).toEqual([6, 6]);
    }
    expect(next.mode).toBe('incremental');
    // The log itself says so: there it is tampering.
    world.publish();
    const published = await both();
    expect([published.next.exitCode, published.full.exitCode]).toEqual([1, 1]);
    expect(published.next.findings.map(({ code }) => code)).toContain('log-refused');
  });

  test('a key that is added twice, or retired before it was added, has no effect in either run', async () => {
    const { world, both } = await verified();
    await world.key('add', sealKey);
    const { next, full } = await both();
    expect(next).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { keyStatements: 0 } });
    expect(next.findings.map(({ code }) => code)).toEqual(['key-refused']);
    expect(full.findings.map(({ code }) => code)).toEqual(['key-refused']);
  });
});

describe('generations between two runs', () => {
  test('each new one is reported once by the runs that see it, and always by a full one', async () => {
    const { world, anchor, both, sealed } = await verified();
    await world.genesis(0, { generation: 1, reason: 'diverged', firstOffset: 8, previous: world.state(0).previous });
    await sealed();
    world.publish();
    const { next, full } = await both();
    expect(next).toMatchObject({ exitCode: 1, mode: 'incremental', anchoredTo: { updated: false } });
    const generations = (verdict: Verdict) =>
      verdict.findings.filter(({ code }) => code === 'generation').map(({ hash, partition }) => [hash, partition]);
    expect(generations(next)).toEqual(generations(full));
    expect(generations(next)).toHaveLength(1);
    // Somebody answers for it, and for what lies between the generations: the anchor moves, and the next run begins behind it.
    const acknowledged = full.findings
      .filter(({ severity }) => severity === 'loss' || severity === 'tampering')
      .map(({ hash }) => ({ hash, reason: 'known' }));
    const answered = await world.check({ anchor, incremental: true, acknowledged });
    expect(answered).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
    await sealed();
    world.publish();
    const after = await world.check({ anchor, incremental: true });
    expect(after).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { seals: 2 } });
    expect(generations(after)).toEqual([]);
    expect(generations(await world.check())).toHaveLength(1);
  });

  test('a topic that was made again with a generation of its own is read from its beginning', async () => {
    const { world, anchor, both } = await verified();
    world.cluster.recreateTopic(topics.events);
    for (const partition of [0, 1]) {
      const { previous } = world.state(partition);
      await world.genesis(partition, { generation: 1, reason: 'recreated', firstOffset: 0, previous });
      await world.emit(partition, 3);
      await world.seal(partition);
    }
    world.publish();
    const { next, full } = await both();
    for (const verdict of [next, full]) {
      expect(verdict.exitCode).toBe(1);
      expect(new Set(verdict.findings.map(({ code }) => code))).toEqual(new Set(['generation']));
      expect(verdict.checked.events).toBe(6);
    }
    const acknowledged = next.findings.map(({ hash }) => ({ hash, reason: 'known' }));
    expect(await world.check({ anchor, incremental: true, acknowledged })).toMatchObject({ exitCode: 0 });
    await world.emit(0, 1);
    await world.seal(0);
    world.publish();
    expect(await world.check({ anchor, incremental: true })).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
      checked: { events: 1 },
    });
  });

  test('a topic that was made again without one is tampering in both', async () => {
    const { world, both } = await verified();
    world.cluster.recreateTopic(topics.events);
    const { next, full } = await both();
    for (const verdict of [next, full]) {
      expect(verdict.exitCode).toBe(1);
      expect(verdict.findings.map(({ code }) => code)).toContain('topic-recreated');
    }
  });
});

describe('prunes between two runs', () => {
  /** Says that the first seal of partition 0 was removed under a rule; and removes it. */
  async function pruned(world: LogWorld, { through = 3, remove = 4 } = {}): Promise<void> {
    const made = pruneText(origin, topics.events, world.state(0), through, through);
    await world.statement(sealKey.sign(made.text));
    world.states.set(0, made.next);
    if (remove > 0) world.cluster.deleteRecords(topics.events, 0, remove);
  }

  test('what was removed under a rule is no loss, and its archive is not looked at by either', async () => {
    const { world, anchor, both, sealed } = await verified();
    await pruned(world);
    await sealed();
    world.publish();
    const { next, full } = await both();
    for (const verdict of [next, full]) {
      expect(verdict.exitCode).toBe(3);
      expect([...new Set(verdict.findings.map(({ code }) => code))].sort()).toEqual(['archive-unchecked', 'prune']);
    }
    // Nobody can answer for what was not looked at: the anchor stays where it was.
    expect(next.anchoredTo.updated).toBe(false);
    expect((await anchor.load())?.partitions[0]).toMatchObject({ offset: 6 });
  });

  test('more than the rule names is loss in both', async () => {
    const { world, both } = await verified();
    await pruned(world, { remove: 6 });
    world.publish();
    const { next, full } = await both();
    for (const verdict of [next, full]) {
      expect(verdict.exitCode).toBe(1);
      expect(summary(verdict)).toContain('deleted 0 offsets 4-5');
    }
  });

  test('removed without a rule is loss in both', async () => {
    const { world, both } = await verified();
    world.cluster.deleteRecords(topics.events, 0, 2);
    const { next, full } = await both();
    for (const verdict of [next, full]) {
      expect(verdict).toMatchObject({ exitCode: 1, mode: 'full' });
      expect(summary(verdict)).toContain('deleted 0 offsets 0-1');
    }
  });
});

describe('clocks between two runs', () => {
  test('one that was put back years changes no verdict, and the anchor goes on', async () => {
    const { world, anchor, sealed } = await verified();
    await sealed();
    world.publish();
    const now = (): number => Date.parse('2001-01-01T00:00:00Z');
    const verdict = await world.check({ anchor, incremental: true, now });
    expect(verdict).toMatchObject({ exitCode: 0, mode: 'incremental', anchoredTo: { updated: true } });
    expect(verdict.since && Date.parse(verdict.since)).toBeGreaterThan(now());
    await sealed();
    world.publish();
    expect(await world.check({ anchor, incremental: true })).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
      since: '2001-01-01T00:00:00.000Z',
    });
  });
});
