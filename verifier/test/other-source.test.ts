// What was read of one source counts for nothing in another one: each may have been altered by itself, and before any run began.
import { readFileSync, writeFileSync } from 'node:fs';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import { afterAll, describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { openBundle } from '../src/bundle/open-bundle.ts';
import type { Verdict } from '../src/verdict.ts';
import type { VerifyOptions } from '../src/verify.ts';
import { BundleFolder, membersOf, withBundle } from './bundle/bundles.ts';
import { summary, topics, World } from './support/world.ts';

const bundles = new BundleFolder();
afterAll(() => bundles.end());

const often = { progressEveryEvents: 1, progressEveryMs: 0 };
type Anchor = ReturnType<typeof memoryAnchorStore>;

/** A good log and its bundle; then a byte of its second event is another one, and there is a bundle of that too. */
async function goodAndBad() {
  const world = await World.small({ partitions: 2 });
  const [good, same] = [(await bundles.export(world)).file, (await bundles.export(world)).file];
  const flip = (): void => world.cluster.flipByte(topics.events, 0, { offset: 1 });
  flip();
  const bad = (await bundles.export(world)).file;
  return { world, good, same, bad, flip };
}

/** A run that is broken off at offset 4 of partition 1. */
async function brokenOff(world: World, anchor: Anchor, log: RecordLog): Promise<void> {
  const stop = new AbortController();
  const watched = Object.assign(Object.create(log) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      if (request.topic === topics.events && request.partition === 1 && request.offset === 4) stop.abort();
      return await log.fetch({ ...request, maxBytes: 1 });
    },
  });
  const run = world.verify({ anchor, log: watched, signal: stop.signal, ...often });
  await expect(run).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
  expect(anchor.progress.parts.length).toBeGreaterThan(1);
}

const ofBundle = async (world: World, file: string, options: Partial<VerifyOptions>): Promise<Verdict> =>
  await withBundle(file, async ({ records }) => await world.verify({ log: records, ...often, ...options }));

describe('the progress of a run that was killed', () => {
  test.each([
    ['a bundle', 'another bundle'],
    ['a bundle', 'the cluster'],
    ['a cluster', 'a bundle'],
  ])('over %s is left aside over %s, and what is altered there is found', async (first, then) => {
    const { world, good, bad, flip } = await goodAndBad();
    const anchor = memoryAnchorStore();
    if (first === 'a bundle') await withBundle(good, async ({ records }) => await brokenOff(world, anchor, records));
    else {
      flip();
      await brokenOff(world, anchor, world.log);
      flip();
    }
    const verdict = await (then === 'the cluster'
      ? world.verify({ anchor, ...often })
      : ofBundle(world, bad, { anchor }));
    expect(verdict).toMatchObject({ exitCode: 1, resumed: { begunAt: null, leftAside: { code: 'PROGRESS_FOREIGN' } } });
    expect(summary(verdict)).toContain('bad-crc 0 offsets 0-0');
  });

  test('over a bundle is gone on with over a copy of it', async () => {
    const { world, good, same } = await goodAndBad();
    const anchor = memoryAnchorStore();
    await withBundle(good, async ({ records }) => await brokenOff(world, anchor, records));
    const verdict = await ofBundle(world, same, { anchor });
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 }, resumed: { leftAside: null } });
    expect(verdict.resumed?.events).toBeGreaterThan(0);
  });

  test.each<[string, Pick<RecordLog, 'source'> | { source: undefined }]>([
    ['says nothing of itself', { source: undefined }],
    ['does not know', { source: async () => null }],
    ['has an endless name', { source: async () => 'x'.repeat(301) }],
    ['does not answer', { source: async () => await new Promise<never>(() => undefined) }],
  ])('is neither kept nor taken over where the source %s', async (_, named) => {
    const { world, flip } = await goodAndBad();
    flip();
    const anchor = memoryAnchorStore();
    await brokenOff(world, anchor, world.log);
    const log = Object.assign(Object.create(world.log) as RecordLog, named);
    flip();
    expect(await world.verify({ anchor, log, deadlineMs: 200, ...often })).toMatchObject({
      exitCode: 1,
      resumed: null,
    });
  });
});

