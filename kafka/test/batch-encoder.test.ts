import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { batchBytesAtMost, batchField, encodeBatch, sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { crc32c } from '@tallystick/kafka/crc32c';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

test('CRC-32C of the check string and of nothing (RFC 3720, appendix B.4)', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array())).toBe(0);
});

const bytes = fc.option(fc.uint8Array({ maxLength: 200 }), { nil: null });
const records = fc.array(
  fc.record({
    key: bytes,
    value: bytes,
    headers: fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 20 }), bytes), { maxLength: 4 }),
  }),
  {
    minLength: 1,
    maxLength: 150,
  },
);

function hex(part: Uint8Array | null): string | null {
  return part === null ? null : Buffer.from(part).toString('hex');
}

test('property: what is encoded parses by the rule of the protocol and gives the same records', () => {
  fc.assert(
    fc.property(records, fc.nat(), (given, time) => {
      const batch = encodeBatch(given, time);
      const header = readBatchHeader(batch, 0);
      expect(header).toMatchObject({
        magic: 2,
        totalLength: batch.length,
        count: given.length,
        lastOffsetDelta: given.length - 1,
        maxTimestamp: BigInt(time),
        codec: 0,
      });
      expect(crc32c(batch.subarray(batchField.attributes))).toBe(header.crc);
      const parsed = parseBatch(batch, header, nodeCodecs);
      if (!parsed.parsed) throw new Error(parsed.reason);
      expect(
        recordsOf(parsed).map(({ key, value, headers }) => [
          hex(key),
          hex(value),
          headers.map(([name, content]) => [hex(name), hex(content)]),
        ]),
      ).toEqual(
        given.map(({ key, value, headers }) => [
          hex(key),
          hex(value),
          headers.map(([name, content]) => [hex(Buffer.from(name)), hex(content)]),
        ]),
      );
    }),
  );
});

test('property: the bound on bytes is never too low, and not far too high', () => {
  fc.assert(
    fc.property(records, (given: readonly RecordToAppend[]) => {
      const exact = encodeBatch(given, 1).length;
      const headers = given.reduce((sum, record) => sum + (record.headers?.length ?? 0), 0);
      expect(batchBytesAtMost(given)).toBeGreaterThanOrEqual(exact);
      expect(batchBytesAtMost(given)).toBeLessThanOrEqual(exact + given.length * 36 + headers * 10);
    }),
  );
});

test('large records and many records cross every varint length', () => {
  for (const size of [63, 64, 8_191, 8_192, 1_048_575, 1_048_576]) {
    const batch = encodeBatch([{ key: null, value: new Uint8Array(size) }], 0);
    expect(parseBatch(batch, readBatchHeader(batch, 0), nodeCodecs).parsed).toBe(true);
  }
  const many = encodeBatch(
    Array.from({ length: 9_000 }, () => ({ key: null, value: null })),
    0,
  );
  expect(parseBatch(many, readBatchHeader(many, 0), nodeCodecs).parsed).toBe(true);
});

test('sealCrc mends what was changed', () => {
  const batch = encodeBatch([{ key: null, value: Buffer.from('x') }], 0);
  batch.writeUInt8(0x79, batch.length - 2);
  expect(crc32c(batch.subarray(batchField.attributes))).not.toBe(readBatchHeader(batch, 0).crc);
  sealCrc(batch);
  expect(crc32c(batch.subarray(batchField.attributes))).toBe(readBatchHeader(batch, 0).crc);
});
