import { batchHeaderLength, type BatchHeader, maxLastOffsetDelta, readBatchHeader } from '@tallystick/core/batch';
import { sha256 } from '@tallystick/core/hash';
import { baseOffsetAt, batchField, batchLengthAt, lastOffsetAt, lengthFieldEnd, viewOf } from './batch-encoder.ts';
import { crc32c } from './crc32c.ts';
import { KafkaError, type KafkaErrorCode } from './errors.ts';

/** One whole record batch as the broker sent it, and its header. */
export interface ReadBatch {
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
}

/** Where a reader stands. */
export interface ReadPosition {
  readonly topic: string;
  readonly partition: number;
  /** The next offset wanted. */
  readonly offset: number;
  /** Leader epoch of the last batch read, -1 if none. */
  readonly lastEpoch: number;
  /** Whether `offset` may lie inside the next batch: only before the first batch was read. */
  readonly midBatch: boolean;
}

/** Tells a stored batch from another that says the same offsets: the CRC covers what it holds. */
export type BatchId = Pick<BatchHeader, 'baseOffset' | 'crc'>;

export interface CheckedRecords {
  readonly batches: readonly ReadBatch[];
  readonly position: ReadPosition;
  /** Bytes that these take up. */
  readonly used: number;
  /** What is wrong with the batch after these, if anything. */
  readonly error: KafkaError | null;
}

/**
 * Splits the bytes of one fetch into batches and checks each: magic 2, length, CRC-32C, last offset delta, that it
 * continues the one before and that leader epochs do not go back. A batch cut off at the end is left for the next fetch.
 * Batches that begin at `limit` or later are left out; that what follows does not go back is looked at there too, for a batch
 * that says too high a last offset reaches the limit over others.
 * @param without batches that are passed over, as if they were not there, and with them those below what was asked for that come behind
 *   one of them where a fetch begins
 */
export function checkRecords(
  records: Uint8Array,
  start: ReadPosition,
  limit: number,
  without: readonly BatchId[] = [],
): CheckedRecords {
  const batches: ReadBatch[] = [];
  const view = viewOf(records);
  let position = start;
  let at = 0;
  // Behind a batch that is passed over because it says too high offsets come those that lie before what was asked for.
  let led = -1;
  while (at < records.length && position.offset < limit) {
    const left = records.length - at;
    if (left > batchField.magic && records[at + batchField.magic] !== 2) {
      const found = records[at + batchField.magic];
      return {
        batches,
        position,
        used: at,
        error: bad('BATCH_MAGIC', position, 2, found, 'is of another format than magic 2'),
      };
    }
    const total = left < lengthFieldEnd ? Infinity : batchLengthAt(view, at);
    if (total < batchHeaderLength) {
      return {
        batches,
        position,
        used: at,
        error: bad('BATCH_INVALID', position, `>= ${batchHeaderLength} bytes`, total, 'is shorter than a batch header'),
      };
    }
    if (total > left) {
      // A broker sends the first batch of a fetch whole, whatever its size. Only a later one may be cut off.
      if (at > 0) break;
      return {
        batches,
        position,
        used: at,
        error: bad('BATCH_INVALID', position, `${total} bytes`, left, 'has a length beyond what the broker sent'),
      };
    }
    const bytes = records.subarray(at, at + total);
    if (
      without.length > 0 &&
      (isOneOf(without, view, at) || (at === led && lastOffsetAt(view, at) < position.offset))
    ) {
      at += total;
      led = at;
      continue;
    }
    const checked = checkBatch(bytes, position);
    if (checked instanceof KafkaError) return { batches, position, used: at, error: checked };
    batches.push({ bytes, header: checked });
    position = { ...position, offset: checked.lastOffset + 1, lastEpoch: checked.leaderEpoch, midBatch: false };
    at += total;
  }
  return { batches, position, used: at, error: batches.length > 0 ? goesBack(view, at, position) : null };
}

