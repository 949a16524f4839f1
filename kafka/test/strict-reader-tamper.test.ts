import { batchField } from '@tallystick/kafka/batch-encoder';
import type { KafkaErrorCode } from '@tallystick/kafka/errors';
import type { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryFixture, topic, watched } from './memory-fixture.ts';
import { expectCode, readAll, readUntilError, valuesIn } from './records.ts';

let fixture: ReturnType<typeof memoryFixture>;
let cluster: MemoryCluster;
let log: RecordLog;
const fill = (batches: number) => fixture.fill(batches);
const options = (changes: object = {}) => fixture.options(changes);

beforeEach(() => {
  fixture = memoryFixture();
  ({ cluster, log } = fixture);
});

async function stop(code: KafkaErrorCode, goodUpTo: number, evidence: object, changes: object = {}): Promise<void> {
  const { chunks, error } = await readUntilError(options(changes));
  expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
  expect(error.evidence).toMatchObject({ topic, partition: 0, offset: goodUpTo, ...evidence });
  expect(error.retriable).toBe(false);
  expect(valuesIn(chunks)).toEqual(Array.from({ length: goodUpTo }, (_, index) => String(index)));
}

/** A log whose every fetch gives these bytes. */
function alwaysAnswering(records: Uint8Array): RecordLog {
  return {
    ...watched(log, () => {}),
    fetch: () => Promise.resolve({ error: 0, highWatermark: 4, logStart: 0, diverging: null, records }),
  };
}

const answerOf = (records: Uint8Array) => ({ error: 0, highWatermark: 8, logStart: 0, diverging: null, records });

