import { batchField } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryFixture, topic } from './memory-fixture.ts';
import { expectCode, readAll, valuesIn } from './records.ts';

// From fetch to fetch: each goes on right behind the batch that was read last, or it is said that nobody can tell.

let fixture: ReturnType<typeof memoryFixture>;
let asked: number[];

beforeEach(() => {
  fixture = memoryFixture();
  asked = [];
});

type Answer = (request: FetchRequest, answer: () => Promise<FetchResponse>) => Promise<FetchResponse>;

/** Reads from batch to batch. Answers of one byte end with each batch. */
const options = (answer: Answer = async (_, plain) => await plain(), changes: object = {}) => {
  const inner = fixture.log;
  const log = Object.assign(Object.create(inner) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      asked.push(request.offset);
      return await answer(request, async () => await inner.fetch(request));
    },
  });
  return { ...fixture.options({ log, contiguous: true, maxBytes: 1, ...changes }) };
};
const all = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at));

describe('where an answer ends with a whole batch', () => {
  test('the next one is asked for by the base offset of that batch, then by what is due', async () => {
    fixture.fill(3);
    expect(valuesIn(await readAll(options()))).toEqual(all(6));
    expect(asked).toEqual([0, 0, 2, 2, 4]);
  });

  test('with a batch that was read before', async () => {
    fixture.fill(3);
    const behind = new Uint8Array(fixture.batch(0));
    expect(valuesIn(await readAll(options(undefined, { from: 2, behind, maxBytes: 1_000 })))).toEqual(all(6).slice(2));
    expect(asked).toEqual([0]);
  });

  test('what was read is not shown any more: LOG_DIVERGED, never what came instead', async () => {
    fixture.fill(3);
    const other: Answer = async (_, plain) => {
      if (asked.length === 2) fixture.cluster.flipByte(topic, 0, { offset: 0, at: -3, mendCrc: true });
      return await plain();
    };
    const error = await expectCode(readAll(options(other)), 'LOG_DIVERGED');
    expect(error.evidence).toMatchObject({ topic, partition: 0, offset: 2 });
    expect(error.retriable).toBe(false);
    expect(asked.length).toBeLessThan(12);
  });

  test('a lookup that goes past it, once: it is asked for again', async () => {
    fixture.fill(3);
    const past: Answer = async (request, plain) =>
      asked.length === 2 ? await fixture.log.fetch({ ...request, offset: 2 }) : await plain();
    expect(valuesIn(await readAll(options(past)))).toEqual(all(6));
  });

  test('something else each time behind it: LOG_DIVERGED', async () => {
    fixture.fill(3);
    const changing: Answer = async (_, plain) => {
      const answer = await plain();
      const { length } = fixture.batch(0);
      const records = Buffer.from(answer.records).subarray(0, 2 * length - 1);
      // A batch that is cut off, and another one at each look.
      if (records.length > length) records.writeUInt32BE(asked.length, length + batchField.crc);
      return { ...answer, records };
    };
    await expectCode(readAll(options(changing, { maxBytes: 1_000 })), 'LOG_DIVERGED');
    expect(asked.length).toBeLessThan(12);
  });
});

describe('where that batch cannot be asked for', () => {
  test.each([
    ['the log begins inside it', 1, [0, 0, 1]],
    ['the log begins behind it', 2, [0, 0, 1, 2]],
  ])('%s by now', async (_, below, begins) => {
    fixture.fill(3);
    const reader = readPartition(options());
    const first = await reader.next();
    expect(first.value?.nextOffset).toBe(2);
    // The next fetch was under way.
    fixture.cluster.deleteRecords(topic, 0, below);
    asked.length = 1;
    const behind = first.value?.last;
    const left = await readAll(options(undefined, { from: 2, behind }));
    expect(valuesIn(left)).toEqual(all(6).slice(2));
    expect(asked.slice(0, begins.length)).toEqual(begins);
    await reader.return();
  });

  test('the log begins behind what is due: RECORDS_DELETED', async () => {
    fixture.fill(3);
    const behind = new Uint8Array(fixture.batch(0));
    fixture.cluster.deleteRecords(topic, 0, 4);
    const error = await expectCode(readAll(options(undefined, { from: 2, behind })), 'RECORDS_DELETED');
    expect(error.evidence).toMatchObject({ offset: 2, logStart: 4 });
  });

  test('a bundle that begins inside it', async () => {
    fixture.fill(3);
    const from1: Answer = async ({ offset }, plain) => {
      if (offset < 1) throw new KafkaError('NOT_INCLUDED', 'not chosen', { evidence: { offset } });
      return await plain();
    };
    expect(valuesIn(await readAll(options(from1, { from: 1 })))).toEqual(all(6));
    expect(asked.slice(0, 3)).toEqual([1, 0, 1]);
    await expectCode(readAll(options(from1)), 'NOT_INCLUDED');
  });

  test('an error for it alone is no reason to go past what lies behind it', async () => {
    fixture.fill(3);
    const broken: Answer = async ({ offset }, plain) =>
      asked.length > 1 && offset < 2 ? { ...(await plain()), error: 2, records: new Uint8Array() } : await plain();
    await expectCode(readAll(options(broken)), 'BATCH_INVALID');
  });
});
