import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { renderText } from '../src/report/render.ts';
import type { PublishedLog } from '../src/ports/published-log.ts';
import { LogWorld, quorum, witnesses } from './support/log-world.ts';
import { topics, World } from './support/world.ts';

const minute = 60_000;
const [a, b] = witnesses;

/** A published log, and `count` seals since that are in the seals topic only; the first of them stored at `since`. */
async function unpublished(count: number): Promise<{ world: LogWorld; since: number }> {
  const world = await LogWorld.published();
  const stored: number[] = [];
  for (let n = 0; n < count; n++) {
    await world.emit(0, 1);
    await world.seal(0);
    const newest = world.cluster.batches(topics.seals, 0).at(-1);
    stored.push(Number(newest?.readBigInt64BE(35)));
  }
  return { world, since: stored[0] ?? Number.NaN };
}

describe('statements that the log does not hold', () => {
  test('none are waiting where all is published, and who reads no log does not know', async () => {
    const world = await LogWorld.published();
    expect(await world.check()).toMatchObject({ exitCode: 0, counts: { pending: 0 }, ages: { pending: null } });
    expect(await world.verify()).toMatchObject({ counts: { pending: null }, ages: { pending: null } });
  });

  test('are counted and told, and fail nothing without a limit', async () => {
    const { world, since } = await unpublished(3);
    const verdict = await world.check({ now: () => since + 90 * minute });
    expect(verdict).toMatchObject({
      exitCode: 0,
      findings: [],
      counts: { pending: 3 },
      ages: { pending: { since: new Date(since).toISOString(), clock: 'stored' } },
    });
    expect(renderText(verdict)).toMatch(
      /^ {2}not published yet +3 statements of the seals topic, the first stored at \S+, 90 min before this run$/m,
    );
  });

  test.each([
    ['younger than the limit', 59_000, 0],
    ['as old as it', 60_000, 0],
    ['older', 60_001, 3],
  ])('%s', async (_, age, exitCode) => {
    const { world, since } = await unpublished(2);
    const verdict = await world.check({ now: () => since + age, maxPendingAgeMs: minute });
    expect({ exitCode: verdict.exitCode, codes: verdict.findings.map(({ code }) => code) }).toEqual({
      exitCode,
      codes: exitCode === 0 ? [] : ['checkpoint-old'],
    });
  });

  test('a limit says nothing where all is published, however old', async () => {
    const world = await LogWorld.published();
    expect(await world.check({ now: () => world.clock + 1e9, maxPendingAgeMs: 0 })).toMatchObject({ exitCode: 0 });
  });

  test('what is sealed while a long log is read is not late', async () => {
    const { world, since } = await unpublished(1);
    let clock = since - 1_000;
    const { published } = world;
    const slow: PublishedLog = {
      ...published,
      read: async (path, most) => {
        // An hour passes while entries are read.
        if (path.startsWith('tile/entries')) clock = since + 60 * minute;
        return await published.read(path, most);
      },
    };
    const limits = { maxPendingAgeMs: minute, now: () => clock };
    expect(await world.check({ ...limits, published: slow })).toMatchObject({ exitCode: 0, counts: { pending: 1 } });
  });

  test.each([
    ['ahead of this clock', (since: number) => since - 10 * minute],
    ['of no time at all', (since: number) => since],
  ])('with a stored time %s the age cannot be told', async (what, now) => {
    const { world, since } = await unpublished(1);
    if (what !== 'ahead of this clock') {
      const batch = world.cluster.batches(topics.seals, 0).at(-1)!;
      batch.writeBigInt64BE(-1n, 35);
      world.cluster.flipByte(topics.seals, 0, { offset: 4, at: -1, mendCrc: true });
      world.cluster.flipByte(topics.seals, 0, { offset: 4, at: -1, mendCrc: true });
    }
    const verdict = await world.check({ now: () => now(since), maxPendingAgeMs: 60 * minute });
    expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'checkpoint-old' }] });
  });

  test('incremental runs know how long those wait that earlier ones accepted', async () => {
    const { world, since } = await unpublished(2);
    const anchor = memoryAnchorStore();
    const limits = { anchor, maxPendingAgeMs: minute };
    expect(await world.check({ ...limits, now: () => since + 1_000 })).toMatchObject({ exitCode: 0 });
    for (const later of [20_000, 40_000]) {
      const next = await world.check({ ...limits, incremental: true, now: () => since + later });
      expect(next).toMatchObject({ exitCode: 0, mode: 'incremental', counts: { pending: 2 } });
      expect(next.ages.pending?.since).toBe(new Date(since).toISOString());
    }
    await world.emit(0, 1);
    await world.seal(0);
    const old = await world.check({ ...limits, incremental: true, now: () => since + 60_001 });
    expect(old).toMatchObject({ exitCode: 3, mode: 'incremental', counts: { pending: 3 } });
    // What was published since waits no more.
    world.publish(world.notes.length - 1);
    const then = await world.check({ ...limits, incremental: true, now: () => since + 60_001 });
    expect(then).toMatchObject({ exitCode: 0, mode: 'incremental', counts: { pending: 1 } });
    expect(Date.parse(then.ages.pending?.since ?? '')).toBeGreaterThan(since);
  });

  test('an anchor of a release that kept no times: they wait since about that run', async () => {
    const { world, since } = await unpublished(1);
    const anchor = memoryAnchorStore();
    await world.check({ anchor, now: () => since + 1_000 });
    await anchor.update((kept) => {
      const { pendingSince: _, ...resume } = kept!.resume!;
      return { ...kept!, resume };
    });
    const verdict = await world.check({ anchor, incremental: true, now: () => since + 2_000 });
    expect(verdict).toMatchObject({ exitCode: 0, mode: 'incremental', counts: { pending: 1 } });
    expect(verdict.ages.pending?.since).toBe(new Date(since + 1_000).toISOString());
  });

  test('a limit without a published log makes no sense', async () => {
    const world = await World.small();
    await expect(world.verify({ maxPendingAgeMs: 1 })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});

describe('what is not sealed', () => {
  test('is told with the time of the oldest, without any limit', async () => {
    const world = await World.small({ partitions: 2 });
    const first = world.cluster.batches(topics.events, 0).find((batch) => batch.readBigInt64BE(0) === 8n)!;
    const since = Number(first.readBigInt64BE(35));
    const month = 31 * 24 * 60 * minute;
    const verdict = await world.verify({ now: () => since + month });
    expect(verdict).toMatchObject({
      exitCode: 0,
      ages: { unsealed: { since: new Date(since).toISOString(), clock: 'stored' } },
    });
    expect(verdict.checked.partitions[0]?.oldestUnsealed?.since).toBe(new Date(since).toISOString());
    expect(renderText(verdict)).toMatch(
      /^ {2}not sealed yet +4 records, the oldest stored at \S+, 31 days before this run$/m,
    );
  });

  test('nothing is told where all is', async () => {
    const world = await World.small();
    await world.seal(0);
    const verdict = await world.verify();
    expect(verdict).toMatchObject({ exitCode: 0, counts: { unsealed: 0 }, ages: { unsealed: null } });
    expect(renderText(verdict)).not.toContain('not sealed yet');
  });

  test('a run that reads for hours makes no tail old that was new when the statements were read', async () => {
    const world = await World.small();
    let clock = world.clock;
    const { log } = world;
    const slow = {
      ...log,
      bounds: async (topic: string, partition: number) => {
        if (topic === topics.events) clock = world.clock + 180 * minute;
        return await log.bounds(topic, partition);
      },
    };
    expect(await world.verify({ log: bound(log, slow), maxTailAgeMs: minute, now: () => clock })).toMatchObject({
      exitCode: 0,
    });
  });
});

/** `log` with some methods replaced. */
function bound<T extends object>(log: T, over: Partial<T>): T {
  return new Proxy(log, {
    get: (target, name, receiver) => {
      const own: unknown =
        Object.hasOwn(over, name) && name === 'bounds' ? Reflect.get(over, name) : Reflect.get(target, name, receiver);
      return typeof own === 'function' ? (own as () => unknown).bind(target) : own;
    },
  });
}

test('the age of the checkpoint is that of when it was read, and is told', async () => {
  const world = await LogWorld.published();
  const cosigned = 1_800_000_000;
  world.publish(undefined, { cosigned: [[a, cosigned] as const, [b, cosigned + 5] as const] });
  const { published } = world;
  let clock = (cosigned + 100) * 1_000;
  const slow: PublishedLog = {
    ...published,
    read: async (path, most) => {
      if (path.startsWith('tile/entries')) clock += 60 * minute;
      return await published.read(path, most);
    },
  };
  const limits = { policy: quorum(), logKeys: [], maxCheckpointAgeMs: 120_000, now: () => clock };
  const verdict = await world.check({ ...limits, published: slow });
  expect(verdict).toMatchObject({
    exitCode: 0,
    ages: { checkpoint: { since: new Date(cosigned * 1_000).toISOString(), clock: 'witnesses' } },
  });
  expect(renderText(verdict)).toMatch(/quorum two-of-three stood at \S+, 2 min before this run/);
});
