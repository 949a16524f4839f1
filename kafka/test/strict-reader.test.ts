import { encodeBatch } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryFixture, topic, watched } from './memory-fixture.ts';
import { expectCode, readAll, readUntilError, record, valuesIn } from './records.ts';

let fixture: ReturnType<typeof memoryFixture>;
let cluster: MemoryCluster;
let log: RecordLog;
const fill = (batches: number) => fixture.fill(batches);
const options = (changes: object = {}) => fixture.options(changes);

beforeEach(() => {
  fixture = memoryFixture();
  ({ cluster, log } = fixture);
});

describe('a leader of an earlier epoch than was read', () => {
  /** Answers as it does for so many fetches, then as the leader. */
  const stale = (fetches: number, answer: Partial<FetchResponse>): RecordLog => {
    let left = fetches;
    const fetch: RecordLog['fetch'] = async (request) => {
      const real = await log.fetch(request);
      left -= 1;
      return left < 0 ? real : { ...real, records: new Uint8Array(), ...answer };
    };
    return Object.assign(Object.create(log), { fetch });
  };
  const outOfRange = { error: 1, highWatermark: -1, logStart: -1, leaderEpoch: 1 };
  const diverging = { diverging: { epoch: 1, endOffset: 2 }, leaderEpoch: 1 };

  beforeEach(() => {
    fill(2);
    cluster.bumpLeaderEpoch(topic, 0);
    cluster.bumpLeaderEpoch(topic, 0);
    fill(1);
  });

  test.each([
    ['that the position is out of range', outOfRange],
    ['that the log diverges', diverging],
  ])('says %s: it is asked again, and the true leader goes on', async (_, answer) => {
    fill(1);
    const chunks = await readAll(options({ log: stale(3, answer), from: 6, lastEpoch: 2, deadlineMs: 60_000 }));
    expect(valuesIn(chunks)).toEqual(['0', '1']);
  });

  test.each([
    ['OFFSET_OUT_OF_RANGE', outOfRange],
    ['LOG_DIVERGED', diverging],
  ])('and stays so: %s at the deadline, not a time-out that would be waited for', async (code, answer) => {
    const startedAt = performance.now();
    const { error } = await readUntilError(options({ log: stale(Infinity, answer), from: 6, lastEpoch: 2 }));
    expect(error).toMatchObject({ code, retriable: false });
    expect(performance.now() - startedAt).toBeGreaterThan(250);
  });

  test('a leader of this epoch or a later one is believed at once', async () => {
    for (const leaderEpoch of [2, 3]) {
      const startedAt = performance.now();
      const log = stale(Infinity, { ...outOfRange, leaderEpoch });
      const { error } = await readUntilError(options({ log, from: 6, lastEpoch: 2, deadlineMs: 20_000 }));
      expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    }
  });

  test('that records were deleted is believed of anybody: a log start only grows', async () => {
    cluster.deleteRecords(topic, 0, 6);
    fill(1);
    const log = stale(Infinity, outOfRange);
    const { error } = await readUntilError(options({ log, from: 2, lastEpoch: 2, deadlineMs: 20_000 }));
    expect(error).toMatchObject({ code: 'RECORDS_DELETED' });
  });
});

describe('history that changed', () => {
  const lastEpoch = 0;

  test('truncated and written again: LOG_DIVERGED, with where the epochs part', async () => {
    fill(3);
    cluster.truncate(topic, 0, 2);
    fill(3);
    const { error } = await readUntilError(options({ from: 6, lastEpoch }));
    expect(error).toMatchObject({
      code: 'LOG_DIVERGED',
      evidence: { topic, partition: 0, offset: 6, expected: 'epoch 0 up to 6', found: 'epoch 0 ends at 2' },
    });
  });

  test('truncated while following: found at the next fetch', async () => {
    fill(3);
    const reader = readPartition(options({ follow: true }));
    await reader.next();
    cluster.truncate(topic, 0, 4);
    const ended = (async () => {
      for await (const chunk of reader) expect(chunk.batches).toEqual([]);
    })();
    await expectCode(ended, 'LOG_DIVERGED');
  });

  test('without the epoch before, a truncated log is out of range', async () => {
    fill(3);
    cluster.truncate(topic, 0, 2);
    const { error } = await readUntilError(options({ from: 6 }));
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', evidence: { logStart: 0, highWatermark: 2 } });
  });

  test('a new leader epoch alone changes nothing', async () => {
    fill(1);
    cluster.bumpLeaderEpoch(topic, 0);
    fill(1);
    expect((await readAll(options())).at(-1)?.nextOffset).toBe(4);
    expect((await readAll(options({ from: 2, lastEpoch }))).at(-1)?.nextOffset).toBe(4);
  });

  test('deleted while reading: RECORDS_DELETED after what came before', async () => {
    fill(6);
    const length = fixture.batch(0).length;
    const reader = readPartition(options({ maxBytes: length }));
    expect((await reader.next()).value?.nextOffset).toBe(2);
    cluster.deleteRecords(topic, 0, 9);
    const seen: number[] = [];
    const ended = (async () => {
      for await (const chunk of reader) seen.push(chunk.nextOffset);
    })();
    const error = await expectCode(ended, 'RECORDS_DELETED');
    expect(error.evidence).toMatchObject({ offset: seen.at(-1) ?? 2, logStart: 9 });
  });
});

