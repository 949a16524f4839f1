import { constants, crc32, deflateRawSync, deflateSync } from 'node:zlib';
import { bytesOf, concat } from '../batch-builder.ts';
import { gzip } from '../container-builder.ts';
import { compressed, field, half } from './vector.ts';

const deflated = deflateRawSync(field);

export const gzipVectors = compressed(
  1,
  {
    'one member': gzip(field),
    'a stored block': gzip(field, { deflated: deflateRawSync(field, { level: 0 }) }),
    'fixed codes': gzip(field, { deflated: deflateRawSync(field, { strategy: constants.Z_FIXED }) }),
    'two deflate blocks': gzip(field, {
      deflated: concat(
        deflateRawSync(field.subarray(0, half), { finishFlush: constants.Z_FULL_FLUSH }),
        deflateRawSync(field.subarray(half)),
      ),
    }),
    'time, extra flags and system set': gzip(field, { fixed: Uint8Array.of(1, 2, 3, 4, 2, 3) }),
    'text flag': gzip(field, { flags: 0x01 }),
    'extra field, name and comment': gzip(field, {
      flags: 0x1c,
      optional: concat(Uint8Array.of(3, 0, 9, 9, 9), bytesOf('name\0comment\0')),
    }),
    'extra field of no bytes': gzip(field, { flags: 0x04, optional: Uint8Array.of(0, 0) }),
    'header CRC': gzip(field, { flags: 0x02, headerCrc: 'right' }),
    'all optional parts': gzip(field, {
      flags: 0x1f,
      optional: concat(Uint8Array.of(1, 0, 9), bytesOf('n\0c\0')),
      headerCrc: 'right',
    }),
  },
  {
    nothing: new Uint8Array(0),
    'only a header': gzip(field).subarray(0, 10),
    'reserved flag 0x20': gzip(field, { flags: 0x20 }),
    'reserved flag 0x40': gzip(field, { flags: 0x40 }),
    'reserved flag 0x80': gzip(field, { flags: 0x80 }),
    'wrong header CRC': gzip(field, { flags: 0x02, headerCrc: 'wrong' }),
    'header CRC announced and missing': gzip(field, { flags: 0x02 }),
    'method 7': gzip(field, { method: 7 }),
    'wrong magic': gzip(field, { magic: [0x1f, 0x8c] }),
    'wrong CRC-32': gzip(field, { crc: crc32(field) ^ 1 }),
    'size one more': gzip(field, { size: field.length + 1 }),
    'size one less': gzip(field, { size: field.length - 1 }),
    'size 2^32-1': gzip(field, { size: 2 ** 32 - 1 }),
    'two members that hold a record each': concat(gzip(field), gzip(field)),
    'two members that hold half a record each': concat(gzip(field.subarray(0, half)), gzip(field.subarray(half))),
    'an empty second member': concat(gzip(field), gzip(new Uint8Array(0))),
    'a zero byte after the member': concat(gzip(field), Uint8Array.of(0)),
    'a byte between deflate stream and trailer': gzip(field, { deflated: concat(deflated, Uint8Array.of(0)) }),
    'a byte before the member': concat(Uint8Array.of(0), gzip(field)),
    'cut off in the trailer': gzip(field).subarray(0, -1),
    'no last block': gzip(field, { deflated: deflateRawSync(field, { finishFlush: constants.Z_FULL_FLUSH }) }),
    'a reserved deflate block type': gzip(field, { deflated: Uint8Array.of(0x07) }),
    'an extra field that does not fit': gzip(field, { flags: 0x04, optional: Uint8Array.of(0xff, 0xff) }),
    'a name that does not end': gzip(field, {
      flags: 0x08,
      deflated: new Uint8Array(20).fill(1),
      crc: 0x01010101,
      size: 0x01010101,
    }),
    'a zlib stream': deflateSync(field),
    'a raw deflate stream': deflated,
    'no compression at all': field,
    'a member of nothing': gzip(new Uint8Array(0)),
    'a record and a byte': gzip(concat(field, Uint8Array.of(0))),
  },
);
