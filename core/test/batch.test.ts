import {
  neverSealed,
  parseBatch,
  readBatchHeader,
  recordsOf,
  type ParsedBatch,
  type UnparsedBatch,
} from '@tallystick/core/batch';
import { entriesOf } from '@tallystick/core/entry';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { crc32c } from '@tallystick/kafka/crc32c';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchFields, records } from './batch-arbitraries.ts';
import {
  bytesOf,
  concat,
  encodeBody,
  encodeRecords,
  encodeTestBatch,
  frameRecord,
  referenceEntries,
  referenceParse,
  unsignedVarint,
  varint,
  withLength,
  type TestBatch,
  type TestRecord,
} from './batch-builder.ts';

function judge(batch: TestBatch): ParsedBatch | UnparsedBatch {
  const bytes = new Uint8Array(encodeTestBatch(batch));
  return parseBatch(bytes, readBatchHeader(bytes, 0), nodeCodecs);
}

/** The body of a record with one header, as it is given. */
function header(name: Uint8Array, value: Uint8Array): Uint8Array {
  return concat(withLength(null), withLength(null), varint(1), name, value);
}

function text(value: Uint8Array | null): string | null {
  return value === null ? null : Buffer.from(value).toString();
}

const simple: TestRecord = { key: bytesOf('k'), value: bytesOf('v'), headers: [[bytesOf('h'), bytesOf('x')]] };

describe('a batch header', () => {
  test('every field, at a place inside other bytes', () => {
    const batch = encodeTestBatch({
      baseOffset: 2n ** 40n + 5n,
      leaderEpoch: 7,
      attributes: 0b111011,
      lastOffsetDelta: 9,
      baseTimestamp: -(2n ** 63n),
      maxTimestamp: 2n ** 63n - 1n,
      count: -3,
      field: bytesOf('anything'),
    });
    const header = readBatchHeader(Buffer.concat([Buffer.alloc(5), batch, Buffer.alloc(5)]), 5);
    expect(header).toEqual({
      baseOffset: 2 ** 40 + 5,
      totalLength: 69,
      leaderEpoch: 7,
      magic: 2,
      crc: crc32c(batch.subarray(21)),
      attributes: 0b111011,
      codec: 3,
      appendTime: true,
      transactional: true,
      control: true,
      lastOffsetDelta: 9,
      lastOffset: 2 ** 40 + 14,
      baseTimestamp: -(2n ** 63n),
      maxTimestamp: 2n ** 63n - 1n,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
      count: -3,
    });
    expect(neverSealed(header, header.crc)).toBeNull();
    expect(neverSealed(header, header.crc ^ 1)).toBe('crc');
    expect(neverSealed({ ...header, magic: 1 }, header.crc)).toBe('magic');
    expect(neverSealed({ ...header, lastOffsetDelta: -1 }, header.crc)).toBe('last-offset-delta');
    expect(neverSealed({ ...header, lastOffsetDelta: 2 ** 24 }, header.crc)).toBe('last-offset-delta');
    expect(neverSealed({ ...header, lastOffsetDelta: 2 ** 24 - 1 }, header.crc)).toBeNull();
  });

  const field = bytesOf('x');
  const refused: [string, Uint8Array, number][] = [
    ['60 bytes', encodeTestBatch({ field }).subarray(0, 60), 0],
    ['a place behind the end', encodeTestBatch({ field }), 2],
    ['a place before the start', encodeTestBatch({ field }), -1],
    ['no place', encodeTestBatch({ field }), Number.NaN],
    ['a length of 48', encodeTestBatch({ field, batchLength: 48 }), 0],
    ['a length below 0', encodeTestBatch({ field, batchLength: -1 }), 0],
    ['a base offset below 0', encodeTestBatch({ field, baseOffset: -1n }), 0],
    ['a base offset of 2^53', encodeTestBatch({ field, baseOffset: 2n ** 53n }), 0],
    ['a last offset of 2^53', encodeTestBatch({ field, baseOffset: 2n ** 53n - 1n, lastOffsetDelta: 1 }), 0],
  ];
  for (const [name, bytes, at] of refused) {
    test(`is refused for ${name}`, () => {
      expect(() => readBatchHeader(bytes, at)).toThrow(expect.objectContaining({ code: 'BATCH_MALFORMED' }));
    });
  }
});

