import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { KafkaError } from '@tallystick/kafka/errors';
import { batchField } from '@tallystick/kafka/batch-encoder';
import { describe, expect, test } from 'vitest';
import type { VerifyOptions } from '../src/verify.ts';
import { World, summary, topics } from './support/world.ts';

// What a broker does while a verification reads: each has a code and an exit, and none takes longer than the deadlines that it may.

type Answers = (answer: FetchResponse, request: FetchRequest, nth: number) => FetchResponse | Promise<FetchResponse>;
const names = ['events', 'seals', 'leaves'] as const;
type Name = (typeof names)[number];

/** A connection whose answers to fetches of one topic are changed; `nth` counts them from 0. */
function answering(world: World, which: Name, change: Answers): RecordLog {
  let nth = 0;
  return Object.assign(Object.create(world.log) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      const answer = await world.log.fetch(request);
      return request.topic === topics[which] ? await change(answer, request, nth++) : answer;
    },
  });
}

/** Where what is asked for never comes. */
const soon = { deadlineMs: 200 };

async function judged(world: World, which: Name, change: Answers, options: Partial<VerifyOptions> = {}) {
  const from = performance.now();
  const verdict = await world.verify({ log: answering(world, which, change), ...options });
  // A handful of deadlines at most, on a machine that has other things to do too.
  expect(performance.now() - from).toBeLessThan(20_000);
  return { exit: verdict.exitCode, found: summary(verdict), verdict };
}

const empty = new Uint8Array();
const cut = (bytes: Uint8Array, length: number) => bytes.subarray(0, Math.max(0, length));
const firstLength = (bytes: Uint8Array) =>
  bytes.length < 12 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getInt32(batchField.batchLength) + 12;

describe('disturbances that pass change nothing', () => {
  test.each(names)('%s: nothing at first, then what is there', async (which) => {
    const { exit, found } = await judged(await World.small(), which, (answer, _, nth) =>
      nth < 2 ? { ...answer, records: empty } : answer,
    );
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });

  test.each(names)('%s: one batch a fetch, and a piece of the next', async (which) => {
    const { exit, found } = await judged(await World.small(), which, (answer) => ({
      ...answer,
      records: cut(answer.records, firstLength(answer.records) + 30),
    }));
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });

  test.each(names)('%s: half a batch once', async (which) => {
    const { exit, found } = await judged(await World.small(), which, (answer, _, nth) =>
      nth === 0 ? { ...answer, records: cut(answer.records, 40) } : answer,
    );
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });

  test.each(names)('%s: a byte that was changed on its way, once', async (which) => {
    const { exit, found } = await judged(await World.small(), which, (answer, _, nth) => {
      const records = Uint8Array.from(answer.records);
      if (nth === 0 && records.length > 70) records[70] = (records[70] ?? 0) ^ 1;
      return { ...answer, records };
    });
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });

  test.each(names)('%s: half an answer, and the connection is closed', async (which) => {
    const { exit, found } = await judged(await World.small(), which, (answer, _, nth) => {
      if (nth % 2 === 1) return answer;
      throw new KafkaError('UNREACHABLE', 'The connection was closed in the middle of an answer.', { retriable: true });
    });
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });

  test.each(names)('%s: a high watermark that goes back and forth', async (which) => {
    const { exit, found } = await judged(await World.small(), which, (answer, { offset }, nth) =>
      nth % 2 === 0 && offset > 0 ? { ...answer, highWatermark: offset - 1, records: empty } : answer,
    );
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });

  test.each(names)('%s: a former leader that answers between', async (which) => {
    const world = await World.small();
    const { exit, found } = await judged(world, which, (answer, { lastFetchedEpoch }, nth) =>
      nth % 2 === 1 && lastFetchedEpoch >= 0
        ? { ...answer, records: empty, leaderEpoch: -1, diverging: { epoch: 0, endOffset: 0 } }
        : answer,
    );
    expect({ exit, found }).toEqual({ exit: 0, found: [] });
  });
});

