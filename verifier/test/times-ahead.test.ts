// A stored time that lies ahead of the clock tells no age: a limit of age then is not kept.
import { expect, test } from 'vitest';
import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { FetchRequest } from '@tallystick/kafka/record-log';
import { MemoryCopy } from './query-copy/memory-copy.ts';
import { World, summary, topics } from './support/world.ts';

const day = 86_400_000;
const minute = 60_000;
const start = 1_700_000_000_000;

/** A small log whose unsealed tail has another stored time. */
async function withTailOf(time: number): Promise<World> {
  const world = await World.small();
  const tail = world.cluster.batches(topics.events, 0).at(-1) as Buffer;
  tail.writeBigInt64BE(BigInt(time), batchField.maxTimestamp);
  sealCrc(tail);
  return world;
}

test.each([
  ['old', start, ['tail-old 0 -']],
  ['new', start + day - minute, []],
  ['ahead as clocks are', start + day + 4 * minute, []],
  ['further ahead', start + day + 6 * minute, ['tail-old 0 -']],
  ['ahead by centuries', 9_000_000_000_000, ['tail-old 0 -']],
])('an unsealed tail whose stored time is %s', async (_, time, findings) => {
  const world = await withTailOf(time);
  const verdict = await world.verify({ maxTailAgeMs: 2 * minute, now: () => start + day });
  expect(summary(verdict)).toEqual(findings);
  expect(verdict.exitCode).toBe(findings.length === 0 ? 0 : 3);
});

test('a record that was stored while the run read is not ahead', async () => {
  const world = await withTailOf(start + day + 60 * minute);
  let now = start + day;
  const log = new Proxy(world.log, {
    get: (target, name) => {
      // Once records are read an hour has passed.
      if (name === 'fetch')
        return async (request: FetchRequest) => {
          if (request.topic === topics.events) now = start + day + 61 * minute;
          return await target.fetch(request);
        };
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  expect(await world.verify({ log, maxTailAgeMs: 2 * minute, now: () => now })).toMatchObject({ exitCode: 0 });
  expect(now).toBe(start + day + 61 * minute);
});

test.each([
  ['old', start, 3],
  ['ahead as clocks are', start + day + 4 * minute, 0],
  ['further ahead', start + day + 6 * minute, 3],
])('rows of the query copy that are missing for records whose stored time is %s', async (_, time, exitCode) => {
  const world = await withTailOf(time);
  const copy = await MemoryCopy.of(world);
  copy.remove(({ offset }) => offset >= 8);
  copy.nextOffset = 8;
  const verdict = await world.verify({ queryCopy: { rows: copy, maxLagMs: 2 * minute }, now: () => start + day });
  expect(summary(verdict)).toEqual(exitCode === 0 ? [] : ['copy-behind 0 -']);
  expect(verdict.exitCode).toBe(exitCode);
});
