import { refusal } from './codecs/refusal.ts';
import { RecordCursor } from './record-cursor.ts';

/** No record is shorter: length, attributes, two deltas, key length, value length and header count, a byte each. */
const shortestRecord = 7;

/** Name and value of a header, as stored: a name need not be UTF-8. */
export type RecordHeader = readonly [name: Uint8Array, value: Uint8Array | null];

/** What a record carries from its key length to its end. All byte arrays are views. */
export interface RecordFields {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/**
 * Checks that `data[start, end)` is exactly `count` records by the rule of protocol.md section 1: every length fits, varints
 * are shortest-form, no header key is null, offset deltas are exactly 0 to count-1, nothing comes after. The attributes byte
 * of a record means nothing in the format, and is not judged.
 * @throws CoreError BATCH_UNPARSED
 */
export function checkRecords(data: Uint8Array, start: number, end: number, count: number): void {
  if (count < 1) throw refusal('there is no record');
  if (count > (end - start) / shortestRecord) throw refusal('there are fewer records than the count says');
  const cursor = new RecordCursor(data, start, end);
  for (let delta = 0; delta < count; delta++) {
    if (cursor.at >= end) throw refusal('there are fewer records than the count says');
    const length = cursor.varint();
    if (length < 0 || length > end - cursor.at) throw refusal('a record length does not fit');
    cursor.end = cursor.at + length;
    if (length === 0) throw refusal('a record without attributes');
    cursor.at += 1;
    cursor.varlong();
    if (cursor.varint() !== delta) throw refusal('offset deltas are not 0, 1, 2 and so on');
    checkFields(cursor);
    cursor.end = end;
  }
  if (cursor.at !== end) throw refusal('there are bytes after the last record');
}

/**
 * Checks a record from its key length to the cursor's end.
 * @throws CoreError BATCH_UNPARSED
 */
export function checkFields(cursor: RecordCursor): void {
  skipBytes(cursor, -1);
  skipBytes(cursor, -1);
  const headers = cursor.varint();
  if (headers < 0) throw refusal('a header count below 0');
  for (let i = 0; i < headers; i++) {
    skipBytes(cursor, 0);
    skipBytes(cursor, -1);
  }
  if (cursor.at !== cursor.end) throw refusal('a record is longer than its fields');
}

/** Moves over a length and its bytes. `least` is -1 where the field may be null. */
function skipBytes(cursor: RecordCursor, least: number): void {
  const length = cursor.varint();
  if (length < least) throw refusal(least === 0 && length === -1 ? 'a header key is null' : 'a length below null');
  if (length > cursor.end - cursor.at) throw refusal('a length does not fit its record');
  if (length > 0) cursor.at += length;
}

/** Reads the fields of a record that `checkFields` has passed. */
export function readFields(cursor: RecordCursor): RecordFields {
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const count = cursor.varint();
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) {
    const name = readBytes(cursor);
    headers.push([name ?? new Uint8Array(0), readBytes(cursor)]);
  }
  return { key, value, headers };
}

function readBytes(cursor: RecordCursor): Uint8Array | null {
  const length = cursor.varint();
  if (length < 0) return null;
  cursor.at += length;
  return cursor.data.subarray(cursor.at - length, cursor.at);
}