describe('tampered batches: what was good before is yielded, then the reader stops', () => {
  test.each([
    batchField.crc,
    batchField.attributes,
    batchField.lastOffsetDelta,
    batchField.baseTimestamp,
    batchField.maxTimestamp,
    batchField.producerId,
    batchField.count,
    61,
    -1,
  ])('a flipped byte at %i is BATCH_CRC', async (at) => {
    fill(4);
    cluster.flipByte(topic, 0, { offset: 4, at });
    await stop('BATCH_CRC', 4, {});
  });

  test('the CRC found and expected are in the evidence', async () => {
    fill(1);
    const stored = fixture.batch(0).readUInt32BE(batchField.crc);
    cluster.flipByte(topic, 0, { offset: 0 });
    const { error } = await readUntilError(options());
    expect(error.evidence['expected']).toBe(stored);
    expect(error.evidence['found']).not.toBe(stored);
  });

  test("a flipped byte whose CRC was mended is not the reader's to find", async () => {
    fill(2);
    cluster.flipByte(topic, 0, { offset: 2, at: -2, mendCrc: true });
    const values = valuesIn(await readAll(options()));
    expect(values.length).toBe(4);
    expect(values).not.toEqual(['0', '1', '2', '3']);
  });

  test.each([0, 1, 3, 255])('magic %i is BATCH_MAGIC', async (magic) => {
    fill(3);
    fixture.batch(1).writeUInt8(magic, batchField.magic);
    await stop('BATCH_MAGIC', 2, { expected: 2, found: magic });
  });

  test.each([-1, -(2 ** 31), 2 ** 24, 2 ** 31 - 1])(
    'a last offset delta of %i is BATCH_INVALID although its CRC is right',
    async (delta) => {
      fill(3);
      const batch = Buffer.from(fixture.batch(1));
      batch.writeInt32BE(delta, batchField.lastOffsetDelta);
      cluster.replaceBatch(topic, 0, 2, batch);
      cluster.mendCrc(topic, 0, 1);
      await stop('BATCH_INVALID', 2, {}, { to: 6 });
    },
  );

  test.each([
    ['shorter than a header', 20],
    ['negative', -100],
    ['beyond what the broker sent', 1_000_000],
  ])('a length that is %s is BATCH_INVALID', async (_, length) => {
    fill(3);
    fixture.batch(2).writeInt32BE(length, batchField.batchLength);
    await stop('BATCH_INVALID', 4, {});
  });

  test('a removed batch is OFFSET_GAP', async () => {
    fill(4);
    cluster.removeBatch(topic, 0, 2);
    await stop('OFFSET_GAP', 2, { expected: 2, found: 4 });
  });

  test('a removed first batch is OFFSET_GAP too', async () => {
    fill(2);
    cluster.removeBatch(topic, 0, 0);
    await stop('OFFSET_GAP', 0, { expected: 0, found: 2 });
  });

  test('a removed last batch is OFFSET_GAP once the deadline has passed, also while following', async () => {
    fill(2);
    cluster.removeBatch(topic, 0, 2);
    await stop('OFFSET_GAP', 2, { expected: 2, found: null, highWatermark: 4 });
    await stop('OFFSET_GAP', 2, {}, { follow: true });
  });

  test('a batch that comes twice is OFFSET_GAP', async () => {
    fill(3);
    const first = fixture.batch(0);
    cluster.replaceBatch(topic, 0, 2, Buffer.concat([fixture.batch(1), first]));
    await stop('OFFSET_GAP', 4, { expected: 4, found: 0 }, { to: 6 });
  });

  test('a base offset moved into the batch before is OFFSET_GAP', async () => {
    fill(3);
    fixture.batch(1).writeBigInt64BE(1n, batchField.baseOffset);
    await stop('OFFSET_GAP', 2, { expected: 2, found: 1 }, { to: 6 });
  });

  test('a base offset beyond 2^53 is BATCH_INVALID', async () => {
    fill(2);
    fixture.batch(0).writeBigInt64BE(2n ** 60n, batchField.baseOffset);
    await stop('BATCH_INVALID', 0, {}, { log: alwaysAnswering(fixture.batch(0)) });
  });

  test('a leader epoch that goes back is BATCH_INVALID', async () => {
    fill(1);
    cluster.bumpLeaderEpoch(topic, 0);
    fill(2);
    fixture.batch(2).writeInt32BE(0, batchField.leaderEpoch);
    const { chunks, error } = await readUntilError(options());
    expect(chunks.flatMap(({ batches }) => batches).length).toBe(2);
    expect(error).toMatchObject({ code: 'BATCH_INVALID', evidence: { offset: 4, expected: '>= 1', found: 0 } });
  });

  test('what lies behind `to` is not judged', async () => {
    fill(3);
    cluster.flipByte(topic, 0, { offset: 4 });
    expect(valuesIn(await readAll(options({ to: 4 })))).toEqual(['0', '1', '2', '3']);
    await expectCode(readAll(options({ to: 5 })), 'BATCH_CRC');
  });

  test('what follows an end that a batch reaches over others does not go back unseen', async () => {
    fill(3);
    fixture.batch(1).writeInt32BE(3, batchField.lastOffsetDelta);
    cluster.mendCrc(topic, 0, 1);
    const { chunks, error } = await readUntilError(options({ to: 6 }));
    expect(chunks.flatMap(({ batches }) => batches.map(({ header }) => header.baseOffset))).toEqual([0, 2]);
    expect(error).toMatchObject({ code: 'OFFSET_GAP', evidence: { offset: 6, expected: 6, found: 4, lastOffset: 5 } });
  });

  test('a batch that is known to say wrong offsets is passed over, and what lies before what was asked for with it', async () => {
    fill(4);
    fixture.batch(1).writeBigInt64BE(1_000n, batchField.baseOffset);
    const served = Buffer.concat([1, 2, 3].map((index) => fixture.batch(index)));
    const without = [{ baseOffset: 1_000, crc: fixture.batch(1).readUInt32BE(batchField.crc) }];
    const answering = { ...alwaysAnswering(served), fetch: () => Promise.resolve(answerOf(served)) };
    expect(valuesIn(await readAll(options({ log: answering, from: 6, to: 8, without })))).toEqual(['6', '7']);
    await expectCode(readAll(options({ log: answering, from: 6, to: 8 })), 'OFFSET_GAP');
  });

  test('one that follows a batch that is passed over may be cut off', async () => {
    fill(3);
    const whole = Buffer.concat([0, 1].map((index) => fixture.batch(index)));
    const without = [{ baseOffset: 0, crc: fixture.batch(0).readUInt32BE(batchField.crc) }];
    let asked = 0;
    const answering = {
      ...alwaysAnswering(whole),
      fetch: () => Promise.resolve(answerOf(asked++ === 0 ? whole.subarray(0, whole.length - 9) : whole)),
    };
    expect(valuesIn(await readAll(options({ log: answering, from: 2, to: 4, without })))).toEqual(['2', '3']);
  });
});
