import { slicesOf, type BatchHeader, type ParsedBatch, type UnparsedBatch } from './batch.ts';
import { isRefusal } from './codecs/refusal.ts';
import { concatBytes } from './encoding.ts';
import { CoreError } from './errors.ts';
import { RecordCursor } from './record-cursor.ts';
import { checkFields, readFields, type RecordFields } from './records.ts';

/** Bytes of an entry before the record (version 1) or the batch's hash (version 2). */
export const entryPrefixLength = 22;
const hashLength = 32;

/** Bits 3 to 5 of a batch's attributes: timestamp type, transactional, control. */
const flagBits = 0x38;

/** Where a record is and what its batch says of it: the 22 bytes that begin an entry. */
export interface EntryPlace {
  readonly partition: number;
  readonly offset: number;
  /** Unix milliseconds, signed 64 bits. */
  readonly timestamp: bigint;
  readonly appendTime: boolean;
  readonly transactional: boolean;
  readonly control: boolean;
}

/** Version 1: one record. */
export interface RecordEntry extends EntryPlace, RecordFields {
  readonly version: 1;
}

/** Version 2: one offset of a batch that does not parse. */
export interface BatchEntry extends EntryPlace {
  readonly version: 2;
  /** SHA-256 of the stored batch from its attributes to its end. */
  readonly batchHash: Uint8Array;
}

/** The flags byte of an entry. */
export function entryFlags(attributes: number): number {
  return attributes & flagBits;
}

/**
 * A version-1 entry (protocol.md section 1).
 * @param body the record's own bytes from its key length to its end, as the broker stored them
 */
export function encodeRecordEntry(place: EntryPlace, body: Uint8Array): Uint8Array {
  return concatBytes(prefix(1, place), body);
}

/** A version-2 entry (protocol.md section 1). */
export function encodeBatchEntry(place: EntryPlace, batchHash: Uint8Array): Uint8Array {
  if (batchHash.length !== hashLength)
    throw new CoreError('ENTRY_MALFORMED', `a batch hash has 32 bytes, not ${batchHash.length}`);
  return concatBytes(prefix(2, place), batchHash);
}

/**
 * A record's bytes from its key length to its end, written from its fields with shortest-form varints: what a checker has
 * that sees a client library's fields only.
 */
export function encodeRecordBody(fields: RecordFields): Uint8Array {
  const parts = [...withLength(fields.key), ...withLength(fields.value), varint(fields.headers.length)];
  for (const [name, value] of fields.headers) parts.push(...withLength(name), ...withLength(value));
  return concatBytes(...parts);
}

/** The entries of all offsets of a judged batch, in order, as the literal reading of protocol.md section 1. */
export function* entriesOf(batch: ParsedBatch | UnparsedBatch, partition: number): Generator<Uint8Array> {
  const { header } = batch;
  if (batch.parsed) {
    for (const { offset, timestamp, body } of slicesOf(batch)) {
      yield encodeRecordEntry(placeOf(header, partition, offset, timestamp), body);
    }
    return;
  }
  const timestamp = unparsedTimestamp(header);
  for (let offset = header.baseOffset; offset <= header.lastOffset; offset++) {
    yield encodeBatchEntry(placeOf(header, partition, offset, timestamp), batch.batchHash);
  }
}

/** The timestamp of every offset of a batch that does not parse: as that of a record with delta 0. */
export function unparsedTimestamp(header: BatchHeader): bigint {
  return header.appendTime ? header.maxTimestamp : header.baseTimestamp;
}

function placeOf(header: BatchHeader, partition: number, offset: number, timestamp: bigint): EntryPlace {
  const { appendTime, transactional, control } = header;
  return { partition, offset, timestamp, appendTime, transactional, control };
}

/**
 * Reads an entry of either version; its record, if it has one, is judged by the rule that batches are. Byte arrays are views.
 * @throws CoreError ENTRY_MALFORMED
 */
export function parseEntry(bytes: Uint8Array): RecordEntry | BatchEntry {
  if (bytes.length < entryPrefixLength)
    throw malformed(`has ${bytes.length} bytes, fewer than its first ${entryPrefixLength}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  if (version !== 1 && version !== 2) throw malformed(`has version ${version}`);
  const flags = view.getUint8(1);
  if (flags & ~flagBits) throw malformed('has a flag set that must be 0');
  const offset = Number(view.getBigUint64(6));
  if (!Number.isSafeInteger(offset)) throw malformed('has an offset above 2^53-1');
  const place: EntryPlace = {
    partition: view.getUint32(2),
    offset,
    timestamp: view.getBigInt64(14),
    appendTime: (flags & 0x08) !== 0,
    transactional: (flags & 0x10) !== 0,
    control: (flags & 0x20) !== 0,
  };
  if (version === 2) {
    if (bytes.length !== entryPrefixLength + hashLength)
      throw malformed(`of version 2 has ${bytes.length} bytes, not 54`);
    return { version, ...place, batchHash: bytes.subarray(entryPrefixLength) };
  }
  try {
    checkFields(new RecordCursor(bytes, entryPrefixLength, bytes.length));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw malformed(`holds a record that does not parse: ${error.message}`);
  }
  return { version, ...place, ...readFields(new RecordCursor(bytes, entryPrefixLength, bytes.length)) };
}

function malformed(what: string): CoreError {
  return new CoreError('ENTRY_MALFORMED', `the entry ${what}`);
}

function prefix(version: number, place: EntryPlace): Uint8Array {
  const { partition, offset } = place;
  if (!(Number.isInteger(partition) && partition >= 0 && partition < 2 ** 32)) {
    throw new CoreError('ENTRY_MALFORMED', `${partition} is no partition`);
  }
  if (!(Number.isSafeInteger(offset) && offset >= 0)) throw new CoreError('ENTRY_MALFORMED', `${offset} is no offset`);
  const bytes = new Uint8Array(entryPrefixLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint8(1, (place.appendTime ? 0x08 : 0) | (place.transactional ? 0x10 : 0) | (place.control ? 0x20 : 0));
  view.setUint32(2, partition);
  view.setBigUint64(6, BigInt(offset));
  view.setBigInt64(14, place.timestamp);
  return bytes;
}

function withLength(bytes: Uint8Array | null): readonly Uint8Array[] {
  return bytes === null ? [varint(-1)] : [varint(bytes.length), bytes];
}

/** A shortest-form zigzag varint of 32 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
