import { parseVerifierKey } from '@tallystick/core/note';
import { describe, expect, test } from 'vitest';
import { keyFrom } from './support/tiny-sealer.ts';
import { World, origin, rootKey, summary, topics } from './support/world.ts';

describe('an untouched log', () => {
  test('is verified, with everything counted', async () => {
    const world = await World.small({ partitions: 2 });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      version: 1,
      verdict: 'verified',
      exitCode: 0,
      origin,
      rootKey: rootKey.vkey,
      topics,
      anchoredTo: { kind: 'key', since: null, partitions: 0, updated: false },
      checked: { events: 16, seals: 6, statements: 9, keyStatements: 1 },
      counts: { rubbish: 0, noise: 0, races: 0, resends: 0, forks: 0, unsealed: 4 },
    });
    expect(verdict.checked.partitions[1]).toMatchObject({
      topic: topics.events,
      partition: 1,
      generation: 0,
      firstOffset: 0,
      lastSealedOffset: 7,
      sealedEvents: 8,
      checkedEvents: 8,
      acceptedSeals: 3,
      matchedSeals: 3,
      head: world.state(1).head,
      lastStatement: world.state(1).previous,
      unsealed: 2,
      logStart: 0,
      highWatermark: 10,
    });
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });

  test('seals may cut a Kafka batch anywhere', async () => {
    const world = await World.make();
    await world.emit(0, 7);
    for (const to of [0, 2, 3, 6]) await world.seal(0, { to });
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual([]);
    expect(verdict.checked).toMatchObject({ events: 7, seals: 4 });
  });
});