describe('disturbances that pass', () => {
  test.each([-1, 5, 6, 9, 56, 74, 75, 78])('Kafka error %i is asked again', async (code) => {
    fill(2);
    cluster.inject({ on: 'fetch', error: code, times: 3 });
    expect((await readAll(options({ deadlineMs: 60_000 }))).at(-1)?.nextOffset).toBe(4);
  });

  test('one that does not pass is BROKER_ERROR at the deadline', async () => {
    fill(1);
    cluster.inject({ on: 'fetch', error: 6, times: 1_000 });
    const { error } = await readUntilError(options());
    expect(error).toMatchObject({ code: 'BROKER_ERROR', retriable: true, evidence: { found: 6 } });
  });

  test('any other error of the broker stops at once', async () => {
    fill(1);
    cluster.inject({ on: 'fetch', error: 35, times: 1 });
    const { error } = await readUntilError(options());
    expect(error).toMatchObject({ code: 'BROKER_ERROR', retriable: false, evidence: { found: 35 } });
    cluster.inject({ on: 'fetch', error: 2, times: 1 });
    await expectCode(readAll(options()), 'BATCH_INVALID');
  });

  test('a broker that is away for a while costs nothing but time', async () => {
    fill(3);
    const length = fixture.batch(0).length;
    const reader = readPartition(options({ maxBytes: length, deadlineMs: 60_000 }));
    await reader.next();
    cluster.down = true;
    expect((await reader.next()).value?.nextOffset).toBe(4);
    let up = false;
    const last = reader.next();
    setTimeout(() => {
      up = true;
      cluster.down = false;
    }, 60);
    expect((await last).value?.nextOffset).toBe(6);
    expect(up).toBe(true);
  });

  test('one that stays away is UNREACHABLE at the deadline', async () => {
    cluster.down = true;
    expect((await readUntilError(options())).error).toMatchObject({ code: 'UNREACHABLE', retriable: true });
  });

  test('a log that never answers is TIMED_OUT', async () => {
    const silent = { ...watched(log, () => {}), fetch: () => new Promise<never>(() => {}) };
    expect((await readUntilError(options({ log: silent, deadlineMs: 50 }))).error).toMatchObject({
      code: 'TIMED_OUT',
      retriable: true,
    });
  });

  test('while following, the caller keeps its clock during a disturbance', async () => {
    fill(1);
    const reader = readPartition(options({ follow: true, deadlineMs: 60_000 }));
    expect((await reader.next()).value?.nextOffset).toBe(2);
    cluster.inject({ on: 'fetch', error: 6, times: 2 });
    for (let turn = 0; turn < 3; turn += 1)
      expect((await reader.next()).value).toMatchObject({ batches: [], nextOffset: 2 });
    await reader.return();
  });

  test('a high watermark below the position is waited for, not taken for a truncation', async () => {
    fill(3);
    cluster.holdHighWatermark(topic, 0, 2);
    const reading = readAll(options({ from: 4, lastEpoch: 0, deadlineMs: 60_000 }));
    setTimeout(() => cluster.holdHighWatermark(topic, 0, null), 60);
    expect(valuesIn(await reading)).toEqual(['4', '5']);
  });

  test('but not for ever', async () => {
    fill(3);
    cluster.holdHighWatermark(topic, 0, 2);
    const { chunks, error } = await readUntilError(options({ from: 4, lastEpoch: 0 }));
    expect(chunks).toEqual([]);
    expect(error).toMatchObject({ code: 'TIMED_OUT', retriable: true, evidence: { expected: '>= 4', found: 2 } });
  });

  test('error 100 for a topic that is still the same is asked again', async () => {
    fill(1);
    cluster.inject({ on: 'fetch', error: 100, times: 5 });
    expect((await readAll(options({ deadlineMs: 60_000 }))).at(-1)?.nextOffset).toBe(2);
  });

  test('a topic that is missed only once is asked again', async () => {
    fill(1);
    cluster.inject({ on: 'fetch', error: 3 });
    cluster.inject({ on: 'describe', error: new KafkaError('TOPIC_MISSING', 'not known yet') });
    expect((await readAll(options({ deadlineMs: 60_000 }))).at(-1)?.nextOffset).toBe(2);
  });

  test('a missing right stops at once and says which', async () => {
    fill(1);
    const poor = cluster.connect({ principal: 'User:poor', denyRead: [topic] });
    const { error } = await readUntilError(options({ log: poor }));
    expect(error).toMatchObject({
      code: 'NOT_AUTHORIZED',
      evidence: { principal: 'User:poor', operation: 'Read', resource: `topic ${topic}` },
    });
    expect(error.message).toContain('User:poor lacks the right Read on topic audit.events');
  });

  test('refusals of the login are not asked again', async () => {
    let calls = 0;
    cluster.inject({ on: 'fetch', error: new KafkaError('AUTHENTICATION_FAILED', 'wrong password'), times: 5 });
    await expectCode(readAll(options({ log: watched(log, () => (calls += 1)) })), 'AUTHENTICATION_FAILED');
    expect(calls).toBe(1);
  });
});

