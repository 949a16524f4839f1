import { KafkaError } from '@tallystick/kafka/errors';
import type { Logger } from '@tallystick/kafka/logger';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { Appender, RecordLog } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { expectCode, readAll, record, valuesIn } from './records.ts';

const topic = 'audit.events';
let cluster: MemoryCluster;
let log: RecordLog;
let topicId: string;

beforeEach(() => {
  cluster = new MemoryCluster();
  ({ topicId } = cluster.createTopic(topic, { partitions: 2 }));
  log = cluster.connect();
});

async function stored(partition = 0): Promise<string[]> {
  return valuesIn(await readAll({ log: cluster.connect(), topic, topicId, partition, from: 0 }));
}

/** Counts the appenders made and dropped. */
function counting(inner: RecordLog) {
  const counted = {
    made: 0,
    dropped: 0,
    describeTopic: (name: string) => inner.describeTopic(name),
    fetch: (request: Parameters<RecordLog['fetch']>[0]) => inner.fetch(request),
    bounds: (name: string, partition: number) => inner.bounds(name, partition),
    close: () => inner.close(),
    async createAppender(): Promise<Appender> {
      const appender = await inner.createAppender();
      counted.made += 1;
      return {
        append: (name, partition, records) => appender.append(name, partition, records),
        drop() {
          counted.dropped += 1;
          appender.drop();
        },
      };
    },
  };
  return counted;
}