describe('the progress of a run over a bundle whose sums are compared beside it', () => {
  /** As the command verifies a bundle; the records of partition 1 come only `when` that resolves. */
  async function beside(world: World, file: string, anchor: Anchor, when?: (intact: Promise<void>) => Promise<void>) {
    const bundle = await openBundle(file, { digests: 'beside' });
    const { records, intact } = bundle;
    const log = Object.assign(Object.create(records) as RecordLog, {
      fetch: async (request: FetchRequest) => {
        if (request.topic === topics.events && request.partition === 1) await when?.(intact());
        return await records.fetch({ ...request, maxBytes: 1 });
      },
    });
    try {
      return await world.verify({ anchor, log, intact, ...often });
    } finally {
      await bundle.close();
    }
  }

  /** The good bundle with the sums of the altered one. */
  async function forged() {
    const world = await World.small({ partitions: 2 });
    const good = (await bundles.export(world)).file;
    world.cluster.flipByte(topics.events, 0, { offset: 1, at: -1, mendCrc: true });
    const bad = (await bundles.export(world)).file;
    const [bytes, theirs] = [readFileSync(good), readFileSync(bad)];
    const [to, from] = [membersOf(bytes).get('sha256sums')!, membersOf(theirs).get('sha256sums')!];
    expect(to.size).toBe(from.size);
    theirs.copy(bytes, to.at, from.at, from.at + from.size);
    writeFileSync(good, bytes);
    return { world, forged: good, bad };
  }

  test('is worth nothing where the sums are those of another bundle: what is altered there is found', async () => {
    const { world, forged: first, bad } = await forged();
    const alone = await beside(world, bad, memoryAnchorStore());
    expect(alone.exitCode).toBe(1);
    for (const when of [undefined, async (intact: Promise<void>) => await intact.catch(() => undefined)]) {
      const anchor = memoryAnchorStore();
      await expect(beside(world, first, anchor, when)).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
      expect(anchor.progress.parts).toEqual([]);
      const verdict = await beside(world, bad, anchor);
      expect(verdict).toMatchObject({ exitCode: 1, resumed: null });
      expect(summary(verdict)).toEqual(summary(alone));
      expect(summary(verdict)).toContain('altered 0 offsets 1-1');
      expect(await anchor.load()).toBeNull();
    }
  });

  test('of an earlier run goes with a bundle that turns out to be damaged', async () => {
    const { world, good, same } = await goodAndBad();
    const anchor = memoryAnchorStore();
    await withBundle(good, async ({ records }) => await brokenOff(world, anchor, records));
    const bytes = readFileSync(same);
    const { at, size } = membersOf(bytes).get('records/events/0000000/0000000000000000')!;
    bytes[at + size - 1]! ^= 1;
    writeFileSync(same, bytes);
    await expect(beside(world, same, anchor)).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
    expect(anchor.progress.parts).toEqual([]);
  });

  test('is kept once they are known to be right', async () => {
    const { world, same, good } = await goodAndBad();
    const anchor = memoryAnchorStore();
    const broken = new Error('broken off');
    const run = beside(world, good, anchor, async (intact) => {
      expect(anchor.progress.parts).toEqual([]);
      await intact;
      throw broken;
    });
    await expect(run).rejects.toBe(broken);
    expect(anchor.progress.parts).toEqual([]);
    // Where they are known before the last records come, what was read until then is kept with the first part of those.
    let asked = 0;
    const later = beside(world, good, anchor, async (intact) => {
      await intact;
      asked += 1;
      if (asked === 5) throw broken;
    });
    await expect(later).rejects.toBe(broken);
    expect(anchor.progress.parts.length).toBeGreaterThan(3);
    expect(await beside(world, same, anchor)).toMatchObject({ exitCode: 0, resumed: { leftAside: null } });
  });

  test('of an earlier run stays where a run is stopped before they are known', async () => {
    const { world, good } = await goodAndBad();
    const anchor = memoryAnchorStore();
    await withBundle(good, async ({ records }) => await brokenOff(world, anchor, records));
    const kept = anchor.progress.parts.length;
    const stop = new AbortController();
    const { signal } = stop;
    const intact = async (): Promise<void> => {
      stop.abort();
      await Promise.reject(new Error('stopped'));
    };
    const run = withBundle(good, async ({ records }) => {
      return await world.verify({ anchor, log: records, intact, signal, ...often });
    });
    await expect(run).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    expect(anchor.progress.parts).toHaveLength(kept);
  });
});

