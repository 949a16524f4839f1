import { copyBack, copyLiteral } from './copy-back.ts';
import { readU16 } from './little-endian.ts';
import { refusal } from './refusal.ts';

const minMatch = 4;

/**
 * Decodes one LZ4 block (lz4 lz4_Block_format.md), `data[from, to)`, into `output` at `start`. No copy has offset 0 or
 * reaches before the block; the last sequence is literals only. The format's other rules for a block's end (the last five
 * bytes are literals) bind encoders only and are not asked for.
 * @returns decoded bytes, or -1 where they would be more than `allowed`
 * @throws CoreError BATCH_UNPARSED
 */
export function decodeLz4Block(
  data: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  start: number,
  allowed: number,
): number {
  const end = start + allowed;
  let at = start;
  let next = from;
  while (next < to) {
    const token = data[next++] ?? 0;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (next >= to) throw refusal('LZ4: ends inside a literal length');
        more = data[next++] ?? 0;
        literals += more;
      }
    }
    if (literals > to - next) throw refusal('LZ4: ends inside literals');
    if (literals > end - at) return -1;
    copyLiteral(data, next, output, at, literals);
    next += literals;
    at += literals;
    if (next === to) return at - start;

    if (next + 2 > to) throw refusal('LZ4: ends inside a copy offset');
    const offset = readU16(data, next);
    next += 2;
    let length = (token & 15) + minMatch;
    if (length === 15 + minMatch) {
      let more = 255;
      while (more === 255) {
        if (next >= to) throw refusal('LZ4: ends inside a copy length');
        more = data[next++] ?? 0;
        length += more;
      }
    }
    if (offset === 0) throw refusal('LZ4: a copy with offset 0');
    if (offset > at - start) throw refusal('LZ4: a copy from before its block');
    if (length > end - at) return -1;
    copyBack(output, at, offset, length);
    at += length;
  }
  throw refusal('LZ4: the last sequence is not literals only');
}
