import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { afterEach, describe, expect, test } from 'vitest';
import { throttled, ThrottleLimit } from '../src/throttle.ts';
import { memoryFixture } from './memory-fixture.ts';
import { expectCode, readAll, readUntilError, record, rejection, valuesIn } from './records.ts';
import { fakeBroker, fakeTopic, fakeTopicId } from './throttling-broker.ts';
import type { FakeBroker, FetchAnswer } from './throttling-broker.ts';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function broker(answer: (nth: number) => FetchAnswer): Promise<{ broker: FakeBroker; log: RecordLog }> {
  const made = await fakeBroker(answer);
  ends.push(made.close);
  const log = connectRecordLog({ brokers: [made.address] });
  ends.push(() => log.close());
  return { broker: made, log };
}

const served: FetchAnswer = { records: encodeBatch([record('a'), record('b')], 1), highWatermark: 2 };

function reading(log: RecordLog, changes: object = {}) {
  return { log, topic: fakeTopic, topicId: fakeTopicId, partition: 0, from: 0, maxWaitMs: 5, ...changes };
}

describe('a broker that throttles', () => {
  test('is waited for and asked again on the same connection; its empty answer is no end of the log', async () => {
    const { broker: made, log } = await broker((nth) => (nth < 3 ? { throttleMs: 1_200 } : served));
    // The deadline is shorter than all the throttling together, and longer than a machine stalls.
    const chunks = await readAll(reading(log, { deadlineMs: 3_500 }));
    expect(valuesIn(chunks)).toEqual(['a', 'b']);
    const [first = 0, ...others] = made.fetches;
    expect(others).toHaveLength(3);
    expect((others.at(-1) ?? 0) - first).toBeGreaterThan(3_500);
    // One for the description, the fetches on one more at most.
    expect(made.connections()).toBeLessThanOrEqual(2);
  });

  test('is asked by others on another connection, as the one that it throttles is not looked at', async () => {
    const { broker: made, log } = await broker((nth) => (nth === 0 ? { throttleMs: 60_000 } : served));
    const error = await expectCode(log.fetch({ ...reading(log), ...asked }), 'TIMED_OUT');
    expect(error).toMatchObject({ retriable: true, evidence: { throttleMs: 60_000, principal: 'User:ANONYMOUS' } });
    expect(error.message).toContain('consumer_byte_rate');
    const from = performance.now();
    expect(await log.fetch({ ...reading(log), ...asked })).toMatchObject({ error: 0, highWatermark: 2 });
    expect(await log.bounds(fakeTopic, 0)).toEqual({ logStart: 0, highWatermark: 5 });
    expect(performance.now() - from).toBeLessThan(30_000);
    expect(made.connections()).toBeGreaterThan(1);
  });

  test('questions that it throttles are answered all the same', async () => {
    const { broker: made, log } = await broker(() => served);
    made.throttleQuestionsMs = 150;
    expect(await log.describeTopic(fakeTopic)).toMatchObject({ topicId: fakeTopicId });
    expect(await log.bounds(fakeTopic, 0)).toEqual({ logStart: 0, highWatermark: 5 });
    expect(valuesIn(await readAll(reading(log)))).toEqual(['a', 'b']);
  });

  test('for long is left by a signal at once', async () => {
    const { log } = await broker(() => ({ throttleMs: 2_000_000_000 }));
    const stop = new AbortController();
    const read = rejection(readAll(reading(log, { signal: stop.signal })));
    setTimeout(() => stop.abort(), 100);
    const from = performance.now();
    expect((await read).code).toBe('ABORTED');
    expect(performance.now() - from).toBeLessThan(30_000);
  });

  test('an answer that names nothing and throttles nothing stays one that cannot be understood', async () => {
    const { log } = await broker(() => ({ throttleMs: 0 }));
    await expectCode(readAll(reading(log)), 'PROTOCOL');
  });
});

const asked = { offset: 0, lastFetchedEpoch: -1, maxBytes: 1_000, maxWaitMs: 0 };

describe('how long it is waited', () => {
  const held = (ms: number) => throttled('a fetch', 'User:verifier', ms);

  test('sixty deadlines without one answer, and no more', () => {
    const limit = new ThrottleLimit(1_000);
    expect(limit.wait(held(45_000), 5)).toBe(45_000);
    expect(limit.wait(held(45_000), 45_005)).toBe(15_000);
    expect(() => limit.wait(held(1), 60_005)).toThrow(/Nothing else was answered for 60000 ms/);
    limit.clear();
    expect(limit.wait(held(2 ** 31 - 1), 70_000)).toBe(60_000);
    expect(limit.wait(new KafkaError('TIMED_OUT', 'silent', { retriable: true }), 0)).toBeNull();
    expect(limit.wait(new TypeError('bug'), 0)).toBeNull();
  });

  test('one that only ever throttles ends the reader with what to do', async () => {
    const { log, fill, options } = memoryFixture();
    fill(1);
    const through = Object.assign(Object.create(log) as RecordLog, { fetch: () => Promise.reject(held(7)) });
    const { error } = await readUntilError(options({ log: through, deadlineMs: 3 }));
    expect(error).toMatchObject({ code: 'TIMED_OUT', retriable: true });
    expect(error.message).toContain('raise the quota');
    expect(error.evidence['throttleMs']).toBeUndefined();
  });

  test('what lasts besides still ends at the deadline, throttled in between or not', async () => {
    const { log, fill, options } = memoryFixture();
    fill(1);
    let nth = 0;
    const gone = new KafkaError('UNREACHABLE', 'gone', { retriable: true });
    const through = Object.assign(Object.create(log) as RecordLog, {
      fetch: () => Promise.reject(nth++ % 2 === 0 ? gone : held(20)),
    });
    const from = performance.now();
    const { error } = await readUntilError(options({ log: through, deadlineMs: 400 }));
    expect(error.code).toBe('UNREACHABLE');
    // Not sixty times.
    expect(performance.now() - from).toBeLessThan(20_000);
    expect(nth).toBeGreaterThan(2);
  });

  test('one who follows has a clock while it is throttled', async () => {
    const { log, fill, options } = memoryFixture();
    fill(1);
    let nth = 0;
    const through = Object.assign(Object.create(log) as RecordLog, {
      fetch: async (request: Parameters<RecordLog['fetch']>[0]) => {
        if (nth++ > 0) throw held(60_000);
        return await log.fetch(request);
      },
    });
    let empty = 0;
    const from = performance.now();
    for await (const { batches } of readPartition(options({ log: through, follow: true }))) {
      if (batches.length === 0) empty += 1;
      if (empty === 2) break;
    }
    expect(performance.now() - from).toBeLessThan(50_000);
  });
});
