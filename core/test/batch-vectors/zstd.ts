import { constants, zstdCompressSync } from 'node:zlib';
import { concat } from '../batch-builder.ts';
import { u32, zstd } from '../container-builder.ts';
import { common, compressed, field, large, rest, sealed, start } from './vector.ts';

const limit = 64 * 1024 * 1024;
const z = zstd;
const rle = (zeros: number) => {
  const blocks: Uint8Array[] = [];
  for (let left = zeros; left > 0; left -= 131_072) blocks.push(z.rle(0, Math.min(left, 131_072), left <= 131_072));
  return blocks;
};
const zeroFrame = ({ head, zeros }: { head: Uint8Array; zeros: number }) =>
  z.frame([z.raw(head), ...rle(zeros)], { window: 0x50 });
const atLimit = large(limit);
const overLimit = large(limit + 1);
const kib = large(1025);
const good = z.frame([z.raw(field, true)]);
const withChecksum = zstdCompressSync(field, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const wrongChecksum = Buffer.from(withChecksum);
wrongChecksum[wrongChecksum.length - 1] = (wrongChecksum.at(-1) ?? 0) ^ 1;
const size = BigInt(field.length);

export const zstdVectors = [
  ...compressed(
    4,
    {
      'a raw block': good,
      'a compressed block': zstdCompressSync(field),
      'a checksum': withChecksum,
      'an RLE block': z.frame([z.raw(field.subarray(0, 2)), z.rle(field[2] ?? 0, 1), z.raw(field.subarray(3), true)]),
      'raw blocks of nothing': z.frame([z.raw(new Uint8Array(0)), z.raw(field), z.raw(new Uint8Array(0), true)]),
      'a window of exactly 2^27': z.frame([z.raw(field, true)], { window: 0x88 }),
      'single segment, content size of 1 byte': z.frame([z.raw(field, true)], { single: true, sizeFlag: 0, size }),
      'single segment, content size of 4 bytes': z.frame([z.raw(field, true)], { single: true, sizeFlag: 2, size }),
      'content size of 8 bytes': z.frame([z.raw(field, true)], { sizeFlag: 3, size }),
      'the unused bit': z.frame([z.raw(field, true)], { descriptor: 0x10 }),
    },
    {
      nothing: new Uint8Array(0),
      'only the magic': good.subarray(0, 4),
      'the reserved bit': z.frame([z.raw(field, true)], { descriptor: 0x08 }),
      'dictionary flag 1, dictionary 0': z.frame([z.raw(field, true)], {
        descriptor: 0x01,
        dictionary: Uint8Array.of(0),
      }),
      'dictionary flag 2, dictionary 0': z.frame([z.raw(field, true)], {
        descriptor: 0x02,
        dictionary: new Uint8Array(2),
      }),
      'dictionary flag 3, dictionary 1': z.frame([z.raw(field, true)], { descriptor: 0x03, dictionary: u32(1) }),
      'a window above 2^27': z.frame([z.raw(field, true)], { window: 0x89 }),
      'a window of 2^28': z.frame([z.raw(field, true)], { window: 0x90 }),
      'a window of 2^28 though the size is known': z.frame([z.raw(field, true)], { window: 0x90, sizeFlag: 3, size }),
      'the largest window': z.frame([z.raw(field, true)], { window: 0xff }),
      'single segment of 2^27+1': z.frame([z.raw(field, true)], { single: true, sizeFlag: 2, size: 2n ** 27n + 1n }),
      'a content size one too large': z.frame([z.raw(field, true)], { sizeFlag: 3, size: size + 1n }),
      'a content size one too small': z.frame([z.raw(field, true)], { sizeFlag: 3, size: size - 1n }),
      'a content size of 2^64-1': z.frame([z.raw(field, true)], { sizeFlag: 3, size: 2n ** 64n - 1n }),
      'a content size 2^32 too large': z.frame([z.raw(field, true)], { sizeFlag: 3, size: 2n ** 32n + size }),
      'a content size of 0 in a single segment': z.frame([z.raw(field, true)], { single: true, sizeFlag: 0, size: 0n }),
      'a wrong checksum': wrongChecksum,
      'a checksum that is missing': withChecksum.subarray(0, -4),
      'a checksum that was not announced': concat(good, u32(0)),
      'a block of the reserved type': z.frame([z.block(3, field.length, field, true)]),
      'a compressed block of nothing': z.frame([z.block(2, 0, new Uint8Array(0)), z.raw(field, true)]),
      'a compressed block of one byte': z.frame([z.block(2, 1, new Uint8Array(1)), z.raw(field, true)]),
      'a compressed block of rubbish': z.frame([z.block(2, 20, new Uint8Array(20).fill(0xff)), z.raw(field, true)]),
      'no last block': z.frame([z.raw(field)]),
      'a block that is cut off': good.subarray(0, -1),
      'a block header that is cut off': z.frame([z.raw(field), Uint8Array.of(1, 0)]),
      'an RLE block without its byte': z.frame([z.raw(field), z.rle(0, 0, true).subarray(0, 3)]),
      'a byte after the frame': concat(good, Uint8Array.of(0)),
      'an empty second frame': concat(good, z.frame([z.raw(new Uint8Array(0), true)])),
      'two frames with half a record each': concat(z.frame([z.raw(start, true)]), z.frame([z.raw(rest, true)])),
      'a skippable frame before': concat(u32(0x184d2a50), u32(1), Uint8Array.of(0), good),
      'a skippable frame after': concat(good, u32(0x184d2a5f), u32(0)),
      'the magic of version 0.7': concat(u32(0xfd2fb527), good.subarray(4)),
      'no compression at all': field,
      'a frame of nothing': z.frame([z.raw(new Uint8Array(0), true)]),
      'a record and a byte': z.frame([z.raw(concat(field, Uint8Array.of(0)), true)]),
    },
  ),
  sealed(
    'a raw block above the window',
    { ...common, attributes: 4, field: z.frame([z.raw(kib.field, true)], { window: 0 }) },
    null,
  ),
  sealed(
    'a raw block within the window',
    { ...common, attributes: 4, field: z.frame([z.raw(kib.field, true)], { window: 1 }) },
    [kib.record],
  ),
  sealed(
    'an RLE block above 128 KiB',
    {
      ...common,
      attributes: 4,
      field: (() => {
        const big = large(140_000);
        return z.frame([z.raw(big.head), z.rle(0, big.zeros, true)], { window: 0x50 });
      })(),
    },
    null,
  ),
  sealed('exactly 64 MiB', { ...common, attributes: 4, field: zeroFrame(atLimit) }, [atLimit.record]),
  sealed('one byte more than 64 MiB', { ...common, attributes: 4, field: zeroFrame(overLimit) }, null),
];
