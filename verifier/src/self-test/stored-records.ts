import { batchHeaderLength, parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import { batchField, lengthFieldEnd, sealCrc } from '@tallystick/kafka/batch-encoder';
import type { CopiedBatch } from './copied-log.ts';

/** One record of a stored batch, to be altered. */
export interface StoredRecord {
  /** From the batch's base timestamp, ms. Means nothing under LogAppendTime. */
  timestampDelta: bigint;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: (readonly [name: Uint8Array, value: Uint8Array | null])[];
}

const codecBits = 0x07;

/** The records of a stored batch; null where it does not parse. */
export function recordsIn({ bytes }: CopiedBatch, codecs: Codecs): StoredRecord[] | null {
  const header = readBatchHeader(bytes, 0);
  const parsed = parseBatch(bytes, header, codecs);
  if (!parsed.parsed) return null;
  return recordsOf(parsed).map(({ timestamp, key, value, headers }) => ({
    timestampDelta: header.appendTime ? 0n : BigInt.asIntN(64, timestamp - header.baseTimestamp),
    key,
    value,
    headers: [...headers],
  }));
}

/**
 * Stores other records in a batch's place, as somebody would who knows the format: uncompressed, count, length and CRC mended, all
 * else of the header as it was. How records are compressed is nothing that is sealed, so this alone alters no event.
 */
export function putRecords(batch: CopiedBatch, records: readonly StoredRecord[]): void {
  const body = Buffer.concat(records.map((record, delta) => encodeRecord(record, delta)));
  const bytes = Buffer.concat([batch.bytes.subarray(0, batchHeaderLength), body]);
  bytes.writeInt32BE(bytes.length - lengthFieldEnd, batchField.batchLength);
  bytes.writeInt16BE(bytes.readInt16BE(batchField.attributes) & ~codecBits, batchField.attributes);
  bytes.writeInt32BE(records.length - 1, batchField.lastOffsetDelta);
  bytes.writeInt32BE(records.length, batchField.count);
  sealCrc(bytes);
  batch.bytes = bytes;
  batch.last = batch.first + records.length - 1;
}

/** Moves a batch to another offset: in its header and in the index. The CRC covers neither. */
export function moveTo(batch: CopiedBatch, first: number): void {
  batch.last += first - batch.first;
  batch.first = first;
  batch.bytes.writeBigInt64BE(BigInt(first), batchField.baseOffset);
}

/** Changes bytes of a batch and mends its CRC. */
export function rewrite(batch: CopiedBatch, change: (bytes: Buffer) => void): void {
  change(batch.bytes);
  sealCrc(batch.bytes);
}

function encodeRecord({ timestampDelta, key, value, headers }: StoredRecord, delta: number): Buffer {
  const body = Buffer.concat([
    Buffer.of(0),
    varint(timestampDelta),
    varint(BigInt(delta)),
    ...field(key),
    ...field(value),
    varint(BigInt(headers.length)),
    ...headers.flatMap(([name, content]) => [...field(name), ...field(content)]),
  ]);
  return Buffer.concat([varint(BigInt(body.length)), body]);
}

function field(bytes: Uint8Array | null): Uint8Array[] {
  return bytes === null ? [varint(-1n)] : [varint(BigInt(bytes.length)), bytes];
}

/** A zigzag varint in its shortest form. */
function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return Buffer.of(...bytes, low);
    bytes.push(low | 0x80);
  }
}