describe('the records of a batch', () => {
  const body = encodeBody(simple);
  const good = encodeRecords([simple, simple]);

  const parsed: [string, TestBatch][] = [
    ['two records', { count: 2, field: good }],
    ['a record of nothing', { field: frameRecord(Uint8Array.of(1, 1, 0), 0) }],
    ['empty key, value, header name and value', { field: frameRecord(concat(Uint8Array.of(0, 0, 2, 0, 0)), 0) }],
    ['a null header value', { field: frameRecord(header(withLength(bytesOf('h')), varint(-1)), 0) }],
    ['any attributes of a record', { field: frameRecord(body, 0, 0n, 0xff) }],
    ['a timestamp delta of 2^63-1', { field: frameRecord(body, 0, 2n ** 63n - 1n) }],
    ['a timestamp delta of -2^63', { field: frameRecord(body, 0, -(2n ** 63n)) }],
    ['a control batch', { attributes: 0x20, field: frameRecord(body, 0) }],
    ['unused attribute bits and the delete horizon', { attributes: -64, field: frameRecord(body, 0) }],
  ];
  for (const [name, batch] of parsed) {
    test(`parse: ${name}`, () => {
      expect(judge(batch)).toMatchObject({ parsed: true });
      expect(referenceParse(batch.field, batch.count ?? 1)).not.toBeNull();
    });
  }

  const overlong = concat(varint(body.length + 4), Uint8Array.of(0), varint(0), varint(0, 1), body);
  const unparsed: [string, TestBatch][] = [
    ['codec 5', { attributes: 5, field: good, count: 2 }],
    ['codec 6', { attributes: 6, field: good, count: 2 }],
    ['codec 7', { attributes: 7, field: good, count: 2 }],
    ['no record', { count: 0, lastOffsetDelta: 0, field: new Uint8Array(0) }],
    ['a count of 0 over a record', { count: 0, lastOffsetDelta: 0, field: frameRecord(body, 0) }],
    ['a count below 0', { count: -1, lastOffsetDelta: 0, field: good }],
    ['a count of 2^31-1', { count: 2 ** 31 - 1, lastOffsetDelta: 1, field: good }],
    ['a count of 2^24 that agrees with the last offset delta', { count: 2 ** 24, field: good }],
    ['a last offset delta above the count', { count: 2, lastOffsetDelta: 2, field: good }],
    ['a last offset delta below the count', { count: 2, lastOffsetDelta: 0, field: good }],
    ['fewer records than the count', { count: 3, field: good }],
    ['more records than the count', { count: 1, field: good }],
    ['a byte after the last record', { count: 2, field: concat(good, Uint8Array.of(0)) }],
    ['a cut-off last record', { count: 2, field: good.subarray(0, good.length - 1) }],
    ['offset deltas from 1', { field: frameRecord(body, 1) }],
    ['offset deltas 0 0', { count: 2, field: concat(frameRecord(body, 0), frameRecord(body, 0)) }],
    ['offset deltas 0 2', { count: 2, field: concat(frameRecord(body, 0), frameRecord(body, 2)) }],
    ['offset deltas 1 0', { count: 2, field: concat(frameRecord(body, 1), frameRecord(body, 0)) }],
    ['an offset delta below 0', { field: frameRecord(body, -1) }],
    ['a record length of 0', { field: concat(varint(0), frameRecord(body, 0)) }],
    ['a record length below 0', { field: concat(varint(-1), frameRecord(body, 0)) }],
    ['a record length of 2^31-1', { field: concat(varint(2 ** 31 - 1), frameRecord(body, 0)) }],
    ['a record length one too long', { field: concat(varint(body.length + 4), frameRecord(body, 0).subarray(1)) }],
    ['a record length one too short', { field: concat(varint(body.length + 2), frameRecord(body, 0).subarray(1)) }],
    ['a record that ends after its attributes', { field: concat(varint(1), new Uint8Array(8)) }],
    ['a byte between the fields and the end of a record', { field: frameRecord(concat(body, Uint8Array.of(0)), 0) }],
    ['an overlong record length', { field: concat(varint(body.length + 3, 1), frameRecord(body, 0).subarray(1)) }],
    ['an overlong offset delta', { field: overlong }],
    ['an overlong null key', { field: frameRecord(concat(varint(-1, 1), Uint8Array.of(1, 0)), 0) }],
    ['an overlong header count', { field: frameRecord(concat(Uint8Array.of(1, 1), varint(0, 4)), 0) }],
    ['a key length below null', { field: frameRecord(concat(varint(-2), Uint8Array.of(1, 0)), 0) }],
    ['a value length below null', { field: frameRecord(concat(Uint8Array.of(1), varint(-2), Uint8Array.of(0)), 0) }],
    ['a key length of 2^31-1', { field: frameRecord(concat(varint(2 ** 31 - 1), body), 0) }],
    ['a value length of -2^31', { field: frameRecord(concat(Uint8Array.of(1), varint(-(2 ** 31)), body), 0) }],
    [
      'a key that reaches into the next record',
      { count: 2, field: concat(frameRecord(Uint8Array.of(4, 1, 0), 0), frameRecord(body, 1)) },
    ],
    ['a header count below 0', { field: frameRecord(Uint8Array.of(1, 1, 1), 0) }],
    ['a header count of 2^31-1', { field: frameRecord(concat(Uint8Array.of(1, 1), varint(2 ** 31 - 1)), 0) }],
    [
      'a header too many',
      { field: frameRecord(concat(Uint8Array.of(1, 1, 4), withLength(bytesOf('h')), varint(-1)), 0) },
    ],
    ['a null header name', { field: frameRecord(header(varint(-1), varint(-1)), 0) }],
    ['a header name length below null', { field: frameRecord(header(varint(-2), varint(-1)), 0) }],
    ['a header value length below null', { field: frameRecord(header(withLength(bytesOf('h')), varint(-2)), 0) }],
    ['a header count of 2^32', { field: frameRecord(concat(Uint8Array.of(1, 1), unsignedVarint(2n ** 32n)), 0) }],
    ['a length of 33 bits', { field: frameRecord(concat(unsignedVarint(2n ** 32n), body), 0) }],
    ['a length of six bytes', { field: frameRecord(concat(Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x80, 0), body), 0) }],
    ['a length that never ends', { field: frameRecord(new Uint8Array(40).fill(0xff), 0) }],
    [
      'a timestamp delta of 65 bits',
      { field: concat(varint(body.length + 12), Uint8Array.of(0), unsignedVarint(2n ** 64n), varint(0), body) },
    ],
    [
      'a timestamp delta that never ends',
      { field: concat(varint(body.length + 14), new Uint8Array(14).fill(0xff), body) },
    ],
    [
      'an overlong timestamp delta',
      { field: concat(varint(body.length + 4), Uint8Array.of(0), varint(1, 1), varint(0), body) },
    ],
  ];
  for (const [name, batch] of unparsed) {
    test(`do not parse: ${name}`, () => {
      const judged = judge(batch);
      expect(judged).toMatchObject({ parsed: false, reason: expect.any(String) });
      const stored = encodeTestBatch(batch).subarray(21);
      expect(judged).toMatchObject({ batchHash: new Uint8Array(createHash('sha256').update(stored).digest()) });
      const sound =
        ((batch.attributes ?? 0) & 7) === 0 && (batch.lastOffsetDelta ?? (batch.count ?? 1) - 1) + 1 === batch.count;
      if (sound) expect(referenceParse(batch.field, batch.count ?? 1)).toBeNull();
    });
  }

  test('the fields of each record, as written', () => {
    fc.assert(
      fc.property(records, batchFields, (all, fields) => {
        const judged = judge({ ...fields, count: all.length, field: encodeRecords(all) });
        if (!judged.parsed) throw new Error(judged.reason);
        expect(recordsOf(judged)).toEqual(
          all.map(({ key, value, headers, timestampDelta }, i) => ({
            offset: Number(fields.baseOffset) + i,
            timestamp:
              fields.attributes & 8 ? fields.maxTimestamp : BigInt.asIntN(64, fields.baseTimestamp + timestampDelta),
            key,
            value,
            headers,
          })),
        );
      }),
    );
  });

  // Bytes that mean much in this format come more often than others.
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff), fc.nat(255));
  const change = fc.record({ at: fc.nat(10_000), cut: fc.nat(3), put: fc.array(byte, { maxLength: 3 }) });

  test('changed anywhere, they parse exactly where the literal reading does, and to the same entries', () => {
    const seen = { parsed: 0, unparsed: 0 };
    fc.assert(
      fc.property(records, fc.array(change, { minLength: 1, maxLength: 2 }), (all, changes) => {
        let field = encodeRecords(all.slice(0, 4));
        for (const { at, cut, put } of changes) {
          const place = at % (field.length + 1);
          field = concat(field.subarray(0, place), Uint8Array.from(put), field.subarray(place + cut));
        }
        const count = Math.min(4, all.length);
        const judged = judge({ count, field });
        const reference = referenceParse(field, count);
        expect(judged.parsed).toBe(reference !== null);
        seen[judged.parsed ? 'parsed' : 'unparsed'] += 1;
        if (reference === null) return;
        expect([...entriesOf(judged, 3)]).toEqual(referenceEntries({ field }, reference, 3));
      }),
      { numRuns: 3000 },
    );
    expect(seen.parsed).toBeGreaterThan(100);
    expect(seen.unparsed).toBeGreaterThan(100);
  });

  test('cut off or with one bit changed at any place, the judgement is that of the literal reading', () => {
    const field = encodeRecords([simple, { ...simple, key: null, timestampDelta: 12345678901n }, simple]);
    for (let at = 0; at < field.length; at++) {
      expect(judge({ count: 3, field: field.subarray(0, at) }).parsed).toBe(false);
      for (let bit = 0; bit < 8; bit++) {
        const changed = field.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(judge({ count: 3, field: changed }).parsed).toBe(referenceParse(changed, 3) !== null);
      }
    }
  });
});

