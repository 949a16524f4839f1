import { createHash } from 'node:crypto';
import { crc32c } from '@tallystick/kafka/crc32c';

// A slow, literal writer of record batches and reading of protocol.md sections 1 and 2, written apart from the code under
// test: BigInt arithmetic, one field after the other.

export interface TestRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [Uint8Array, Uint8Array | null])[];
  readonly timestampDelta?: bigint;
  readonly attributes?: number;
}

export interface TestBatch {
  readonly baseOffset?: bigint;
  readonly leaderEpoch?: number;
  readonly magic?: number;
  readonly attributes?: number;
  readonly lastOffsetDelta?: number;
  readonly baseTimestamp?: bigint;
  readonly maxTimestamp?: bigint;
  readonly count?: number;
  readonly batchLength?: number;
  /** The records field as it goes into the batch, compressed or not. */
  readonly field: Uint8Array;
}

/** A zigzag varint; `padding` more bytes than it needs make it another form of the same value. */
export function varint(value: number | bigint, padding = 0): Uint8Array {
  const signed = BigInt(value);
  return unsignedVarint(signed >= 0n ? signed * 2n : -signed * 2n - 1n, padding);
}

export function unsignedVarint(value: bigint, padding = 0): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest % 128n));
    rest /= 128n;
  } while (rest > 0n);
  for (let i = 0; i < padding; i++) bytes.push(0);
  return Uint8Array.from(bytes, (byte, i) => (i < bytes.length - 1 ? byte + 128 : byte));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function withLength(bytes: Uint8Array | null): Uint8Array {
  return bytes === null ? varint(-1) : concat(varint(bytes.length), bytes);
}

/** From the key length to the record's end. */
export function encodeBody(record: TestRecord): Uint8Array {
  return concat(
    withLength(record.key),
    withLength(record.value),
    varint(record.headers.length),
    ...record.headers.flatMap(([name, value]) => [withLength(name), withLength(value)]),
  );
}

/** A record around any body: what is asked for goes in, right or wrong. */
export function frameRecord(body: Uint8Array, delta: number, timestampDelta = 0n, attributes = 0): Uint8Array {
  const content = concat(Uint8Array.of(attributes), varint(timestampDelta), varint(delta), body);
  return concat(varint(content.length), content);
}

export function encodeRecords(records: readonly TestRecord[]): Uint8Array {
  return concat(
    ...records.map((record, i) => frameRecord(encodeBody(record), i, record.timestampDelta, record.attributes)),
  );
}

