import { batchField, batchHeaderLength, lengthFieldEnd } from '@tallystick/core/batch';
import type { RecordToAppend } from './record-log.ts';
import { crc32c } from './crc32c.ts';

export { batchField, lengthFieldEnd };

// What a stored batch says of itself where it begins at `at`: nothing of it is judged.

/** Bytes that the batch takes. At least `lengthFieldEnd` bytes have to be there. */
export function batchLengthAt(view: DataView, at: number): number {
  return lengthFieldEnd + view.getInt32(at + batchField.batchLength);
}

export function baseOffsetAt(view: DataView, at: number): number {
  return Number(view.getBigInt64(at + batchField.baseOffset));
}

/** The whole header has to be there. */
export function lastOffsetAt(view: DataView, at: number): number {
  return baseOffsetAt(view, at) + view.getInt32(at + batchField.lastOffsetDelta);
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * An upper bound of the bytes that one record takes in an uncompressed batch, its own length field included: every varint
 * is counted at its longest.
 */
export function recordBytesAtMost(record: RecordToAppend): number {
  // length 5, attributes 1, timestamp delta 10, offset delta 5, key length 5, value length 5, header count 5
  let bytes = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const [name, value] of record.headers ?? []) bytes += 10 + Buffer.byteLength(name) + (value?.length ?? 0);
  return bytes;
}

/** An upper bound of the bytes of an uncompressed batch of these records. */
export function batchBytesAtMost(records: readonly RecordToAppend[]): number {
  return records.reduce((sum, record) => sum + recordBytesAtMost(record), batchHeaderLength);
}

/** By which brokers tell a batch that is sent again (KIP-98). */
export interface BatchProducer {
  readonly id: bigint;
  readonly epoch: number;
  /** Sequence number of the first record. */
  readonly sequence: number;
}

const noProducer: BatchProducer = { id: -1n, epoch: -1, sequence: -1 };

/**
 * One uncompressed record batch of magic 2 as a producer sends it: base offset 0, CRC-32C right.
 * @param timestamp unix milliseconds of every record
 */
export function encodeBatch(
  records: readonly RecordToAppend[],
  timestamp: number,
  producer: BatchProducer = noProducer,
): Buffer {
  const batch = Buffer.alloc(batchBytesAtMost(records));
  let at = batchHeaderLength;
  for (const [delta, record] of records.entries()) {
    const length = recordLength(record, delta);
    at = writeVarint(batch, at, length);
    batch[at++] = 0;
    at = writeVarint(batch, at, 0);
    at = writeVarint(batch, at, delta);
    at = writeBytes(batch, at, record.key);
    at = writeBytes(batch, at, record.value);
    at = writeVarint(batch, at, record.headers?.length ?? 0);
    for (const [name, value] of record.headers ?? []) {
      at = writeBytes(batch, at, Buffer.from(name));
      at = writeBytes(batch, at, value);
    }
  }
  batch.writeInt32BE(at - lengthFieldEnd, batchField.batchLength);
  batch.writeInt32BE(-1, batchField.leaderEpoch);
  batch[batchField.magic] = 2;
  batch.writeInt32BE(records.length - 1, batchField.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(timestamp), batchField.baseTimestamp);
  batch.writeBigInt64BE(BigInt(timestamp), batchField.maxTimestamp);
  batch.writeBigInt64BE(producer.id, batchField.producerId);
  batch.writeInt16BE(producer.epoch, batchField.producerEpoch);
  batch.writeInt32BE(producer.sequence, batchField.baseSequence);
  batch.writeInt32BE(records.length, batchField.count);
  const bytes = batch.subarray(0, at);
  sealCrc(bytes);
  return bytes;
}

/** Writes the CRC-32C that the batch's bytes ask for. */
export function sealCrc(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch.subarray(batchField.attributes)), batchField.crc);
}

function recordLength(record: RecordToAppend, delta: number): number {
  let bytes =
    2 + varintSize(delta) + sizeOf(record.key) + sizeOf(record.value) + varintSize(record.headers?.length ?? 0);
  for (const [name, value] of record.headers ?? []) {
    const nameBytes = Buffer.byteLength(name);
    bytes += varintSize(nameBytes) + nameBytes + sizeOf(value);
  }
  return bytes;
}

function sizeOf(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

/** Zigzag varints of numbers that are -1 or more. */
function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80);
    size += 1;
  }
  return size;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = zigzag(value);
  let next = at;
  while (rest >= 0x80) {
    target[next++] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[next++] = rest;
  return next;
}

function writeBytes(target: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(target, at, -1);
  const next = writeVarint(target, at, bytes.length);
  target.set(bytes, next);
  return next + bytes.length;
}