describe('running', () => {
  test('one fetch is under way while the caller works, and no more', async () => {
    fill(4);
    const length = fixture.batch(0).length;
    const offsets: number[] = [];
    const reader = readPartition(
      options({ maxBytes: length, log: watched(log, ({ offset }) => offsets.push(offset)) }),
    );
    await reader.next();
    await Promise.resolve();
    expect(offsets).toEqual([0, 2]);
    await reader.next();
    expect(offsets).toEqual([0, 2, 4]);
    await reader.return();
  });

  test('fetches name the epoch of the last batch', async () => {
    fill(1);
    cluster.bumpLeaderEpoch(topic, 0);
    fill(1);
    const epochs: number[] = [];
    const length = fixture.batch(0).length;
    for await (const chunk of readPartition(
      options({ maxBytes: length, to: 4, log: watched(log, (request) => epochs.push(request.lastFetchedEpoch)) }),
    )) {
      expect(chunk.batches.length).toBe(1);
    }
    expect(epochs).toEqual([-1, 0]);
  });

  test('a caller that is slow after a failed prefetch does not lose its deadline', async () => {
    fill(2);
    const length = fixture.batch(0).length;
    const reader = readPartition(options({ maxBytes: length, deadlineMs: 1_000 }));
    cluster.inject({ on: 'fetch', error: 6, skip: 1 });
    await reader.next();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await reader.next()).value?.nextOffset).toBe(4);
    await reader.return();
  });

  test('an aborted signal ends it with ABORTED, before and during a wait', async () => {
    fill(1);
    await expectCode(readAll(options({ signal: AbortSignal.abort() })), 'ABORTED');
    const stop = new AbortController();
    const reader = readPartition(options({ follow: true, maxWaitMs: 60_000, signal: stop.signal }));
    await reader.next();
    const waiting = reader.next();
    stop.abort();
    await expectCode(waiting, 'ABORTED');
  });

  test('property: any batches, fetch size, start and end give exactly the records asked for', async () => {
    const counts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        counts,
        fc.integer({ min: 1, max: 800 }),
        fc.nat(),
        fc.nat(),
        fc.array(fc.nat(12)),
        async (sizes, maxBytes, a, b, bumps) => {
          const fresh = new MemoryCluster();
          const { topicId: id } = fresh.createTopic(topic);
          let next = 0;
          for (const [index, size] of sizes.entries()) {
            if (bumps.includes(index)) fresh.bumpLeaderEpoch(topic, 0);
            fresh.appendRaw(
              topic,
              0,
              encodeBatch(
                Array.from({ length: size }, () => record(String(next++))),
                1,
              ),
            );
          }
          const from = a % next;
          const to = from + 1 + (b % (next - from));
          const chunks = await readAll({ log: fresh.connect(), topic, topicId: id, partition: 0, from, to, maxBytes });
          const values = valuesIn(chunks, from).slice(0, to - from);
          expect(values).toEqual(Array.from({ length: to - from }, (_, index) => String(from + index)));
        },
      ),
      { numRuns: 150 },
    );
  });
});