describe('a rejection that can pass', () => {
  test('is answered with a new appender and the same records', async () => {
    const counted = counting(log);
    const writer = new SafeWriter({ log: counted, topic });
    await writer.append(0, [record('0')]);
    cluster.rejectAppends(3);
    expect((await writer.append(0, [record('1'), record('2')])).baseOffset).toBe(1);
    await writer.close();
    expect(await stored()).toEqual(['0', '1', '2']);
    expect({ made: counted.made, dropped: counted.dropped }).toEqual({ made: 4, dropped: 4 });
  });

  test('whose records were stored all the same leads to duplicates, never to loss', async () => {
    const writer = new SafeWriter({ log, topic });
    cluster.loseAnswers(2);
    expect((await writer.append(0, [record('a'), record('b')])).baseOffset).toBe(4);
    await writer.append(0, [record('c')]);
    await writer.close();
    expect(await stored()).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'c']);
  });

  test('keeps later appends behind it', async () => {
    const writer = new SafeWriter({ log, topic });
    cluster.rejectAppends(2);
    await Promise.all(['0', '1', '2'].map((value) => writer.append(0, [record(value)])));
    await writer.close();
    expect(await stored()).toEqual(['0', '1', '2']);
  });

  test('when the connection fails too, it is made again', async () => {
    const writer = new SafeWriter({ log, topic });
    cluster.down = true;
    const append = writer.append(0, [record('x')]);
    const local = cluster;
    setTimeout(() => {
      local.down = false;
    }, 40);
    expect((await append).baseOffset).toBe(0);
    await writer.close();
  });

  test('is given up at the deadline with the last error, and the writer goes on after it', async () => {
    const writer = new SafeWriter({ log, topic, deadlineMs: 120 });
    cluster.rejectAppends(1_000);
    const error = await expectCode(writer.append(0, [record('lost')]), 'BROKER_ERROR');
    expect(error.retriable).toBe(true);
    cluster.clearFaults();
    expect((await writer.append(0, [record('kept')])).baseOffset).toBe(0);
    await writer.close();
    expect(await stored()).toEqual(['kept']);
  });

  test('is logged, without the records', async () => {
    const lines: [string, unknown][] = [];
    const logger: Logger = { info() {}, warn: (message, fields) => lines.push([message, fields]), error() {} };
    const writer = new SafeWriter({ log, topic, logger });
    cluster.rejectAppends(1);
    await writer.append(0, [record('secret')]);
    await writer.close();
    expect(lines).toEqual([
      [
        'An append failed and is tried again.',
        expect.objectContaining({ topic, partition: 0, attempt: 0, code: 'BROKER_ERROR' }),
      ],
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  test('a log that never answers is TIMED_OUT, and an appender that comes too late is dropped unused', async () => {
    const late = Promise.withResolvers<Appender>();
    let dropped = 0;
    let appended = 0;
    const slow: RecordLog = { ...counting(log), createAppender: () => late.promise };
    const writer = new SafeWriter({ log: slow, topic, deadlineMs: 30 });
    expect((await expectCode(writer.append(0, [record('x')]), 'TIMED_OUT')).retriable).toBe(true);
    late.resolve({
      append: () => {
        appended += 1;
        return Promise.resolve({ baseOffset: 0 });
      },
      drop: () => {
        dropped += 1;
      },
    });
    await writer.close();
    expect({ dropped, appended }).toEqual({ dropped: 1, appended: 0 });
  });
});

describe('a rejection that cannot pass', () => {
  test.each([
    'MESSAGE_TOO_LARGE',
    'NOT_AUTHORIZED',
    'INVALID_RECORD',
    'TOPIC_MISSING',
    'AUTHENTICATION_FAILED',
  ] as const)('%s comes back at once, and the next append works', async (code) => {
    const counted = counting(log);
    const writer = new SafeWriter({ log: counted, topic });
    cluster.rejectAppends(1, new KafkaError(code, 'no'));
    await expectCode(writer.append(0, [record('x')]), code);
    expect(counted.made).toBe(1);
    expect((await writer.append(0, [record('y')])).baseOffset).toBe(0);
    await writer.close();
    expect(counted.made).toBe(2);
  });

  test('a missing right names principal, operation and topic', async () => {
    const writer = new SafeWriter({ log: cluster.connect({ principal: 'User:poor', denyWrite: [topic] }), topic });
    const error = await expectCode(writer.append(0, [record('x')]), 'NOT_AUTHORIZED');
    expect(error.message).toContain('User:poor lacks the right Write on topic audit.events');
    await writer.close();
  });

  test('in the middle of several batches says what is stored', async () => {
    const writer = new SafeWriter({ log, topic, maxBatchBytes: 1_000 });
    cluster.inject({ on: 'append', error: new KafkaError('NOT_AUTHORIZED', 'no more'), skip: 2 });
    const records = Array.from({ length: 5 }, (_, index) => record(String(index).padEnd(800)));
    const error = await expectCode(writer.append(0, records), 'NOT_AUTHORIZED');
    expect(error.evidence['stored']).toEqual([
      { baseOffset: 0, count: 1 },
      { baseOffset: 1, count: 1 },
    ]);
    await writer.close();
    expect((await stored()).length).toBe(2);
  });

  test('a programming error is not taken for one of Kafka', async () => {
    const broken: RecordLog = { ...counting(log), createAppender: () => Promise.reject(new TypeError('bug')) };
    const writer = new SafeWriter({ log: broken, topic });
    await expect(writer.append(0, [record('x')])).rejects.toThrow(TypeError);
    await writer.close();
  });
});

describe('ending', () => {
  test('drop rejects what waits and what is under way', async () => {
    const writer = new SafeWriter({ log, topic });
    cluster.rejectAppends(1_000);
    const first = writer.append(0, [record('a')]);
    const second = writer.append(0, [record('b')]);
    const both = Promise.all([expectCode(first, 'ABORTED'), expectCode(second, 'ABORTED')]);
    setTimeout(() => writer.drop(), 20);
    await both;
    await expectCode(writer.append(0, [record('c')]), 'CLOSED');
  });
});

test('property: whatever is rejected or lost, everything acknowledged is there and first occurrences are in order', async () => {
  const faults = fc.array(fc.constantFrom('ok', 'reject', 'lose'), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(faults, async (plan) => {
      const fresh = new MemoryCluster();
      const { topicId: id } = fresh.createTopic(topic);
      const retriable = new KafkaError('UNREACHABLE', 'injected', { retriable: true });
      let skip = 0;
      for (const step of plan) {
        if (step === 'ok') skip += 1;
        else {
          fresh.inject({ on: 'append', error: retriable, persisted: step === 'lose', skip });
          skip = 0;
        }
      }
      const inner = fresh.connect();
      const writer = new SafeWriter({ log: inner, topic, deadlineMs: 600_000 });
      const values = Array.from({ length: 8 }, (_, index) => String(index));
      const answers = await Promise.all(values.map((value) => writer.append(0, [record(value)])));
      await writer.close();
      const found = valuesIn(await readAll({ log: inner, topic, topicId: id, partition: 0, from: 0 }));
      expect([...new Set(found)]).toEqual(values);
      expect(answers.map(({ baseOffset }) => found[baseOffset])).toEqual(values);
    }),
    { numRuns: 12 },
  );
});
