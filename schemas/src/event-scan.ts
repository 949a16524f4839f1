import { isUtf8 } from 'node:buffer';
import { eventFields } from './event-schema.ts';
import { compileScan, kind, shape } from './scan-program.ts';

/** Payloads of more bytes are left to the decoder, which counts the values in them: fewer bytes cannot hold too many. */
const longestScanned = 1024 * 1024;

const program = compileScan(eventFields);
const { kinds, sizes, begins, ends, children, shapes } = program;

/** Places of {@link EventScan.numbers}. */
export const eventNumber = {
  occurredAtMs: 0,
  epoch: 1,
  sequence: 2,
  previousEpoch: 3,
  previousSequence: 4,
} as const;

// Places of fields in the schema. Those between the noted ones are only skipped.
const placeOf = (name: string): number => eventFields.findIndex((field) => field.name === name);
const fieldCount = eventFields.length;
const id = placeOf('id');
const occurredAtMs = placeOf('occurredAtMs');
const source = placeOf('source');
const instance = placeOf('instance');
const epoch = placeOf('epoch');
const sequence = placeOf('sequence');
const previousEpoch = placeOf('previousEpoch');
const previousSequence = placeOf('previousSequence');
const inOrder = [-1, id, occurredAtMs, source, instance, epoch, sequence, previousEpoch, previousSequence];
if (inOrder.some((place, i) => i > 0 && place <= (inOrder[i - 1] ?? place)))
  throw new TypeError('the scan does not know the order of fields of the event schema');

/**
 * Walks over Avro payloads of this release's own event schema without decoding them, and says where in them lies what an event is
 * known by. As strict as the decoder: what it takes the decoder takes too, with the same fields. One scan is used for any number of
 * payloads; nothing is allocated for one.
 */
export class EventScan {
  /** Where the text of these fields begins and ends in the bytes given: UTF-8, as stored. */
  idAt = 0;
  idEnd = 0;
  sourceAt = 0;
  sourceEnd = 0;
  instanceAt = 0;
  instanceEnd = 0;
  /** By {@link eventNumber}; NaN for null. */
  readonly numbers = new Float64Array(5);

  /**
   * Scans `bytes[from, to)` as one payload.
   * @returns false where it is left to the decoder: almost always because it is malformed
   */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from > longestScanned) return false;
    const { numbers } = this;
    asciiTo = -1;
    let at = skipFields(bytes, from, to, 0, id);
    if (at < 0) return false;
    this.idAt = textOf(bytes, at);
    this.idEnd = at = skipText(bytes, at, to);
    if (at < 0) return false;
    at = skipFields(bytes, at, to, id + 1, occurredAtMs);
    if (at < 0) return false;
    at = readLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.occurredAtMs] = long[0] ?? 0;
    at = skipFields(bytes, at, to, occurredAtMs + 1, source);
    if (at < 0) return false;
    this.sourceAt = textOf(bytes, at);
    this.sourceEnd = at = skipText(bytes, at, to);
    if (at < 0) return false;
    at = skipFields(bytes, at, to, source + 1, instance);
    if (at < 0) return false;
    this.instanceAt = textOf(bytes, at);
    this.instanceEnd = at = skipText(bytes, at, to);
    if (at < 0) return false;
    at = skipFields(bytes, at, to, instance + 1, epoch);
    if (at < 0) return false;
    at = readLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.epoch] = long[0] ?? 0;
    at = skipFields(bytes, at, to, epoch + 1, sequence);
    if (at < 0) return false;
    at = readLong(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.sequence] = long[0] ?? 0;
    at = skipFields(bytes, at, to, sequence + 1, previousEpoch);
    if (at < 0) return false;
    at = readOptional(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.previousEpoch] = long[0] ?? 0;
    at = skipFields(bytes, at, to, previousEpoch + 1, previousSequence);
    if (at < 0) return false;
    at = readOptional(bytes, at, to);
    if (at < 0) return false;
    numbers[eventNumber.previousSequence] = long[0] ?? 0;
    return skipFields(bytes, at, to, previousSequence + 1, fieldCount) === to;
  }
}

/** A number or null, which is NaN. */
function readOptional(bytes: Uint8Array, at: number, to: number): number {
  const branch = bytes[at] ?? 0xff;
  if (branch === 2) return readLong(bytes, at + 1, to);
  long[0] = Number.NaN;
  return branch === 0 ? at + 1 : -1;
}

// All that follow return where they ended, or -1 where it is left to the decoder. Where a byte 0 is skipped, `to` is not looked at:
// positions only grow, so that who went beyond it does not end there.

