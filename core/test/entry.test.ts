import { encodeBatchEntry, encodeRecordBody, encodeRecordEntry, parseEntry } from '@tallystick/core/entry';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchFields, partition, records } from './batch-arbitraries.ts';
import { bytesOf, concat, encodeBody, referenceEntries, referenceUnparsedEntries, varint } from './batch-builder.ts';

const place = {
  partition: 3,
  offset: 2 ** 33 + 1,
  timestamp: -2n,
  appendTime: true,
  transactional: false,
  control: true,
};
const prefix = '0128000000030000000200000001fffffffffffffffe';
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

describe('an entry', () => {
  test('version 1, byte for byte', () => {
    const body = encodeRecordBody({ key: null, value: bytesOf('ab'), headers: [[bytesOf('h'), null]] });
    expect(hex(body)).toBe('0104616202026801');
    const entry = encodeRecordEntry(place, body);
    expect(hex(entry)).toBe(prefix + hex(body));
    const fields = { key: null, value: bytesOf('ab'), headers: [[bytesOf('h'), null]] };
    expect(parseEntry(entry)).toEqual({ version: 1, ...place, ...fields });
  });

  test('version 2, byte for byte', () => {
    const batchHash = new Uint8Array(32).fill(0xab);
    const entry = encodeBatchEntry(place, batchHash);
    expect(hex(entry)).toBe('02' + prefix.slice(2) + 'ab'.repeat(32));
    expect(parseEntry(entry)).toEqual({ version: 2, ...place, batchHash });
  });

  test('what is written is what the literal writer writes, and is read back', () => {
    fc.assert(
      fc.property(records, batchFields, partition, (all, fields, of) => {
        const entries = referenceEntries({ ...fields, field: bytesOf('') }, all, of);
        for (const [i, entry] of entries.entries()) {
          const read = parseEntry(entry);
          if (read.version !== 1) throw new Error('another version');
          expect(read.offset).toBe(Number(fields.baseOffset) + i);
          expect(encodeRecordEntry(read, encodeRecordBody(read))).toEqual(entry);
          expect(encodeRecordBody(read)).toEqual(encodeBody(all[i]!));
        }
        for (const entry of referenceUnparsedEntries({ ...fields, field: bytesOf('x') }, of)) {
          const read = parseEntry(entry);
          if (read.version !== 2) throw new Error('another version');
          expect(encodeBatchEntry(read, read.batchHash)).toEqual(entry);
        }
      }),
      { numRuns: 30 },
    );
  });

  const good = prefix + '010100';
  const malformed: [string, Uint8Array][] = [
    ['nothing', new Uint8Array(0)],
    ['21 bytes', unhex(prefix).subarray(0, 21)],
    ['no record', unhex(prefix)],
    ['version 0', unhex('00' + good.slice(2))],
    ['version 3', unhex('03' + good.slice(2))],
    ['codec bits in the flags', unhex('0129' + good.slice(4))],
    ['the delete horizon in the flags', unhex('0168' + good.slice(4))],
    ['flag 0x80', unhex('0180' + good.slice(4))],
    ['an offset of 2^53', unhex('0128000000030020000000000000' + good.slice(28))],
    ['an offset of 2^64-1', unhex('012800000003ffffffffffffffff' + good.slice(28))],
    ['a byte after the record', unhex(good + '00')],
    ['a record that is cut off', unhex(good.slice(0, -2))],
    ['a null header name', unhex(prefix + '0101020101')],
    ['a header count below 0', unhex(prefix + '010101')],
    ['an overlong varint', concat(unhex(prefix), varint(-1, 1), Uint8Array.of(1, 0))],
    ['a key that does not fit', unhex(prefix + '080100')],
    ['version 2 with 31 bytes', unhex('02' + prefix.slice(2) + '00'.repeat(31))],
    ['version 2 with 33 bytes', unhex('02' + prefix.slice(2) + '00'.repeat(33))],
    ['version 2 with a record', unhex('02' + good.slice(2))],
  ];
  test('the smallest is taken', () => {
    expect(parseEntry(unhex(good))).toMatchObject({ version: 1, key: null, value: null, headers: [] });
  });
  for (const [name, bytes] of malformed) {
    test(`is refused: ${name}`, () => {
      expect(() => parseEntry(bytes)).toThrow(expect.objectContaining({ code: 'ENTRY_MALFORMED' }));
    });
  }

  const impossible: [string, object][] = [
    ['a partition below 0', { partition: -1 }],
    ['a partition of 2^32', { partition: 2 ** 32 }],
    ['half a partition', { partition: 0.5 }],
    ['an offset below 0', { offset: -1 }],
    ['an offset of 2^53', { offset: 2 ** 53 }],
  ];
  for (const [name, wrong] of impossible) {
    test(`is not written: ${name}`, () => {
      expect(() => encodeRecordEntry({ ...place, ...wrong }, unhex('010100'))).toThrow(
        expect.objectContaining({ code: 'ENTRY_MALFORMED' }),
      );
    });
  }
  test('is not written: a batch hash of 31 bytes', () => {
    expect(() => encodeBatchEntry(place, new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'ENTRY_MALFORMED' }),
    );
  });
});
