import { readU32 } from './little-endian.ts';

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

/** xxHash32 with seed 0 of `bytes[from, to)`, unsigned: the checksums of an LZ4 frame (xxHash specification, "XXH32"). */
export function xxhash32(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let at = from;
  let hash = prime5;
  if (to - from >= 16) {
    let a = (prime1 + prime2) | 0;
    let b = prime2 | 0;
    let c = 0;
    let d = -prime1 | 0;
    for (; at <= to - 16; at += 16) {
      a = round(a, readU32(bytes, at));
      b = round(b, readU32(bytes, at + 4));
      c = round(c, readU32(bytes, at + 8));
      d = round(d, readU32(bytes, at + 12));
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
  }
  hash = (hash + (to - from)) | 0;
  for (; at <= to - 4; at += 4) {
    hash = Math.imul(rotate(hash + Math.imul(readU32(bytes, at), prime3), 17), prime4);
  }
  for (; at < to; at++) {
    hash = Math.imul(rotate(hash + Math.imul(bytes[at] ?? 0, prime5), 11), prime1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, word: number): number {
  return Math.imul(rotate(lane + Math.imul(word, prime2), 13), prime1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