describe('the state that an incremental run goes on from', () => {
  test.each([
    ['a bundle', 'another bundle', /^the earlier run read another source: bundle .+, and this one reads bundle /],
    ['a bundle', 'the cluster', /^the earlier run read another source: bundle .+, and this one reads memory cluster /],
    ['the cluster', 'a bundle', /^the earlier run read another source: memory cluster .+, and this one reads bundle /],
  ])('of %s is not used over %s, and what is altered there is found', async (first, then, why) => {
    const { world, good, bad, flip } = await goodAndBad();
    const anchor = memoryAnchorStore();
    flip();
    const before = await (first === 'a bundle' ? ofBundle(world, good, { anchor }) : world.verify({ anchor }));
    expect(before).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
    flip();
    const options = { anchor, incremental: true };
    const verdict = await (then === 'the cluster' ? world.verify(options) : ofBundle(world, bad, options));
    expect(verdict).toMatchObject({ exitCode: 1, mode: 'full', fullBecause: expect.stringMatching(why) });
    expect(summary(verdict)).toContain('bad-crc 0 offsets 0-0');
  });

  test('of a bundle is used over a copy of it', async () => {
    const { world, good, same } = await goodAndBad();
    const anchor = memoryAnchorStore();
    await ofBundle(world, good, { anchor });
    expect(await ofBundle(world, same, { anchor, incremental: true })).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
    });
  });

  test.each([
    ['an older release left it out', undefined],
    ['the run could not say', null],
  ])('is not used where %s; the run after that goes on from it', async (_, source) => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    await world.verify({ anchor });
    await anchor.update((was) => {
      if (was === null || was.resume === null) throw new Error('there is no state');
      const { source: _known, ...resume } = was.resume;
      return { ...was, resume: { ...resume, ...(source === undefined ? {} : { source }) } };
    });
    world.cluster.flipByte(topics.events, 0, { offset: 1 });
    const run = async () => await world.verify({ anchor, incremental: true });
    const fullBecause = 'nobody knows which cluster or bundle the earlier run read';
    expect(await run()).toMatchObject({ exitCode: 1, mode: 'full', fullBecause });
    world.cluster.flipByte(topics.events, 0, { offset: 1 });
    expect(await run()).toMatchObject({ exitCode: 0, mode: 'full', fullBecause });
    expect(await run()).toMatchObject({ exitCode: 0, mode: 'incremental', fullBecause: null });
  });

  test('is not used where the source does not say which one it is', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    const log = Object.assign(Object.create(world.log) as RecordLog, { source: undefined });
    await world.verify({ anchor });
    const fullBecause = 'the cluster or bundle does not say which one it is';
    const run = async () => await world.verify({ anchor, log, incremental: true });
    expect(await run()).toMatchObject({ exitCode: 0, mode: 'full', fullBecause });
    expect((await anchor.load())?.resume?.source).toBe(null);
  });
});

test('a bundle has the name of its content, but only where that is compared', async () => {
  const { good, same, bad } = await goodAndBad();
  const nameOf = async (file: string, digests: boolean | 'beside' = true): Promise<string | null | undefined> => {
    const bundle = await openBundle(file, { digests });
    try {
      return await bundle.records.source?.();
    } finally {
      await bundle.close();
    }
  };
  const name = await nameOf(good);
  expect(name).toMatch(/^bundle with the sums [0-9a-f]{64}$/);
  expect(await nameOf(same)).toBe(name);
  expect(await nameOf(good, 'beside')).toBe(name);
  expect(await nameOf(bad)).not.toBe(name);
  expect(await nameOf(good, false)).toBe(null);
});