describe('what could not be looked at is never verified', () => {
  test('no seals topic', async () => {
    const world = new World();
    const verdict = await world.verify();
    expect(verdict).toMatchObject({ verdict: 'inconclusive', exitCode: 3 });
    expect(summary(verdict)).toEqual(['nothing-to-check - -']);
  });

  test('no statements, though there are events', async () => {
    const world = await World.make({ start: false });
    await world.emit(0, 5);
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(3);
    expect(summary(verdict)).toEqual(['nothing-to-check - -']);
  });

  test('geneses, and nothing sealed', async () => {
    const world = await World.make({ partitions: 2 });
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(3);
    expect(summary(verdict)).toEqual(['nothing-to-check - -']);
    expect(verdict.checked.partitions).toHaveLength(2);
  });

  test('the wrong root key: nothing is valid under it', async () => {
    const world = await World.small();
    const verdict = await world.verify({ rootKey: parseVerifierKey(keyFrom(`${origin}/root`, 99).vkey) });
    expect(verdict.exitCode).toBe(3);
    expect(summary(verdict)).toEqual(['nothing-to-check - -']);
    expect(verdict.counts.noise).toBeGreaterThan(0);
    expect(verdict.checked).toMatchObject({ events: 0, statements: 0 });
  });

  test('another origin', async () => {
    const world = await World.small();
    const verdict = await world.verify({ origin: 'somebody.else/log' });
    expect(summary(verdict)).toEqual(['nothing-to-check - -']);
    expect(verdict.counts.rubbish).toBe(5);
  });

  test('statements deleted from the front', async () => {
    const world = await World.small();
    world.cluster.deleteRecords(topics.seals, 0, 1);
    const verdict = await world.verify();
    expect(verdict.exitCode).toBe(3);
    expect(verdict.findings[0]!.message).toContain('were deleted');
  });

  test.each(['seals', 'events'] as const)('no right to read %s', async (which) => {
    const world = await World.small({ partitions: 2 });
    const denied = [topics[which]];
    const verdict = await world.verify({ log: world.cluster.connect({ denyRead: denied, denyWrite: denied }) });
    expect(verdict.exitCode).toBe(3);
    expect(new Set(verdict.findings.map(({ code, found }) => `${code} ${found}`))).toEqual(
      new Set(['unavailable NOT_AUTHORIZED']),
    );
  });

  test('no broker', async () => {
    const world = await World.small();
    world.cluster.down = true;
    const verdict = await world.verify({ deadlineMs: 50 });
    expect(verdict.exitCode).toBe(3);
    expect(verdict.findings.map(({ code, found }) => `${code} ${found}`)).toEqual(['unavailable UNREACHABLE']);
  });

  test('the broker goes away in the middle', async () => {
    const world = await World.small({ partitions: 2 });
    let described = 0;
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      describeTopic: async (topic: string) => {
        if (topic === topics.events && ++described === 1) queueMicrotask(() => (world.cluster.down = true));
        return await world.log.describeTopic(topic);
      },
    });
    const verdict = await world.verify({ log, deadlineMs: 50 });
    expect(verdict.exitCode).toBe(3);
    expect(new Set(verdict.findings.map(({ code }) => code))).toEqual(new Set(['unavailable']));
  });

  test.each(['describeTopic', 'bounds', 'fetch'] as const)('a %s that never answers', async (method) => {
    const world = await World.small();
    const log = Object.assign(Object.create(world.log) as typeof world.log, { [method]: () => new Promise(() => {}) });
    const verdict = await world.verify({ log, deadlineMs: 50 });
    expect(verdict.exitCode).toBe(3);
    expect(verdict.findings.map(({ code, found }) => `${code} ${found}`)).toEqual(['unavailable TIMED_OUT']);
  });

  test('a partition without a genesis', async () => {
    const world = await World.make({ partitions: 2 });
    await world.emit(0, 1);
    await world.seal(0);
    world.cluster.createTopic('audit.more', { partitions: 1 });
    const more = await World.small({ partitions: 1 });
    expect((await more.verify()).exitCode).toBe(0);
    (more.cluster.topic(topics.events).partitions as unknown[]).push(world.cluster.partition(topics.events, 1));
    const verdict = await more.verify();
    expect(summary(verdict)).toEqual(['no-genesis 1 -']);
    expect(verdict.exitCode).toBe(3);
  });

  test('another events topic than the statements speak of', async () => {
    const world = await World.small();
    const verdict = await world.verify({ topics: { ...topics, events: 'audit.other' } });
    expect(verdict.findings.map(({ code, topic }) => `${code} ${topic}`)).toEqual(['nothing-to-check audit.other']);
    expect(verdict.exitCode).toBe(3);
  });

  test('cancelled', async () => {
    const world = await World.small();
    await expect(world.verify({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    const stop = new AbortController();
    const running = world.verify({ signal: stop.signal, onProgress: () => stop.abort() });
    await expect(running).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
  });

  test.each([
    { deadlineMs: 0 },
    { settleMs: -1 },
    { maxFindings: 0 },
    { maxTailAgeMs: 0.5 },
    { origin: 'a+b' },
    { origin: '' },
  ])('options that make no sense: %j', async (options) => {
    await expect(new World().verify(options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});

describe('topics that are gone or others', () => {
  test('the events topic deleted', async () => {
    const world = await World.small({ partitions: 2 });
    world.cluster.deleteTopic(topics.events);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['topic-missing 0 offsets 0-7', 'topic-missing 1 offsets 0-7']);
    expect(verdict.exitCode).toBe(1);
  });

  test('the events topic made anew', async () => {
    const world = await World.small();
    const before = world.topicId();
    world.cluster.recreateTopic(topics.events);
    await world.emit(0, 20);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['topic-recreated 0 offsets 0-7']);
    expect(verdict.findings[0]).toMatchObject({ expected: before, found: world.topicId(), severity: 'tampering' });
  });

  test('a partition gone', async () => {
    const world = await World.small({ partitions: 2 });
    (world.cluster.topic(topics.events).partitions as unknown[]).pop();
    expect(summary(await world.verify())).toEqual(['topic-missing 1 offsets 0-7']);
  });
});

test('progress goes up to the whole, statements first', async () => {
  const world = await World.small({ partitions: 2 });
  const seen: string[] = [];
  await world.verify({ onProgress: ({ phase, done, total }) => seen.push(`${phase} ${done}/${total}`) });
  expect(seen).toContain('statements 9/9');
  expect(seen.at(-1)).toBe('records 16/16');
});

test('progress does not say that records were checked that nobody could look at', async () => {
  const world = await World.small({ partitions: 2 });
  const seen: string[] = [];
  const verdict = await world.verify({
    log: world.cluster.connect({ denyRead: [topics.events] }),
    onProgress: ({ phase, done, total }) => seen.push(`${phase} ${done}/${total}`),
  });
  expect(verdict).toMatchObject({ exitCode: 3, checked: { events: 0 } });
  expect(seen).toContain('statements 9/9');
  expect(seen).not.toContain('records 16/16');
});
