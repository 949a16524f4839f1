import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KafkaError } from '../src/errors.ts';
import { decodeFetch, encodeFetch } from '../src/fetch-message.ts';
import { decodeMetadata, encodeMetadata } from '../src/metadata-message.ts';
import { WireReader, WireWriter } from '../src/wire.ts';

// Not public, so by path: a broker's bytes are input like any other.
const topicId = 'x8hLzMAkQqyjYkN0bNbW4g';
const request = {
  topic: 't',
  topicId,
  partition: 3,
  offset: 2 ** 40,
  lastFetchedEpoch: 7,
  maxBytes: 1_000,
  maxWaitMs: 5,
};

/** A fetch answer with two batches' worth of bytes and an unknown tagged field beside the diverging epoch. */
function fetchAnswer(
  changes: { id?: string; partition?: number; diverging?: boolean; offset?: number | bigint } = {},
): Buffer {
  const { id = topicId, partition = 3, diverging = false, offset = 12 } = changes;
  const diverged = new WireWriter().int32(6).int64(9).noTags().done();
  const head = new WireWriter()
    .noTags()
    .int32(0)
    .int8(0)
    .int8(0)
    .int32(0)
    .compactArray(1)
    .uuid(id)
    .compactArray(1)
    .int32(partition)
    .int8(0)
    .int8(0)
    .done();
  const bounds = Buffer.alloc(24);
  bounds.writeBigInt64BE(BigInt(offset), 0);
  bounds.writeBigInt64BE(12n, 8);
  bounds.writeBigInt64BE(2n, 16);
  const records = Buffer.concat([
    new WireWriter()
      .unsignedVarint(0)
      .int32(-1)
      .unsignedVarint(5 + 1)
      .done(),
    Buffer.from('bytes'),
  ]);
  const unknown = Buffer.concat([new WireWriter().unsignedVarint(99).unsignedVarint(3).done(), Buffer.from('new')]);
  const tags = diverging
    ? Buffer.concat([
        new WireWriter().unsignedVarint(2).unsignedVarint(0).unsignedVarint(diverged.length).done(),
        diverged,
        unknown,
      ])
    : Buffer.concat([new WireWriter().unsignedVarint(1).done(), unknown]);
  return Buffer.concat([head, bounds, records, tags, new WireWriter().noTags().noTags().done()]);
}

function protocolError(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError);
    expect(error).toMatchObject({ code: 'PROTOCOL' });
    return;
  }
  throw new Error('should have failed');
}

describe('fetch', () => {
  test('version 13, byte for byte (Kafka protocol guide)', () => {
    const hex = encodeFetch({ ...request, offset: 258 }, 4).toString('hex');
    expect(hex).toBe(
      [
        '00',
        'ffffffff',
        '00000005',
        '00000001',
        '000003e8',
        '00',
        '00000000',
        'ffffffff',
        '02',
        'c7c84bccc02442aca36243746cd6d6e2',
        '02',
        '00000003',
        '00000004',
        '0000000000000102',
        '00000007',
        'ffffffffffffffff',
        '000003e8',
        '00',
        '00',
        '01',
        '01',
        '00',
      ].join(''),
    );
  });

  test('an answer is read, unknown tagged fields are skipped', () => {
    const answer = decodeFetch(fetchAnswer(), request);
    expect({ ...answer, records: Buffer.from(answer.records).toString() }).toEqual({
      error: 0,
      highWatermark: 12,
      logStart: 2,
      diverging: null,
      records: 'bytes',
    });
    expect(decodeFetch(fetchAnswer({ diverging: true }), request).diverging).toEqual({ epoch: 6, endOffset: 9 });
  });

  test('an answer about something else, or with an offset beyond 2^53, is PROTOCOL', () => {
    protocolError(() => decodeFetch(fetchAnswer({ partition: 2 }), request));
    protocolError(() => decodeFetch(fetchAnswer({ id: 'AAAAAAAAAAAAAAAAAAAAAA' }), request));
    protocolError(() => decodeFetch(fetchAnswer({ offset: 2n ** 53n }), request));
  });

  test('cut off anywhere it is PROTOCOL, never a crash or a partial answer', () => {
    const whole = fetchAnswer({ diverging: true });
    for (let length = 0; length < whole.length; length += 1)
      protocolError(() => decodeFetch(whole.subarray(0, length), request));
  });

  test('property: any bytes give an answer or PROTOCOL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const decode of [
          () => decodeFetch(Buffer.from(bytes), request),
          () => decodeMetadata(Buffer.from(bytes)),
        ]) {
          try {
            decode();
          } catch (error) {
            expect(error).toMatchObject({ name: 'KafkaError', code: 'PROTOCOL' });
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(['', 'short', 'x'.repeat(23)])('a topic id of "%s" is refused', (id) => {
    expect(() => encodeFetch({ ...request, topicId: id }, 0)).toThrow(/no topic id/);
  });
});

test('metadata version 12, byte for byte', () => {
  expect(encodeMetadata('ab').toString('hex')).toBe(
    ['00', '02', '00'.repeat(16), '03', '6162', '00', '00', '00', '00'].join(''),
  );
  // Of the brokers alone: an empty list of topics, not the null that asks for all of them.
  expect(encodeMetadata(null).toString('hex')).toBe(['00', '01', '00', '00', '00'].join(''));
});

test('property: what is written is read', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 0x7fffffff }),
      fc.option(fc.string({ maxLength: 400 }), { nil: null }),
      fc.maxSafeInteger(),
      (varint, text, long) => {
        const reader = new WireReader(
          new WireWriter().unsignedVarint(varint).compactString(text).int64(long).boolean(true).done(),
          'a test',
        );
        expect([reader.unsignedVarint(), reader.compactString(), reader.int64(), reader.int8()]).toEqual([
          varint,
          text === null ? null : text.toWellFormed(),
          long,
          1,
        ]);
      },
    ),
  );
});
