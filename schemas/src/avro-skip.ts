import { isUtf8 } from 'node:buffer';

// Steps over Avro values in place, without decoding them: as strict as the decoder, and nothing is allocated. All return where they
// ended, or -1 where it is left to the decoder, almost always because it is malformed. What a value says it is long never leads beyond
// `to`; single bytes may be read there, for positions only grow: who went beyond `to` does not end there, and is found out by that.

/** Where the bytes of one walk lie, as whole words. */
let words: DataView = new DataView(new ArrayBuffer(0));
let wordsOf: Uint8Array | null = null;

/** No byte of the payload from where it was looked for to here has its high bit set: text in between needs no look of its own. */
let asciiTo = -1;

/** Begins a walk over a payload that lies in `bytes`. */
export function beginWalk(bytes: Uint8Array): void {
  asciiTo = -1;
  if (bytes === wordsOf) return;
  words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  wordsOf = bytes;
}

/** A length, and so many bytes of UTF-8. */
export function skipText(bytes: Uint8Array, from: number, to: number): number {
  let at = from + 1;
  const byte = bytes[from] ?? 0xff;
  let length = byte >>> 1;
  if (byte >= 0x80) {
    at = readLong(bytes, from, to);
    if (at < 0) return -1;
    length = long[0] ?? 0;
  } else if ((byte & 1) !== 0) return -1;
  if (length < 0 || length > to - at) return -1;
  const end = at + length;
  return end <= asciiTo ? end : checkText(bytes, at, end, to);
}

function checkText(bytes: Uint8Array, at: number, end: number, to: number): number {
  if (asciiTo < at) asciiTo = nextHigh(bytes, at, to);
  return end <= asciiTo || isUtf8(bytes.subarray(at, end)) ? end : -1;
}

/** Where the text begins whose length is at `from`, once it was skipped. */
export function textOf(bytes: Uint8Array, from: number): number {
  let at = from;
  while ((bytes[at] ?? 0) >= 0x80) at++;
  return at + 1;
}

/** A length, and so many bytes. */
export function skipBytes(bytes: Uint8Array, from: number, to: number): number {
  const at = readLong(bytes, from, to);
  if (at < 0) return -1;
  const length = long[0] ?? 0;
  return length >= 0 && length <= to - at ? at + length : -1;
}

/** A step over one value. */
export type Skip = (bytes: Uint8Array, from: number, to: number) => number;

/** Blocks of items, as arrays and maps are stored. */
export function skipBlocks(bytes: Uint8Array, from: number, to: number, item: Skip): number {
  let at = from;
  for (;;) {
    const first = bytes[at] ?? 0xff;
    if (first === 0) return at + 1;
    at = readLong(bytes, at, to);
    if (at < 0) return -1;
    const count = long[0] ?? 0;
    if (count === 0) return at;
    let blockEnd = -1;
    if (count < 0) {
      at = readLong(bytes, at, to);
      if (at < 0) return -1;
      blockEnd = at + (long[0] ?? 0);
    }
    for (let left = Math.abs(count); left > 0; left--) {
      at = item(bytes, at, to);
      // Looked at here, or a count of 2^52 would go on to the end of the whole batch.
      if (at < 0 || at > to) return -1;
    }
    if (count < 0 && at !== blockEnd) return -1;
  }
}

/** Null or text. */
export function skipOptionalText(bytes: Uint8Array, at: number, to: number): number {
  const branch = bytes[at] ?? 0xff;
  if (branch === 0) return at + 1;
  return branch === 2 ? skipText(bytes, at + 1, to) : -1;
}

/** Null or a boolean. */
export function skipOptionalBoolean(bytes: Uint8Array, at: number): number {
  const branch = bytes[at] ?? 0xff;
  if (branch === 0) return at + 1;
  return branch === 2 && (bytes[at + 1] ?? 2) < 2 ? at + 2 : -1;
}

/** Null, which is NaN, or a number, into `long`. */
export function readOptionalLong(bytes: Uint8Array, at: number, to: number): number {
  const branch = bytes[at] ?? 0xff;
  if (branch === 2) return readLong(bytes, at + 1, to);
  long[0] = Number.NaN;
  return branch === 0 ? at + 1 : -1;
}

/** What `readLong` read. An array, for a variable would be a new object for each large number. */
export const long = new Float64Array(1);

/** A zigzag varint of less than 2^53 into `long`. As in the decoder, it need not be the shortest form. */
export function readLong(bytes: Uint8Array, from: number, to: number): number {
  const first = bytes[from] ?? 0;
  if (first < 0x80) {
    long[0] = (first >>> 1) ^ -(first & 1);
    return from + 1;
  }
  let at = from + 1;
  let low = first & 0x7f;
  let byte = 0x80;
  for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
    byte = bytes[at++] ?? 0;
    low |= (byte & 0x7f) << shift;
  }
  let high = 0;
  for (let shift = 0; byte >= 0x80 && shift < 28; shift += 7) {
    byte = bytes[at++] ?? 0;
    high |= (byte & 0x7f) << shift;
  }
  // What is longer says nothing more, or is too large.
  if (byte >= 0x80 || high >= 2 ** 25 || at > to) return -1;
  // The lowest bit is the sign: what is left of an odd number is one less than the value's amount.
  const value = high * 2 ** 27 + (low >>> 1);
  long[0] = (low & 1) === 0 ? value : -value - 1;
  return at;
}

/** Are these twelve bytes of the payload 0? They have to lie in it. */
export function areZero(at: number): boolean {
  return (words.getInt32(at) | words.getInt32(at + 4) | words.getInt32(at + 8)) === 0;
}

const highBits = 0x80808080;

/** Where the first byte of 0x80 or more is, or `to`. Looked for in steps of 32 bytes, then of 4. */
function nextHigh(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (; at + 32 <= to; at += 32) {
    const a = words.getInt32(at) | words.getInt32(at + 4) | words.getInt32(at + 8) | words.getInt32(at + 12);
    const b = words.getInt32(at + 16) | words.getInt32(at + 20) | words.getInt32(at + 24) | words.getInt32(at + 28);
    if (((a | b) & highBits) !== 0) break;
  }
  for (; at + 4 <= to; at += 4) {
    // Big-endian: the first byte is the highest.
    const high = words.getInt32(at) & highBits;
    if (high !== 0) return at + (Math.clz32(high) >>> 3);
  }
  for (; at < to; at++) if ((bytes[at] ?? 0) >= 0x80) return at;
  return to;
}
