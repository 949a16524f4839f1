// A run that is cancelled says so in one way, wherever it stands.
import type { RecordLog } from '@tallystick/kafka/record-log';
import { KafkaError } from '@tallystick/kafka/errors';
import { expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { CopiedRows } from '../src/ports/copied-rows.ts';
import { World, topics } from './support/world.ts';

/** Whatever is asked of the log; the `at`th answer is that the caller stopped it, as readers of Kafka say. */
function stopping(
  log: RecordLog,
  at: number,
): { log: RecordLog; signal: AbortSignal; asked: () => string | undefined } {
  const stop = new AbortController();
  let count = 0;
  let asked: string | undefined;
  const step = (name: string): void => {
    count += 1;
    if (count !== at) return;
    asked = name;
    stop.abort();
    throw new KafkaError('ABORTED', 'Reading was stopped by its caller.');
  };
  const stopped: RecordLog = {
    describeTopic: async (topic) => (step('describeTopic'), await log.describeTopic(topic)),
    fetch: async (request) => (step('fetch'), await log.fetch(request)),
    bounds: async (topic, partition) => (step('bounds'), await log.bounds(topic, partition)),
    createAppender: async () => await log.createAppender(),
    close: async () => await log.close(),
  };
  return { log: stopped, signal: stop.signal, asked: () => asked };
}

/** A query copy without rows: the topic is asked once more because of it. */
const rows: CopiedRows = {
  place: 'memory',
  faults: async () => await Promise.resolve([]),
  extents: async () => await Promise.resolve([]),
  others: async function* () {},
  watermark: async () => await Promise.resolve({ rowsFrom: 0, nextOffset: 0, claimedTo: 0 }),
  count: async () => await Promise.resolve(0),
  rows: async function* () {},
  close: async () => await Promise.resolve(),
};

test('whatever was under way, the run was cancelled', async () => {
  const world = await World.small({ partitions: 2 });
  // What lies near it is read once more.
  world.cluster.flipByte(topics.events, 0, { offset: 5, at: -1, mendCrc: true });
  const met = new Set<string>();
  for (let at = 1; ; at += 1) {
    const { log, signal, asked } = stopping(world.log, at);
    const outcome = await world.verify({ log, signal, queryCopy: { rows } }).catch((error: unknown) => error);
    const name = asked();
    if (name === undefined) {
      expect(outcome).toMatchObject({ exitCode: 1 });
      break;
    }
    met.add(name);
    expect(outcome, `${at}: ${name}`).toMatchObject({ code: 'VERIFY_ABORTED', name: 'VerifierError' });
  }
  expect([...met].sort()).toEqual(['bounds', 'describeTopic', 'fetch']);
});

test('a run whose anchor gives no answer is cancelled at once', async () => {
  const world = await World.small();
  const stop = new AbortController();
  const store = { ...memoryAnchorStore(), load: () => new Promise<never>(() => undefined) };
  const run = world.verify({ anchor: store, signal: stop.signal });
  stop.abort();
  await expect(run).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
});
