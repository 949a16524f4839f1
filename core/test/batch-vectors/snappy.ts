import { bytesOf, concat, unsignedVarint, varint } from '../batch-builder.ts';
import { i32, snappy } from '../container-builder.ts';
import { compressed, field, half, repeat, rest, start } from './vector.ts';

const { block, literal, copy1, copy2, copy4, chunks } = snappy;
const withCopy = (copy: (offset: number, length: number) => Uint8Array) =>
  block(field.length, literal(field.subarray(0, repeat)), copy(7, 11), literal(field.subarray(repeat + 11)));
const plain = block(field.length, literal(field));

export const snappyVectors = compressed(
  2,
  {
    'a raw block': plain,
    'a raw block with a copy of kind 1': withCopy(copy1),
    'a raw block with a copy of kind 2': withCopy(copy2),
    'a raw block with a copy of kind 4': withCopy(copy4),
    'literal lengths longer than they need be': block(field.length, literal(start, 1), literal(rest, 4)),
    'literal lengths of 2 and 3 bytes': block(field.length, literal(start, 2), literal(rest, 3)),
    'one chunk': chunks([plain]),
    'one chunk a byte': chunks([...field].map((byte) => block(1, literal(Uint8Array.of(byte))))),
    'two chunks, the second with a copy': chunks([
      block(half, literal(start)),
      block(field.length - half, literal(rest.subarray(0, 1)), literal(rest.subarray(1))),
    ]),
  },
  {
    nothing: new Uint8Array(0),
    'an overlong preamble': concat(unsignedVarint(BigInt(field.length), 1), literal(field)),
    'a preamble of 33 bits': concat(unsignedVarint(2n ** 32n + BigInt(field.length)), literal(field)),
    'a preamble that never ends': new Uint8Array(20).fill(0xff),
    'a preamble of 2^32-1': block(2 ** 32 - 1, literal(field)),
    'a preamble of 2^31-1': block(2 ** 31 - 1, literal(field)),
    'a preamble one too large': block(field.length + 1, literal(field)),
    'a preamble one too small': block(field.length - 1, literal(field)),
    'a raw block of nothing': block(0),
    'an element after the preamble is reached': concat(plain, literal(Uint8Array.of(0))),
    'a copy of kind 1 with offset 0': block(
      field.length,
      literal(field.subarray(0, repeat)),
      copy1(0, 11),
      literal(field.subarray(repeat + 11)),
    ),
    'a copy of kind 2 with offset 0': block(
      field.length,
      literal(field.subarray(0, repeat)),
      copy2(0, 11),
      literal(field.subarray(repeat + 11)),
    ),
    'a copy of kind 4 with offset 0': block(
      field.length,
      literal(field.subarray(0, repeat)),
      copy4(0, 11),
      literal(field.subarray(repeat + 11)),
    ),
    'a copy from one before the block': block(field.length + 4, literal(field), copy1(field.length + 1, 4)),
    'a copy first of all': block(4, copy1(1, 4)),
    'a copy with offset 2^32-1': block(field.length + 4, literal(field), copy4(2 ** 32 - 1, 4)),
    'a copy longer than the preamble': block(field.length, literal(field.subarray(0, -1)), copy2(1, 4)),
    'a literal that is cut off': block(field.length, literal(field)).subarray(0, -1),
    'a literal of 2^32 bytes': concat(varint(0), Uint8Array.of(0xfc, 0xff, 0xff, 0xff, 0xff), field),
    'a literal length that is cut off': block(field.length, Uint8Array.of(0xfc, 0, 0)),
    'a copy that is cut off': concat(plain, Uint8Array.of(0x02, 1)),
    'a copy in a chunk from the chunk before': chunks([
      block(repeat, literal(field.subarray(0, repeat))),
      block(field.length - repeat, copy1(7, 11), literal(field.subarray(repeat + 11))),
    ]),
    'a chunk of nothing before a good one': chunks([block(0), plain]),
    'a chunk of nothing after a good one': chunks([plain, block(0)]),
    'a chunk length of 0': concat(chunks([plain]), i32(0)),
    'a chunk length below 0': concat(chunks([plain]), i32(-1)),
    'a chunk length of 2^31-1': concat(chunks([]), i32(2 ** 31 - 1), plain),
    'a chunk length one too large': concat(chunks([]), i32(plain.length + 1), plain),
    'a chunk length one too small': concat(chunks([]), i32(plain.length - 1), plain),
    'a chunk length that is cut off': concat(chunks([plain]), Uint8Array.of(0, 0)),
    'a header and no chunk': chunks([]),
    'a cut-off header': chunks([plain]).subarray(0, 15),
    'version 2': chunks([plain], 2, 1),
    'version 0': chunks([plain], 0, 1),
    'lowest compatible version 2': chunks([plain], 1, 2),
    'two streams of chunks': concat(
      chunks([block(half, literal(start))]),
      chunks([block(field.length - half, literal(rest))]),
    ),
    'the framing format': concat(
      Uint8Array.of(0xff, 6, 0, 0),
      bytesOf('sNaPpY'),
      Uint8Array.of(1, 4, 0, 0, 0, 0, 0, 0),
    ),
    'no compression at all': field,
    'a record and a byte': block(field.length + 1, literal(concat(field, Uint8Array.of(0)))),
  },
);