function skipFields(bytes: Uint8Array, from: number, to: number, begin: number, end: number): number {
  let at = from;
  for (let i = begin; i < end; i++) {
    const form = shapes[i] ?? shape.other;
    if (form >= shape.zeroable) {
      const byte = bytes[at] ?? 0xff;
      if (byte === 0) {
        at++;
        continue;
      }
      if (byte === 2 && form === shape.zeroableText) at = skipText(bytes, at + 1, to);
      else at = skipValue(bytes, at, to, children[i] ?? 0);
    } else if (form === shape.text) at = skipText(bytes, at, to);
    else at = skipValue(bytes, at, to, children[i] ?? 0);
    if (at < 0) return -1;
  }
  return at;
}

function skipValue(bytes: Uint8Array, from: number, to: number, of: number): number {
  let at = from;
  let node = of;
  if (kinds[node] === kind.union) {
    if (at >= to) return -1;
    const byte = bytes[at++] ?? 1;
    const branch = byte >>> 1;
    const begin = begins[node] ?? 0;
    // An index in another form than the shortest, or none of the union's.
    if ((byte & 0x81) !== 0 || branch >= (ends[node] ?? 0) - begin) return -1;
    node = children[begin + branch] ?? 0;
  }
  switch (kinds[node]) {
    case kind.text:
      return skipText(bytes, at, to);
    case kind.record:
      return skipFields(bytes, at, to, begins[node] ?? 0, ends[node] ?? 0);
    case kind.array:
    case kind.map:
      return skipBlocks(bytes, at, to, node);
    case kind.null:
      return at;
    case kind.long:
      return readLong(bytes, at, to);
    case kind.bytes:
      return skipBytes(bytes, at, to);
    case kind.boolean:
      return at < to && (bytes[at] ?? 2) < 2 ? at + 1 : -1;
    case kind.fixed:
      at += sizes[node] ?? 0;
      return at <= to ? at : -1;
    default:
      return -1;
  }
}

function skipBlocks(bytes: Uint8Array, from: number, to: number, node: number): number {
  const item = children[begins[node] ?? 0] ?? 0;
  const keyed = kinds[node] === kind.map;
  let at = from;
  for (;;) {
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
      if (keyed) at = skipText(bytes, at, to);
      if (at >= 0) at = skipValue(bytes, at, to, item);
      // Looked at here, or a count of 2^52 would go on to the end of the whole batch.
      if (at < 0 || at > to) return -1;
    }
    if (count < 0 && at !== blockEnd) return -1;
  }
}

function skipBytes(bytes: Uint8Array, from: number, to: number): number {
  const at = readLong(bytes, from, to);
  if (at < 0) return -1;
  const length = long[0] ?? 0;
  return length >= 0 && length <= to - at ? at + length : -1;
}

function skipText(bytes: Uint8Array, from: number, to: number): number {
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
  if (end <= asciiTo) return end;
  if (asciiTo < at) asciiTo = nextHigh(bytes, at, to);
  return end <= asciiTo || isUtf8(bytes.subarray(at, end)) ? end : -1;
}

/** No byte of the payload from where it was looked for to here has its high bit set: text in between needs no look of its own. */
let asciiTo = 0;

// The memory that was looked at last, as whole words: it is looked at four bytes at a time.
let words: Int32Array = new Int32Array(0);
let wordsOf: ArrayBufferLike = words.buffer;

/** Where the first byte of 0x80 or more is, or `to`. */
function nextHigh(bytes: Uint8Array, from: number, to: number): number {
  const { buffer, byteOffset: base } = bytes;
  if (buffer !== wordsOf) {
    words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    wordsOf = buffer;
  }
  let at = from;
  for (; at < to && ((base + at) & 3) !== 0; at++) if ((bytes[at] ?? 0) >= 0x80) return at;
  const last = (base + to) >>> 2;
  let word = (base + at) >>> 2;
  while (word < last && ((words[word] ?? 0) & 0x80808080) === 0) word++;
  for (at = Math.max(at, word * 4 - base); at < to; at++) if ((bytes[at] ?? 0) >= 0x80) return at;
  return to;
}

/** Where the text begins whose length is at `from`, once it was skipped. */
function textOf(bytes: Uint8Array, from: number): number {
  let at = from;
  while ((bytes[at] ?? 0) >= 0x80) at++;
  return at + 1;
}

/** What `readLong` read. An array, for a variable would be a new object for each large number. */
const long = new Float64Array(1);

/** A zigzag varint of less than 2^53 into `long`. As in the decoder, it need not be the shortest form. */
function readLong(bytes: Uint8Array, from: number, to: number): number {
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