/** A batch with a right CRC; `count` and `lastOffsetDelta` default to 1 and 0. */
export function encodeTestBatch(batch: TestBatch): Buffer {
  const bytes = Buffer.alloc(61 + batch.field.length);
  bytes.writeBigInt64BE(batch.baseOffset ?? 0n, 0);
  bytes.writeInt32BE(batch.batchLength ?? bytes.length - 12, 8);
  bytes.writeInt32BE(batch.leaderEpoch ?? 0, 12);
  bytes.writeInt8(batch.magic ?? 2, 16);
  bytes.writeInt16BE(batch.attributes ?? 0, 21);
  bytes.writeInt32BE(batch.lastOffsetDelta ?? (batch.count ?? 1) - 1, 23);
  bytes.writeBigInt64BE(batch.baseTimestamp ?? 0n, 27);
  bytes.writeBigInt64BE(batch.maxTimestamp ?? 0n, 35);
  bytes.writeBigInt64BE(-1n, 43);
  bytes.writeInt16BE(-1, 51);
  bytes.writeInt32BE(-1, 53);
  bytes.writeInt32BE(batch.count ?? 1, 57);
  bytes.set(batch.field, 61);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

function entryPrefix(
  version: number,
  batch: TestBatch,
  partition: number,
  index: number,
  timestamp: bigint,
): Uint8Array {
  const prefix = Buffer.alloc(22);
  prefix.writeUInt8(version, 0);
  prefix.writeUInt8((batch.attributes ?? 0) & 0b111000, 1);
  prefix.writeUInt32BE(partition, 2);
  prefix.writeBigUInt64BE((batch.baseOffset ?? 0n) + BigInt(index), 6);
  prefix.writeBigInt64BE(BigInt.asIntN(64, timestamp), 14);
  return prefix;
}

/** The entries of a batch that parses, from the records that went into it. */
export function referenceEntries(batch: TestBatch, records: readonly TestRecord[], partition: number): Uint8Array[] {
  const appendTime = ((batch.attributes ?? 0) & 8) !== 0;
  return records.map((record, i) => {
    const created = (batch.baseTimestamp ?? 0n) + (record.timestampDelta ?? 0n);
    const timestamp = appendTime ? (batch.maxTimestamp ?? 0n) : created;
    return concat(entryPrefix(1, batch, partition, i, timestamp), encodeBody(record));
  });
}

/** The entries of a batch that does not parse. */
export function referenceUnparsedEntries(batch: TestBatch, partition: number): Uint8Array[] {
  const stored = encodeTestBatch(batch);
  const hash = createHash('sha256').update(stored.subarray(21)).digest();
  const timestamp = ((batch.attributes ?? 0) & 8) !== 0 ? (batch.maxTimestamp ?? 0n) : (batch.baseTimestamp ?? 0n);
  const last = batch.lastOffsetDelta ?? (batch.count ?? 1) - 1;
  return Array.from({ length: last + 1 }, (_, i) => concat(entryPrefix(2, batch, partition, i, timestamp), hash));
}

export function referenceLeaves(previous: Uint8Array, entries: readonly Uint8Array[]): Uint8Array[] {
  let leaf = previous;
  return entries.map((entry) => {
    leaf = new Uint8Array(createHash('sha256').update(Uint8Array.of(0)).update(leaf).update(entry).digest());
    return leaf;
  });
}

/** What stands in a records field by the rule, read field by field; null where it does not parse. */
export function referenceParse(field: Uint8Array, count: number): TestRecord[] | null {
  const reader = new Reader(field);
  try {
    if (count < 1) return null;
    const records: TestRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = new Reader(reader.take(reader.varint(32)));
      const attributes = record.take(1n)[0] ?? 0;
      const timestampDelta = record.varint(64);
      if (record.varint(32) !== BigInt(i)) return null;
      const key = record.nullable();
      const value = record.nullable();
      const headers: [Uint8Array, Uint8Array | null][] = [];
      for (let left = record.count(); left > 0n; left--)
        headers.push([record.take(record.varint(32)), record.nullable()]);
      if (!record.done) return null;
      records.push({ key, value, headers, timestampDelta, attributes });
    }
    return reader.done ? records : null;
  } catch (error) {
    if (error instanceof Stop) return null;
    throw error;
  }
}

class Stop extends Error {}

class Reader {
  #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#bytes.length === 0;
  }

  take(length: bigint): Uint8Array {
    if (length < 0n || length > BigInt(this.#bytes.length)) throw new Stop();
    const taken = this.#bytes.subarray(0, Number(length));
    this.#bytes = this.#bytes.subarray(Number(length));
    return taken;
  }

  nullable(): Uint8Array | null {
    const length = this.varint(32);
    return length === -1n ? null : this.take(length);
  }

  count(): bigint {
    const count = this.varint(32);
    if (count < 0n) throw new Stop();
    return count;
  }

  varint(bits: number): bigint {
    const bytes: number[] = [];
    do bytes.push(this.take(1n)[0] ?? 0);
    while ((bytes.at(-1) ?? 0) >= 128);
    let value = 0n;
    for (const [i, byte] of bytes.entries()) value += BigInt(byte % 128) * 128n ** BigInt(i);
    if (value >= 2n ** BigInt(bits)) throw new Stop();
    if (bytes.length > 1 && bytes.at(-1) === 0) throw new Stop();
    return value % 2n === 0n ? value / 2n : -(value + 1n) / 2n;
  }
}
