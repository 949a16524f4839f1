import { readU32, readU64 } from './little-endian.ts';
import { decodeLz4Block } from './lz4-block.ts';
import { refusal, tooLarge } from './refusal.ts';
import { xxhash32 } from './xxhash32.ts';

const frameMagic = 0x184d2204;
const flag = {
  version: 0xc0,
  version01: 0x40,
  independent: 0x20,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
};
const reservedOfFlags = 0x02;
const dictionaryId = 0x01;
const uncompressed = 0x80000000;
/** A match length byte of 255 gives 255 bytes; nothing gives more. */
const maxExpansion = 255;

/**
 * One LZ4 frame (lz4 lz4_Frame_format.md), nothing before or after it: version 01, independent blocks, no dictionary id,
 * reserved bits 0, end mark 0, every checksum and size that is present right. Each block has 1 to block-maximum bytes and
 * decodes to at most that; it may decode to nothing.
 * @throws CoreError BATCH_UNPARSED
 */
export function decodeLz4(data: Uint8Array, limit: number): Uint8Array {
  const frame = walkFrame(data);
  if (frame.contentSize !== null && frame.contentSize > limit) throw tooLarge('LZ4', limit);
  // Room for the most that can come out. Fresh memory costs nothing until it is written to, and no copy is needed to grow.
  const room = Math.min(limit, frame.atMost, frame.contentSize ?? Infinity);
  const output = new Uint8Array(room);
  let size = 0;
  let at = frame.firstBlock;
  for (;;) {
    const mark = readU32(data, at);
    if (mark === 0) break;
    const length = mark % uncompressed;
    at += 4;
    // A block is judged by its own maximum first, then by what all of it may come to.
    const allowed = Math.min(frame.blockMax, room - size);
    if (mark >= uncompressed) {
      if (length > allowed) throw overRoom(frame, limit);
      output.set(data.subarray(at, at + length), size);
      size += length;
    } else {
      const decoded = decodeLz4Block(data, at, at + length, output, size, allowed);
      if (decoded < 0)
        throw allowed < frame.blockMax
          ? overRoom(frame, limit)
          : refusal('LZ4: a block decodes to more than the block maximum');
      size += decoded;
    }
    at += length + (frame.blockChecksums ? 4 : 0);
  }
  if (frame.contentSize !== null && frame.contentSize !== size) throw refusal('LZ4: the content size is wrong');
  if (frame.contentChecksum !== null && xxhash32(output, 0, size) !== frame.contentChecksum) {
    throw refusal('LZ4: the content checksum is wrong');
  }
  // A view would keep all of the room alive.
  return size * 2 < room ? output.slice(0, size) : output.subarray(0, size);
}

function overRoom(frame: Frame, limit: number): Error {
  return frame.contentSize === null ? tooLarge('LZ4', limit) : refusal('LZ4: the content size is wrong');
}

interface Frame {
  readonly blockMax: number;
  readonly blockChecksums: boolean;
  readonly contentSize: number | null;
  readonly contentChecksum: number | null;
  /** Of the first block's size field. */
  readonly firstBlock: number;
  /** An upper bound of the decoded bytes. */
  readonly atMost: number;
}

/** Reads all but the content of the blocks: header, block sizes, block checksums, end mark, that nothing comes after. */
function walkFrame(data: Uint8Array): Frame {
  if (data.length < 7) throw refusal('LZ4: ends inside the frame header');
  if (readU32(data, 0) !== frameMagic) throw refusal('LZ4: does not begin with the frame magic');
  const flags = data[4] ?? 0;
  const descriptor = data[5] ?? 0;
  if ((flags & flag.version) !== flag.version01) throw refusal('LZ4: the frame version is not 01');
  if (flags & reservedOfFlags || descriptor & 0x8f) throw refusal('LZ4: a reserved bit is set');
  if (flags & dictionaryId) throw refusal('LZ4: needs a dictionary');
  if (!(flags & flag.independent)) throw refusal('LZ4: blocks depend on each other');
  const sizeCode = descriptor >> 4;
  if (sizeCode < 4) throw refusal('LZ4: the block maximum is a reserved value');
  const blockMax = 2 ** (8 + 2 * sizeCode);
  const headerEnd = 6 + (flags & flag.contentSize ? 8 : 0);
  if (headerEnd >= data.length) throw refusal('LZ4: ends inside the frame header');
  if (((xxhash32(data, 4, headerEnd) >> 8) & 0xff) !== data[headerEnd])
    throw refusal('LZ4: the header checksum is wrong');

  const blockChecksums = (flags & flag.blockChecksum) !== 0;
  let at = headerEnd + 1;
  let atMost = 0;
  for (;;) {
    if (at + 4 > data.length) throw refusal('LZ4: ends before the end mark');
    const mark = readU32(data, at);
    at += 4;
    if (mark === 0) break;
    const length = mark % uncompressed;
    if (length === 0) throw refusal('LZ4: a block without a byte');
    if (length > blockMax) throw refusal('LZ4: a block is larger than the block maximum');
    if (at + length + (blockChecksums ? 4 : 0) > data.length) throw refusal('LZ4: ends inside a block');
    if (blockChecksums && xxhash32(data, at, at + length) !== readU32(data, at + length)) {
      throw refusal('LZ4: a block checksum is wrong');
    }
    atMost += mark >= uncompressed ? length : Math.min(blockMax, length * maxExpansion);
    at += length + (blockChecksums ? 4 : 0);
  }
  const hasContentChecksum = (flags & flag.contentChecksum) !== 0;
  if (at + (hasContentChecksum ? 4 : 0) > data.length) throw refusal('LZ4: ends inside the content checksum');
  const contentChecksum = hasContentChecksum ? readU32(data, at) : null;
  if (at + (hasContentChecksum ? 4 : 0) !== data.length) throw refusal('LZ4: bytes after the frame');
  const contentSize = flags & flag.contentSize ? readU64(data, 6) : null;
  return { blockMax, blockChecksums, contentSize, contentChecksum, firstBlock: headerEnd + 1, atMost };
}
