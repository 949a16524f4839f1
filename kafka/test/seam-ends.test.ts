import { AnswerEnds, readPartition } from '@tallystick/kafka/strict-reader';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryFixture } from './memory-fixture.ts';
import { expectCode, readAll, valuesIn } from './records.ts';

// Where answers end, and that what was seen behind a batch is still there when the next answer begins.

let fixture: ReturnType<typeof memoryFixture>;
let asked: FetchRequest[];

beforeEach(() => {
  fixture = memoryFixture();
  asked = [];
  fixture.fill(4);
});

type Answer = (request: FetchRequest, plain: FetchResponse, nth: number) => FetchResponse;

/** Reads from batch to batch. @param answer in place of what the cluster gives, counted from 0 */
const options = (answer: Answer = (_, plain) => plain, changes: object = {}) => {
  const inner = fixture.log;
  const log = Object.assign(Object.create(inner) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      asked.push(request);
      const nth = asked.length - 1;
      return answer(request, await inner.fetch({ ...request, maxBytes: 10_000 }), nth);
    },
  });
  return fixture.options({ log, contiguous: true, maxBytes: 1_000, ...changes });
};
const all = Array.from({ length: 8 }, (_, at) => String(at));
/** The first batches of an answer, and so many bytes of the next. */
const first = (count: number, more: number, answer: FetchResponse): FetchResponse => ({
  ...answer,
  records: answer.records.slice(0, count * fixture.batch(0).length + more),
});
const none = (answer: FetchResponse): FetchResponse => ({ ...answer, records: new Uint8Array() });

describe('what was seen behind a batch is still there', () => {
  test.each([1, 30, 60, 61, 70])('%i bytes of it', async (more) => {
    const answer: Answer = (_, plain, nth) => (nth === 0 ? first(1, more, plain) : plain);
    expect(valuesIn(await readAll(options(answer)))).toEqual(all);
  });

  test.each([9, 30, 60, 61, 70])('another batch comes of which %i bytes were seen: LOG_DIVERGED', async (more) => {
    const answer: Answer = (_, plain, nth) => {
      if (nth > 0) return plain;
      const answer = first(1, more, plain);
      const { records } = answer;
      records[records.length - 1] = (records.at(-1) ?? 0) ^ 1;
      return answer;
    };
    const error = await expectCode(readAll(options(answer)), 'LOG_DIVERGED');
    expect(error.evidence).toMatchObject({ offset: 2, found: null });
    expect(asked.length).toBeLessThan(12);
  });

  test('nothing at all comes where that batch is asked for: LOG_DIVERGED', async () => {
    const answer: Answer = ({ offset }, plain, nth) =>
      nth === 0 ? first(1, 0, plain) : offset === 0 ? none(plain) : plain;
    await expectCode(readAll(options(answer)), 'LOG_DIVERGED');
  });

  test('it lies at the end of a file of the log: what is due is asked for', async () => {
    const answer: Answer = ({ offset }, plain) => (offset === 0 ? first(1, 0, plain) : plain);
    expect(valuesIn(await readAll(options(answer)))).toEqual(all);
    expect(asked.map(({ offset }) => offset)).toEqual([0, 0, 2]);
  });

  test('it lies at the end of a file of the log, but something was seen behind it: LOG_DIVERGED', async () => {
    const answer: Answer = ({ offset }, plain, nth) => (offset === 0 ? first(1, nth === 0 ? 30 : 0, plain) : plain);
    await expectCode(readAll(options(answer)), 'LOG_DIVERGED');
  });

  test.each([
    ['shows the batch only', 1],
    ['shows nothing', 0],
  ])('a new leader whose high watermark is behind %s: it is waited for', async (_, count) => {
    for (const more of [0, 30, 70]) {
      asked = [];
      const answer: Answer = ({ offset }, plain, nth) => {
        if (nth === 0) return first(1, more, plain);
        if (nth > 4) return plain;
        return { ...(offset === 0 ? first(count, 0, plain) : none(plain)), highWatermark: 2 };
      };
      expect(valuesIn(await readAll(options(answer, { deadlineMs: 5_000, to: 8 })))).toEqual(all);
    }
  });

  test('a high watermark that is behind and is not, in turn: LOG_DIVERGED, not for ever', async () => {
    const answer: Answer = ({ offset }, plain, nth) =>
      nth === 0 || offset === 0 ? { ...first(1, 0, plain), highWatermark: nth === 0 ? 8 : 2 } : plain;
    await expectCode(readAll(options(answer, { to: 8 })), 'LOG_DIVERGED');
    expect(asked.length).toBeLessThan(16);
  });

  test('a reading that goes on by the seam of another one', async () => {
    const made = async () => {
      const reader = readPartition(options((_, plain) => first(1, 70, plain)));
      const seam = (await reader.next()).value?.seam;
      await reader.return();
      return seam;
    };
    const [one, other] = [await made(), await made()];
    expect(valuesIn(await readAll(options(undefined, { from: 2, seam: one })))).toEqual(all.slice(2));
    const bytes = fixture.batch(1);
    bytes.writeUInt8(bytes.readUInt8(65) ^ 1, 65);
    await expectCode(readAll(options(undefined, { from: 2, seam: other })), 'LOG_DIVERGED');
  });
});

test('what was changed on its way is asked for again in the same way, once', async () => {
  const changed = (plain: FetchResponse): FetchResponse => {
    const records = plain.records.slice();
    const at = fixture.batch(0).length + 70;
    records[at] = (records[at] ?? 0) ^ 1;
    return { ...plain, records };
  };
  const answer: Answer = (_, plain, nth) => (nth === 0 ? changed(plain) : plain);
  expect(valuesIn(await readAll(options(answer)))).toEqual(all);
  expect(asked.slice(0, 2).map(({ offset, maxBytes }) => [offset, maxBytes])).toEqual([
    [0, 1_000],
    [0, 1_000],
  ]);
  await expectCode(readAll(options((_, plain) => changed(plain))), 'BATCH_CRC');
});

describe('where answers end', () => {
  test('the first one has any size, the others differ by an eighth', () => {
    for (const [drawn, sizes] of [
      [0, [800, 800, 800]],
      [0.5, [450, 750, 750]],
      [0.999_999, [101, 701, 701]],
    ] as const) {
      const ends = new AnswerEnds(800, () => drawn);
      expect([ends.next(false), ends.next(false), ends.next(false)]).toEqual(sizes);
    }
    const ends = new AnswerEnds(1, () => 0.999);
    expect([ends.next(false), ends.next(false)]).toEqual([1, 1]);
  });

  test('who goes by no index is asked for all', () => {
    const ends = new AnswerEnds(800, () => 0.5);
    expect([ends.next(true), ends.next(true)]).toEqual([800, 800]);
  });

  test('by default nobody knows; a reader takes the numbers of its log', async () => {
    const sizes = new Set(Array.from({ length: 20 }, () => new AnswerEnds(1_000_000).next(false)));
    expect(sizes.size).toBeGreaterThan(10);
    const read = options();
    await readAll({ ...read, log: Object.assign(read.log, { random: () => 0.5 }) });
    expect(asked.map(({ maxBytes }) => maxBytes)).toEqual([563]);
  });
});

test('nothing is fetched ahead where the reader may be content', async () => {
  const reader = readPartition(options((_, plain) => first(1, 0, plain), { to: 8, lazyFrom: 2 }));
  expect((await reader.next()).value?.nextOffset).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked).toHaveLength(1);
  await reader.return();
  expect(valuesIn(await readAll(options(undefined, { to: 8, lazyFrom: 2 })))).toEqual(all);
});
