import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import { throttled } from '@tallystick/kafka/throttle';
import { expect, test } from 'vitest';
import { fetchAt } from '../src/ask-broker.ts';
import { World, summary, topics } from './support/world.ts';

/** A connection whose quota is used up at every other fetch. */
function throttling(world: World): { log: RecordLog; count: () => number } {
  let nth = 0;
  let count = 0;
  const log = Object.assign(Object.create(world.log) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      if (nth++ % 2 === 1) return await world.log.fetch(request);
      count += 1;
      throw throttled('a fetch', 'User:verifier', 30);
    },
  });
  return { log, count: () => count };
}

test('a quota that is used up again and again changes no verdict', async () => {
  const world = await World.small();
  const { log, count } = throttling(world);
  // More throttling by far than the deadline.
  const verdict = await world.verify({ log, deadlineMs: 100 });
  expect({ exit: verdict.exitCode, found: summary(verdict) }).toEqual({ exit: 0, found: [] });
  expect(count()).toBeGreaterThanOrEqual(3);
});

test('a single fetch waits until it is served, and no longer than may be', async () => {
  const world = await World.small();
  const { log } = throttling(world);
  const asked = {
    log,
    topic: topics.events,
    topicId: world.topicId(),
    partition: 0,
    deadlineMs: 20,
    signal: undefined,
  };
  expect(await fetchAt(asked, 0, 1_000)).toMatchObject({ error: 0 });
  const never = {
    ...asked,
    deadlineMs: 2,
    log: Object.assign(Object.create(log) as RecordLog, {
      fetch: async () => await Promise.reject(throttled('a fetch', 'User:verifier', 30)),
    }),
  };
  await expect(fetchAt(never, 0, 1_000)).rejects.toThrow(/raise the quota/);
  const stop = new AbortController();
  const long = { ...never, deadlineMs: 60_000, signal: stop.signal };
  setTimeout(() => stop.abort(), 50);
  await expect(fetchAt(long, 0, 1_000)).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
});
