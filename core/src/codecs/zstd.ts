import type { Codecs } from '../codecs.ts';
import { readU16, readU32, readU64 } from './little-endian.ts';
import { refusal, tooLarge } from './refusal.ts';

const frameMagic = 0xfd2fb528;
const maxWindow = 2 ** 27;
const maxBlock = 2 ** 17;
/** A byte each of literals and sequences section (RFC 8878, section 3.1.1.3). */
const leastCompressed = 2;
const blockType = { raw: 0, rle: 1, compressed: 2 };

/**
 * Exactly one Zstandard frame (RFC 8878), no skippable one and nothing after it: reserved bit and dictionary flag 0, window
 * (the content size of a single-segment frame) at most 2^27, block sizes within the block maximum (RFC 8878, section
 * 3.1.1.2.4; libraries do not check it of every block), content size right where it is present. The inflater verifies the checksum.
 * @throws CoreError BATCH_UNPARSED
 */
export function decodeZstd(data: Uint8Array, limit: number, codecs: Pick<Codecs, 'zstd'>): Uint8Array {
  const frame = walkFrame(data);
  if (frame.atLeast > limit || (frame.contentSize ?? 0) > limit) throw tooLarge('zstd', limit);
  if (frame.contentSize !== null && (frame.contentSize < frame.atLeast || frame.contentSize > frame.atMost)) {
    throw refusal('zstd: the content size is wrong');
  }
  // What the frame can come to is the limit: nothing is reserved for more.
  const output = codecs.zstd(data, Math.min(limit, frame.contentSize ?? frame.atMost));
  if (frame.contentSize !== null && output.length !== frame.contentSize)
    throw refusal('zstd: the content size is wrong');
  return output;
}

interface Frame {
  readonly contentSize: number | null;
  /** Bounds of the decoded bytes: raw and RLE blocks say theirs, a compressed one has at most the block maximum. */
  readonly atLeast: number;
  readonly atMost: number;
}

function walkFrame(data: Uint8Array): Frame {
  if (data.length < 5) throw refusal('zstd: ends inside the frame header');
  if (readU32(data, 0) !== frameMagic) throw refusal('zstd: does not begin with the frame magic');
  const descriptor = data[4] ?? 0;
  if (descriptor & 0x08) throw refusal('zstd: the reserved bit is set');
  if (descriptor & 0x03) throw refusal('zstd: needs a dictionary');
  const singleSegment = (descriptor & 0x20) !== 0;
  const checksum = (descriptor & 0x04) !== 0;
  const sizeCode = descriptor >> 6;
  const sizeBytes = sizeCode === 0 ? Number(singleSegment) : 2 ** sizeCode;
  let at = 5 + (singleSegment ? 0 : 1) + sizeBytes;
  if (at > data.length) throw refusal('zstd: ends inside the frame header');
  const contentSize = readContentSize(data, at - sizeBytes, sizeBytes);
  const window = singleSegment ? (contentSize ?? 0) : windowSize(data[5] ?? 0);
  if (window > maxWindow) throw refusal('zstd: the window is larger than 2^27');

  const blockMax = Math.min(window, maxBlock);
  let atLeast = 0;
  let atMost = 0;
  for (let last = false; !last;) {
    if (at + 3 > data.length) throw refusal('zstd: ends before the last block');
    const header = readU16(data, at) | ((data[at + 2] ?? 0) << 16);
    at += 3;
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type > blockType.compressed) throw refusal('zstd: a block of the reserved type');
    // Libraries differ here: libzstd takes an empty one when it streams and refuses it in one call.
    if (type === blockType.compressed && size < leastCompressed)
      throw refusal('zstd: a compressed block without its two section headers');
    if (size > blockMax) throw refusal('zstd: a block is larger than the block maximum');
    at += type === blockType.rle ? 1 : size;
    if (at > data.length) throw refusal('zstd: ends inside a block');
    atLeast += type === blockType.compressed ? 0 : size;
    atMost += type === blockType.compressed ? blockMax : size;
  }
  const end = at + (checksum ? 4 : 0);
  if (end > data.length) throw refusal('zstd: ends inside the checksum');
  if (end !== data.length) throw refusal('zstd: bytes after the frame');
  return { contentSize, atLeast, atMost };
}

/** RFC 8878, section 3.1.1.1.4. */
function readContentSize(data: Uint8Array, at: number, bytes: number): number | null {
  switch (bytes) {
    case 0:
      return null;
    case 1:
      return data[at] ?? 0;
    case 2:
      return readU16(data, at) + 256;
    case 4:
      return readU32(data, at);
    default:
      return readU64(data, at);
  }
}

/** RFC 8878, section 3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