/** Whether what lies at `at` says offsets below where the reader stands: no broker stores that. */
function goesBack(view: DataView, at: number, position: ReadPosition): KafkaError | null {
  if (view.byteLength - at < batchHeaderLength) return null;
  const base = baseOffsetAt(view, at);
  const lastOffset = view.getInt8(at + batchField.magic) === 2 ? lastOffsetAt(view, at) : base;
  const found = Math.min(base, lastOffset);
  if (!(found >= 0 && found < position.offset)) return null;
  const message = messageOf(position, 'goes back behind what was read', position.offset, found);
  const { topic, partition, offset } = position;
  const total = batchLengthAt(view, at);
  const whole = total >= batchHeaderLength && total <= view.byteLength - at;
  const stored = new Uint8Array(view.buffer, view.byteOffset + at, whole ? total : batchHeaderLength);
  const evidence = { topic, partition, offset, expected: offset, found, baseOffset: base, lastOffset };
  return new KafkaError('OFFSET_GAP', message, { evidence: { ...evidence, sha256: digestOf(stored) } });
}

/** By which a stored batch is told from any other, in hex. */
export function digestOf(batch: Uint8Array): string {
  return Buffer.from(sha256(batch)).toString('hex');
}

function isOneOf(ids: readonly BatchId[], view: DataView, at: number): boolean {
  const base = baseOffsetAt(view, at);
  const crc = view.getUint32(at + batchField.crc);
  return ids.some((id) => id.baseOffset === base && id.crc === crc);
}

function checkBatch(bytes: Uint8Array, position: ReadPosition): BatchHeader | KafkaError {
  // The CRC first: where it is wrong, the fields after it mean nothing.
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(batchField.crc);
  const computed = crc32c(bytes.subarray(batchField.attributes));
  if (computed !== stored)
    return bad('BATCH_CRC', position, stored, computed, 'does not match its CRC-32C: stored bytes were changed');
  let header: BatchHeader;
  try {
    header = readBatchHeader(bytes, 0);
  } catch (cause) {
    return bad('BATCH_INVALID', position, 'offsets within 0 to 2^53-1', String(cause), 'has an impossible header');
  }
  if (!(header.lastOffsetDelta >= 0 && header.lastOffsetDelta <= maxLastOffsetDelta)) {
    return bad(
      'BATCH_INVALID',
      position,
      `0 to ${maxLastOffsetDelta}`,
      header.lastOffsetDelta,
      'has an impossible last offset delta',
      { bytes, header },
    );
  }
  const continues = position.midBatch
    ? header.baseOffset <= position.offset && position.offset <= header.lastOffset
    : header.baseOffset === position.offset;
  if (!continues) {
    const what = header.baseOffset > position.offset ? 'comes after a gap' : 'goes back behind what was read';
    return bad('OFFSET_GAP', position, position.offset, header.baseOffset, what, { bytes, header });
  }
  if (header.leaderEpoch < position.lastEpoch) {
    const what = 'has a leader epoch below that of the batch before it';
    return bad('BATCH_INVALID', position, `>= ${position.lastEpoch}`, header.leaderEpoch, what, { bytes, header });
  }
  return header;
}

function bad(
  code: KafkaErrorCode,
  position: ReadPosition,
  expected: unknown,
  found: unknown,
  what: string,
  stored?: ReadBatch,
): KafkaError {
  const { topic, partition, offset } = position;
  const batch = stored === undefined ? {} : namesOf(stored);
  const message = messageOf(position, what, expected, found);
  return new KafkaError(code, message, { evidence: { topic, partition, offset, expected, found, ...batch } });
}

function namesOf({ bytes, header: { baseOffset, lastOffset, crc } }: ReadBatch) {
  return { baseOffset, lastOffset, crc, sha256: digestOf(bytes) };
}

function messageOf(
  { topic, partition, offset }: ReadPosition,
  what: string,
  expected: unknown,
  found: unknown,
): string {
  return `The record batch at offset ${offset} of ${topic}/${partition} ${what} (expected ${String(expected)}, found ${String(found)}).`;
}
