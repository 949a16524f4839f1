import { concat } from '../batch-builder.ts';
import { lz4, u32 } from '../container-builder.ts';
import { common, compressed, field, large, repeat, rest, sealed, start } from './vector.ts';

const { frame, stored, sequence, last } = lz4;
const asBlock = concat(sequence(field.subarray(0, repeat), 7, 11), last(field.subarray(repeat + 11)));
const nearEnd = large(300);
const block64k = large(65_536);
const over64k = large(65_537);
const zeroBlock = (head: Uint8Array, zeros: number) =>
  concat(sequence(concat(head, Uint8Array.of(0)), 1, zeros - 1), last(new Uint8Array(0)));

export const lz4Vectors = [
  ...compressed(
    3,
    {
      'a stored block': frame([stored(field)]),
      'a compressed block': frame([asBlock]),
      'three blocks': frame([stored(start), last(rest.subarray(0, 1)), stored(rest.subarray(1))]),
      'block checksums': frame([stored(start), last(rest)], { blockChecksums: 'right' }),
      'content checksum': frame([asBlock], { contentChecksum: 'right', content: field }),
      'content size': frame([asBlock], { contentSize: BigInt(field.length) }),
      everything: frame([asBlock], {
        contentSize: BigInt(field.length),
        contentChecksum: 'right',
        blockChecksums: 'right',
        content: field,
      }),
      'block maximum 256 KiB': frame([asBlock], { descriptor: 0x50 }),
      'block maximum 1 MiB': frame([asBlock], { descriptor: 0x60 }),
      'block maximum 4 MiB': frame([asBlock], { descriptor: 0x70 }),
      'a block that decodes to nothing': frame([last(new Uint8Array(0)), asBlock, last(new Uint8Array(0))]),
    },
    {
      nothing: new Uint8Array(0),
      'version 00': frame([asBlock], { version: 0x00 }),
      'version 10': frame([asBlock], { version: 0x80 }),
      'version 11': frame([asBlock], { version: 0xc0 }),
      'blocks that depend on each other': frame([asBlock], { dependent: true }),
      'a dictionary id': frame([asBlock], { dictionary: 0 }),
      'a dictionary id that is announced and missing': frame([asBlock], { flags: 0x01 }),
      'the reserved bit of the flags': frame([asBlock], { flags: 0x02 }),
      'a low reserved bit of the descriptor': frame([asBlock], { descriptor: 0x41 }),
      'the high reserved bit of the descriptor': frame([asBlock], { descriptor: 0xc0 }),
      'block maximum 0': frame([asBlock], { descriptor: 0x00 }),
      'block maximum 3': frame([asBlock], { descriptor: 0x30 }),
      'a wrong header checksum': frame([asBlock], { headerChecksum: 'wrong' }),
      'the header checksum of old Kafka clients, over the magic too': frame([asBlock], {
        headerChecksum: 'over the magic',
      }),
      'a wrong block checksum': frame([asBlock], { blockChecksums: 'wrong' }),
      'a wrong content checksum': frame([asBlock], { contentChecksum: 'wrong', content: field }),
      'a content checksum that is missing': frame([asBlock], { contentChecksum: 'right', content: field }).subarray(
        0,
        -4,
      ),
      'a content size one too large': frame([asBlock], { contentSize: BigInt(field.length + 1) }),
      'a content size one too small': frame([asBlock], { contentSize: BigInt(field.length - 1) }),
      'a content size of 0': frame([asBlock], { contentSize: 0n }),
      'a content size of 2^63': frame([asBlock], { contentSize: 2n ** 63n }),
      'a content size 2^32 too large': frame([asBlock], { contentSize: 2n ** 32n + BigInt(field.length) }),
      'no end mark': frame([asBlock], { endMark: new Uint8Array(0) }),
      'a cut-off end mark': frame([asBlock], { endMark: Uint8Array.of(0, 0, 0) }),
      'an end mark with the high bit': frame([asBlock], { endMark: u32(0x80000000) }),
      'an empty stored block before the end mark': frame([asBlock, stored(new Uint8Array(0))]),
      'a block size of 2^31-1': concat(frame([], { endMark: new Uint8Array(0) }), u32(2 ** 31 - 1), asBlock, u32(0)),
      'a stored block size of 2^31-1': concat(
        frame([], { endMark: new Uint8Array(0) }),
        u32(2 ** 32 - 1),
        field,
        u32(0),
      ),
      'a block that is cut off': frame([asBlock], { endMark: new Uint8Array(0) }).subarray(0, -1),
      'a copy with offset 0': frame([
        concat(sequence(field.subarray(0, repeat), 0, 11), last(field.subarray(repeat + 11))),
      ]),
      'a copy from one before the block': frame([
        concat(sequence(field.subarray(0, repeat), repeat + 1, 11), last(field.subarray(repeat + 11))),
      ]),
      'a copy from the block before': frame([
        stored(field.subarray(0, repeat)),
        concat(sequence(new Uint8Array(0), 7, 11), last(field.subarray(repeat + 11))),
      ]),
      'a block that ends with a copy': frame([
        sequence(field.subarray(0, repeat), 7, 11),
        stored(field.subarray(repeat + 11)),
      ]),
      'a cut-off copy offset': frame([concat(Uint8Array.of(0x10, 65, 1)), stored(field)]),
      'a literal length that never ends': frame([new Uint8Array(30).fill(0xff)]),
      'a copy length that never ends': frame([concat(Uint8Array.of(0x1f, 65, 1, 0), new Uint8Array(30).fill(0xff))]),
      'literals that do not fit': frame([Uint8Array.of(0x50, 1, 2, 3, 4)]),
      'a byte after the frame': concat(frame([asBlock]), Uint8Array.of(0)),
      'a content checksum that was not announced': concat(frame([asBlock]), u32(0)),
      'an empty second frame': concat(frame([asBlock]), frame([])),
      'two frames with half a record each': concat(frame([stored(start)]), frame([stored(rest)])),
      'a skippable frame before': concat(u32(0x184d2a50), u32(1), Uint8Array.of(0), frame([asBlock])),
      'a skippable frame after': concat(frame([asBlock]), u32(0x184d2a50), u32(0)),
      'the legacy frame': concat(u32(0x184c2102), u32(asBlock.length), asBlock),
      'a bare block': asBlock,
      'no compression at all': field,
      'a frame of nothing': frame([]),
      'a record and a byte': frame([stored(concat(field, Uint8Array.of(0)))]),
    },
  ),
  sealed(
    'a copy up to the end of a block, and a last sequence of nothing',
    { ...common, attributes: 3, field: frame([zeroBlock(nearEnd.head, nearEnd.zeros)]) },
    [nearEnd.record],
  ),
  sealed(
    'a block that decodes to the block maximum',
    { ...common, attributes: 3, field: frame([zeroBlock(block64k.head, block64k.zeros)]) },
    [block64k.record],
  ),
  sealed(
    'a block that decodes to more than the block maximum',
    { ...common, attributes: 3, field: frame([zeroBlock(over64k.head, over64k.zeros)]) },
    null,
  ),
];
