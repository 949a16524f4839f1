import { copyBack, copyLiteral } from './copy-back.ts';
import { readU16, readU32 } from './little-endian.ts';
import { refusal, tooLarge } from './refusal.ts';

/** What snappy-java's SnappyOutputStream writes first: magic, version 1, lowest compatible version 1. */
const xerialHeader = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
const xerialMagicBytes = 8;
/** No element gives more than 64 bytes for 3 (a copy with a two-byte offset). */
const maxExpansion = 64 / 3;

/**
 * Snappy as Kafka's clients write it: the chunks of snappy-java, or one raw block (google/snappy format_description.txt).
 * Chunks are refused without a decoded byte; every preamble is a shortest-form varint, no copy has offset 0 or reaches
 * before its block. A raw block can never begin with snappy-java's magic: that would be a copy from before its start.
 * @throws CoreError BATCH_UNPARSED
 */
export function decodeSnappy(data: Uint8Array, limit: number): Uint8Array {
  if (!beginsWith(data, xerialHeader, xerialMagicBytes))
    return decodeBlocks([openBlock(data, 0, data.length)], data, limit);
  if (!beginsWith(data, xerialHeader, xerialHeader.length)) throw refusal('snappy: not version 1 of the chunk format');
  const blocks: Block[] = [];
  let at = xerialHeader.length;
  do {
    if (at + 4 > data.length) throw refusal('snappy: ends inside a chunk length');
    const length =
      ((data[at] ?? 0) << 24) | ((data[at + 1] ?? 0) << 16) | ((data[at + 2] ?? 0) << 8) | (data[at + 3] ?? 0);
    at += 4;
    if (length < 0 || length > data.length - at) throw refusal('snappy: a chunk length that does not fit');
    const block = openBlock(data, at, at + length);
    if (block.size === 0) throw refusal('snappy: a chunk without a decoded byte');
    blocks.push(block);
    at += length;
  } while (at < data.length);
  return decodeBlocks(blocks, data, limit);
}

interface Block {
  /** Of the first element, after the preamble. */
  readonly from: number;
  readonly to: number;
  /** Decoded bytes, as the preamble says. */
  readonly size: number;
}

/** Reads a block's preamble, and refuses one that claims more than its bytes could give: no allocation on its word alone. */
function openBlock(data: Uint8Array, from: number, to: number): Block {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    if (from + i >= to) throw refusal('snappy: ends inside a preamble');
    const byte = data[from + i] ?? 0;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte >= 0x80) continue;
    if ((byte === 0 && i > 0) || size >= 2 ** 32) break;
    const start = from + i + 1;
    if (size > (to - start) * maxExpansion) throw refusal('snappy: a preamble claims more than its block can give');
    return { from: start, to, size };
  }
  throw refusal('snappy: a preamble is no shortest-form varint of 32 bits');
}

function decodeBlocks(blocks: readonly Block[], data: Uint8Array, limit: number): Uint8Array {
  const size = blocks.reduce((sum, block) => sum + block.size, 0);
  if (size > limit) throw tooLarge('snappy', limit);
  const output = new Uint8Array(size);
  let at = 0;
  for (const block of blocks) {
    decodeBlock(data, block, output, at);
    at += block.size;
  }
  return output;
}

function decodeBlock(data: Uint8Array, block: Block, output: Uint8Array, start: number): void {
  const { to } = block;
  const end = start + block.size;
  let from = block.from;
  let at = start;
  while (from < to) {
    const tag = data[from++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const bytes = length - 60;
        if (from + bytes > to) throw refusal('snappy: ends inside a literal length');
        length = (bytes === 4 ? readU32(data, from) : readU32(data, from) & (2 ** (8 * bytes) - 1)) + 1;
        from += bytes;
      }
      if (length > to - from) throw refusal('snappy: ends inside a literal');
      if (length > end - at) throw refusal('snappy: decodes to more than its preamble says');
      copyLiteral(data, from, output, at, length);
      from += length;
      at += length;
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (from + offsetBytes > to) throw refusal('snappy: ends inside a copy');
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    let offset: number;
    if (kind === 1) offset = ((tag >> 5) << 8) | (data[from] ?? 0);
    else offset = kind === 2 ? readU16(data, from) : readU32(data, from);
    from += offsetBytes;
    if (offset === 0) throw refusal('snappy: a copy with offset 0');
    if (offset > at - start) throw refusal('snappy: a copy from before its block');
    if (length > end - at) throw refusal('snappy: decodes to more than its preamble says');
    copyBack(output, at, offset, length);
    at += length;
  }
  if (at !== end) throw refusal('snappy: decodes to less than its preamble says');
}

function beginsWith(data: Uint8Array, prefix: Uint8Array, length: number): boolean {
  if (data.length < length) return false;
  for (let i = 0; i < length; i++) if (data[i] !== prefix[i]) return false;
  return true;
}