describe('what does not pass has its code, and ends', () => {
  test('events: nothing is ever sent, although there should be something', async () => {
    const { exit, found } = await judged(
      await World.small(),
      'events',
      (answer) => ({ ...answer, records: empty }),
      soon,
    );
    expect({ exit, found }).toEqual({ exit: 1, found: ['missing-offsets 0 offsets 0-9'] });
  });

  test('statements: nothing is ever sent', async () => {
    const { exit, found } = await judged(
      await World.small(),
      'seals',
      (answer) => ({ ...answer, records: empty }),
      soon,
    );
    expect({ exit, found }).toEqual({ exit: 1, found: ['nothing-to-check - -', 'missing-offsets 0 offsets 0-4'] });
  });

  test('events: half of the first batch, again and again', async () => {
    const { exit, found } = await judged(await World.small(), 'events', (answer) => ({
      ...answer,
      records: cut(answer.records, 40),
    }));
    expect(exit).toBe(1);
    expect(found).toContain('bad-crc 0 offsets 0-0');
  });

  test('statements: half of the first batch, again and again', async () => {
    const { exit, found } = await judged(await World.small(), 'seals', (answer) => ({
      ...answer,
      records: cut(answer.records, 40),
    }));
    expect(exit).toBe(1);
    expect(found).toContain('bad-crc 0 offsets 0-0');
  });

  test.each(['events', 'seals'] as const)('%s: a high watermark that stays below what was read', async (which) => {
    const { exit, verdict } = await judged(
      await World.small(),
      which,
      (answer, { offset }) =>
        offset === 0
          ? { ...answer, records: cut(answer.records, firstLength(answer.records)) }
          : { ...answer, highWatermark: 0, records: empty },
      soon,
    );
    expect(exit).toBe(3);
    expect(verdict.findings.map(({ code, found }) => `${code} ${found}`)).toContain('unavailable TIMED_OUT');
  });

  test.each(['events', 'seals'] as const)('%s: every answer closes the connection', async (which) => {
    const { exit, verdict } = await judged(
      await World.small(),
      which,
      () => {
        throw new KafkaError('UNREACHABLE', 'The connection was closed in the middle of an answer.', {
          retriable: true,
        });
      },
      soon,
    );
    expect(exit).toBe(3);
    expect(verdict.findings.map(({ code, found }) => `${code} ${found}`)).toContain('unavailable UNREACHABLE');
  });

  test('a leader epoch that goes back in what is stored is judged by the records', async () => {
    const world = await World.make();
    await world.emit(0, 2);
    world.cluster.bumpLeaderEpoch(topics.events, 0);
    await world.emit(0, 2);
    await world.emit(0, 2);
    await world.seal(0);
    const last = world.cluster.batches(topics.events, 0)[2]!;
    last.writeInt32BE(0, batchField.leaderEpoch);
    const { exit, found } = await judged(world, 'events', (answer) => answer);
    expect({ exit, found }).toEqual({ exit: 1, found: ['epoch-mismatch 0 offsets 0-5'] });
  });
});

describe('what is done to the topics in the middle', () => {
  /** Does it once, behind the first batch of the topic. */
  const after =
    (what: () => void): Answers =>
    (answer, _, nth) => {
      if (nth === 1) what();
      return nth === 0
        ? { ...answer, records: cut(answer.records, firstLength(answer.records)) }
        : { ...answer, records: empty, ...(nth === 1 ? {} : answer) };
    };

  test('the events topic deleted', async () => {
    const world = await World.small();
    const gone = after(() => world.cluster.deleteTopic(topics.events));
    const { exit, found } = await judged(world, 'events', gone);
    expect(exit).toBe(1);
    expect(found).toEqual(['topic-missing 0 offsets 0-7']);
  });

  test('the events topic deleted and made anew', async () => {
    const world = await World.small();
    const anew = after(() => void world.cluster.recreateTopic(topics.events));
    const { exit, found } = await judged(world, 'events', anew);
    expect({ exit, found }).toEqual({ exit: 1, found: ['topic-recreated 0 offsets 0-7'] });
  });

  test('the statements deleted, or made anew: nothing was decided', async () => {
    for (const change of ['deleteTopic', 'recreateTopic'] as const) {
      const world = await World.small();
      const { exit } = await judged(
        world,
        'seals',
        after(() => void world.cluster[change](topics.seals)),
      );
      expect(exit).toBe(3);
    }
  });

  test('events deleted (DeleteRecords) that were not read yet', async () => {
    const world = await World.small();
    const { exit, found } = await judged(
      world,
      'events',
      after(() => world.cluster.deleteRecords(topics.events, 0, 7)),
    );
    expect(exit).toBe(1);
    expect(found).toEqual(['deleted 0 offsets 0-3', 'deleted 0 offsets 4-6']);
  });

  test('statements deleted that were not read yet', async () => {
    const world = await World.small();
    const { exit, found } = await judged(
      world,
      'seals',
      after(() => world.cluster.deleteRecords(topics.seals, 0, 3)),
    );
    expect(exit).toBe(1);
    expect(found).toContain('deleted 0 offsets 1-2');
  });

  test('a partition added behind the statements that were read: the others are judged, and nothing is verified of it', async () => {
    const world = await World.small();
    const log = Object.assign(Object.create(world.log) as RecordLog, {
      describeTopic: async (name: string) => {
        const topic = await world.log.describeTopic(name);
        if (name !== topics.events) return topic;
        return { ...topic, partitions: [...topic.partitions, { partition: 1, leader: 0, leaderEpoch: 0 }] };
      },
    });
    const verdict = await world.verify({ log });
    expect(verdict.exitCode).toBe(3);
    expect(summary(verdict)).toEqual(['no-genesis 1 -']);
    expect(verdict.checked.events).toBe(8);
  });
});
