import { assertSealable, batchField, batchHeaderLength, type BatchHeader } from './batch-header.ts';
import { decompress, type Codecs } from './codecs.ts';
import { isRefusal, refusal } from './codecs/refusal.ts';
import { sha256 } from './hash.ts';
import { RecordCursor } from './record-cursor.ts';
import { checkRecords, readFields, type RecordFields } from './records.ts';

export {
  batchField,
  batchHeaderLength,
  lengthFieldEnd,
  maxLastOffsetDelta,
  neverSealed,
  readBatchHeader,
  type BatchHeader,
  type NeverSealed,
} from './batch-header.ts';
export type { RecordFields, RecordHeader } from './records.ts';

/** A batch whose records were checked to the last byte. */
export interface ParsedBatch {
  readonly parsed: true;
  readonly header: BatchHeader;
  /** The decompressed records are `data[start, data.length)`. It may be the batch's own bytes: a view, not a copy. */
  readonly data: Uint8Array;
  readonly start: number;
}

/** A batch whose offsets get version-2 entries. */
export interface UnparsedBatch {
  readonly parsed: false;
  readonly header: BatchHeader;
  /** SHA-256 of the stored batch from its attributes to its end. */
  readonly batchHash: Uint8Array;
  /** What the rule found first. For people: the words are not part of the protocol. */
  readonly reason: string;
}

/** One record as stored. Byte arrays are views of the batch. */
export interface KafkaRecord extends RecordFields {
  readonly offset: number;
  /** Unix milliseconds, signed 64 bits: the batch's max timestamp where it says LogAppendTime. */
  readonly timestamp: bigint;
}

/**
 * Judges a whole batch by "A batch parses if…" of protocol.md section 1. Its CRC is the reader's to check, before.
 * @param batch exactly the bytes of one batch as the broker sent it
 * @throws CoreError BATCH_MALFORMED for a batch that is never sealed (see `neverSealed`) or bytes of another length
 */
export function parseBatch(batch: Uint8Array, header: BatchHeader, codecs: Codecs): ParsedBatch | UnparsedBatch {
  assertSealable(batch, header);
  try {
    // First what costs nothing: a batch that cannot parse is not decompressed.
    if (header.count < 1) throw refusal('there is no record');
    if (header.count - 1 !== header.lastOffsetDelta) throw refusal('the count and the last offset delta disagree');
    const records = decompress(header.codec, batch.subarray(batchHeaderLength), codecs);
    const data = header.codec === 0 ? batch : records;
    const start = header.codec === 0 ? batchHeaderLength : 0;
    checkRecords(data, start, data.length, header.count);
    return { parsed: true, header, data, start };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { parsed: false, header, batchHash: sha256(batch.subarray(batchField.attributes)), reason: error.message };
  }
}

/** All records of a batch that parsed, control records included. */
export function recordsOf(batch: ParsedBatch): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  for (const { offset, timestamp, body } of slicesOf(batch)) {
    records.push({ offset, timestamp, ...readFields(new RecordCursor(body, 0, body.length)) });
  }
  return records;
}

/** A record's place, and its own bytes from the key length to its end, as a view. */
export interface RecordSlice {
  readonly offset: number;
  readonly timestamp: bigint;
  readonly body: Uint8Array;
}

/** The records of a batch that parsed, one by one, as the slices that entries are made of. */
export function* slicesOf(batch: ParsedBatch): Generator<RecordSlice> {
  const { header, data, start } = batch;
  const cursor = new RecordCursor(data, start, data.length);
  for (let offset = header.baseOffset; offset <= header.lastOffset; offset++) {
    const end = openRecord(cursor);
    const delta = (BigInt(cursor.high) << 32n) | BigInt(cursor.low >>> 0);
    const timestamp = header.appendTime ? header.maxTimestamp : BigInt.asIntN(64, header.baseTimestamp + delta);
    yield { offset, timestamp, body: data.subarray(cursor.at, end) };
    cursor.at = end;
  }
}

/**
 * Moves the cursor from the start of a checked record to its key length; the timestamp delta is in the cursor's halves.
 * @returns where the record ends
 */
export function openRecord(cursor: RecordCursor): number {
  const length = cursor.varint();
  const end = cursor.at + length;
  cursor.at += 1;
  cursor.varlong();
  cursor.varint();
  return end;
}