describe("batches of kafkajs' own encoder", () => {
  interface Encoder {
    readonly buffer: Buffer;
  }
  const require = createRequire(import.meta.resolve('kafkajs'));
  const encodeBatch: {
    RecordBatch: (batch: Record<string, unknown>) => Promise<Encoder>;
  } = require('kafkajs/src/protocol/recordBatch/v0');
  const encodeRecord: (
    record: Record<string, unknown>,
  ) => Encoder = require('kafkajs/src/protocol/recordBatch/record/v0');

  for (const compression of [0, 1]) {
    test(`compression ${compression}`, async () => {
      const all = Array.from({ length: 300 }, (_, i) => ({
        offsetDelta: i,
        timestampDelta: i * 7,
        key: i % 3 ? `key ${i}` : null,
        value: i % 5 ? `value ${i}`.repeat(i) : null,
        headers: { a: `${i}`, repeated: ['one', 'two'] },
      }));
      const encoded = await encodeBatch.RecordBatch({
        compression,
        firstTimestamp: 1_700_000_000_000,
        maxTimestamp: 1_700_000_005_000,
        lastOffsetDelta: all.length - 1,
        records: all.map((record) => encodeRecord(record)),
      });
      const bytes = encoded.buffer;
      const header = readBatchHeader(bytes, 0);
      expect(neverSealed(header, crc32c(bytes.subarray(21)))).toBeNull();
      const judged = parseBatch(bytes, header, nodeCodecs);
      if (!judged.parsed) throw new Error(judged.reason);
      const found = recordsOf(judged).map((record) => ({
        offsetDelta: record.offset,
        timestampDelta: Number(record.timestamp) - 1_700_000_000_000,
        key: text(record.key),
        value: text(record.value),
        headers: record.headers.map(([name, value]) => [text(name), text(value)]),
      }));
      expect(found).toEqual(
        all.map((record) => ({
          ...record,
          headers: [
            ['a', `${record.offsetDelta}`],
            ['repeated', 'one'],
            ['repeated', 'two'],
          ],
        })),
      );
    });
  }
});
