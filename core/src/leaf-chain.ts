import { openRecord, parseBatch, type BatchHeader, type ParsedBatch, type UnparsedBatch } from './batch.ts';
import type { Codecs } from './codecs.ts';
import { entryFlags, entryPrefixLength, unparsedTimestamp } from './entry.ts';
import type { Sha256 } from './hash.ts';
import { RecordCursor } from './record-cursor.ts';

const leafLength = 32;
/** The scratch buffer: 00 | leaf before | 22-byte prefix | record. */
const previousAt = 1;
const prefixAt = previousAt + leafLength;
const offsetAt = prefixAt + 6;
const timestampAt = prefixAt + 14;
const recordAt = prefixAt + entryPrefixLength;
const firstScratch = 64 * 1024;
/** Entries of up to this many bytes have a view of the scratch buffer kept for each length. */
const longestKept = 4096;

export interface LeafChainOptions {
  readonly sha256: Sha256;
  readonly codecs: Codecs;
  readonly partition: number;
  /** The leaf before the first: the genesis leaf, or the head of what is sealed. */
  readonly previous: Uint8Array;
}

/**
 * Chains the leaves of one partition's batches (protocol.md sections 1 and 2) at the speed of hashing: each record is copied
 * once, behind the leaf before it, and hashed there; nothing is allocated per record. The same as `leafOf` over `entriesOf`,
 * which tests hold it to.
 */
export class LeafChain {
  readonly #sha256: Sha256;
  readonly #codecs: Codecs;
  #scratch = new Uint8Array(firstScratch);
  #view: DataView = new DataView(this.#scratch.buffer);
  /** By length: the start of the scratch buffer. A view made for each record would cost a tenth of its hash. */
  readonly #starts: (Uint8Array | undefined)[] = Array.from({ length: longestKept + 1 });
  readonly #cursor = new RecordCursor(this.#scratch, 0, 0);

  // The memory that was read and written last, for copies of eight bytes at a time.
  #source = this.#view;
  #sourceOf: Uint8Array = this.#scratch;
  #leaves = this.#view;
  #leavesOf: Uint8Array = this.#scratch;

  // The batch met last, so that the next slice of it costs neither its decompression nor a walk from its start.
  #batch: Uint8Array | null = null;
  #judged: ParsedBatch | UnparsedBatch | null = null;
  /** The offset of the record that the cursor stands before. */
  #next = 0;
  #timestampHigh = 0;
  #timestampLow = 0;

  constructor(options: LeafChainOptions) {
    this.#sha256 = options.sha256;
    this.#codecs = options.codecs;
    if (!(Number.isInteger(options.partition) && options.partition >= 0 && options.partition < 2 ** 31)) {
      throw new RangeError(`${options.partition} is no partition`);
    }
    this.#view.setUint32(prefixAt + 2, options.partition);
    this.reset(options.previous);
  }

  /** The last leaf, or what the chain was set to begin behind: 32 bytes, a copy. */
  get head(): Uint8Array {
    return this.#scratch.slice(previousAt, prefixAt);
  }

  /** The timestamp of the last entry, unix milliseconds, signed 64 bits; 0 before the first. */
  get lastTimestamp(): bigint {
    return (BigInt(this.#timestampHigh) << 32n) | BigInt(this.#timestampLow >>> 0);
  }

  /** Why the batch given last does not parse, so that its entries are of version 2; null where it does. */
  get unparsedReason(): string | null {
    return this.#judged === null || this.#judged.parsed ? null : this.#judged.reason;
  }

  /** Goes on behind another leaf. */
  reset(previous: Uint8Array): void {
    if (previous.length !== leafLength) throw new RangeError(`a leaf has ${leafLength} bytes, not ${previous.length}`);
    this.#scratch.set(previous, previousAt);
  }

  /**
   * Chains the entries of a batch whose offsets lie in `from` to `to` (both inclusive) and writes their leaves, 32 bytes
   * each, to `leaves` from byte `at` on. The whole batch is judged before the first leaf is written. Several slices of one
   * batch are given with the same two objects, unchanged in between; then it is judged once.
   * @returns how many leaves were written
   * @throws CoreError BATCH_MALFORMED for a batch that is never sealed; RangeError where `leaves` has no room
   */
  append(batch: Uint8Array, header: BatchHeader, from: number, to: number, leaves: Uint8Array, at: number): number {
    const first = Math.max(from, header.baseOffset);
    const last = Math.min(to, header.lastOffset);
    const judged = this.judge(batch, header);
    const count = Math.max(0, last - first + 1);
    if (!(at >= 0 && at + count * leafLength <= leaves.length)) {
      throw new RangeError(`${count} leaves at byte ${at} do not fit into ${leaves.length} bytes`);
    }
    if (count === 0) return 0;
    this.#view.setUint8(prefixAt + 1, entryFlags(header.attributes));
    if (leaves !== this.#leavesOf) this.#leaves = viewOf(leaves);
    this.#leavesOf = leaves;
    if (judged.parsed) this.#chainRecords(judged, first, last, leaves, at);
    else this.#chainOffsets(judged, first, last, leaves, at);
    return count;
  }

  /**
   * Judges a batch as `append` does. Given with the same two objects, unchanged in between, it is judged once.
   * @throws CoreError BATCH_MALFORMED for a batch that is never sealed
   */
  judge(batch: Uint8Array, header: BatchHeader): ParsedBatch | UnparsedBatch {
    if (this.#judged !== null && this.#batch === batch && this.#judged.header === header) return this.#judged;
    // Nothing of the batch before may stay if this one throws.
    this.#judged = null;
    const judged = parseBatch(batch, header, this.#codecs);
    this.#batch = batch;
    this.#judged = judged;
    if (judged.parsed) this.#rewind(judged);
    return judged;
  }

  #rewind(batch: ParsedBatch): void {
    this.#cursor.data = batch.data;
    this.#cursor.at = batch.start;
    this.#cursor.end = batch.data.length;
    this.#next = batch.header.baseOffset;
  }

  #chainRecords(batch: ParsedBatch, first: number, last: number, leaves: Uint8Array, at: number): void {
    const cursor = this.#cursor;
    const { data, header } = batch;
    const { appendTime } = header;
    if (data !== this.#sourceOf) this.#source = viewOf(data);
    this.#sourceOf = data;
    if (first < this.#next) this.#rewind(batch);
    for (; this.#next < first; this.#next++) {
      const length = cursor.varint();
      cursor.at += length;
    }
    const base = appendTime ? header.maxTimestamp : header.baseTimestamp;
    const baseHigh = Number(BigInt.asIntN(32, base >> 32n));
    const baseLow = Number(BigInt.asUintN(32, base));
    this.#scratch[prefixAt] = 1;
    this.#setTimestamp(baseHigh, baseLow);
    // Until the loop is through, the cursor stands at no known record: if hashing throws, the next slice walks from the start.
    this.#next = Infinity;
    let out = at;
    for (let offset = first; offset <= last; offset++) {
      const end = openRecord(cursor);
      if (!appendTime) {
        const low = baseLow + (cursor.low >>> 0);
        // The carry is what the low half holds above 32 bits; both halves wrap, which is modulo 2^64.
        this.#setTimestamp((baseHigh + cursor.high + (low >= 2 ** 32 ? 1 : 0)) | 0, low | 0);
      }
      this.#setOffset(offset);
      const length = end - cursor.at;
      this.#reserve(recordAt + length);
      if (length <= longestKept) copy(this.#source, cursor.at, end, this.#view, recordAt);
      else this.#scratch.set(data.subarray(cursor.at, end), recordAt);
      cursor.at = end;
      this.#hash(recordAt + length, leaves, out);
      out += leafLength;
    }
    this.#next = last + 1;
  }

  #chainOffsets(batch: UnparsedBatch, first: number, last: number, leaves: Uint8Array, at: number): void {
    const timestamp = unparsedTimestamp(batch.header);
    this.#scratch[prefixAt] = 2;
    this.#setTimestamp(Number(BigInt.asIntN(32, timestamp >> 32n)), Number(BigInt.asIntN(32, timestamp)));
    this.#scratch.set(batch.batchHash, recordAt);
    for (let offset = first; offset <= last; offset++) {
      this.#setOffset(offset);
      this.#hash(recordAt + leafLength, leaves, at + (offset - first) * leafLength);
    }
  }

  #hash(length: number, leaves: Uint8Array, at: number): void {
    this.#sha256.hashInto(this.#start(length), 0, length, leaves, at);
    copy(this.#leaves, at, at + leafLength, this.#view, previousAt);
  }

  #start(length: number): Uint8Array {
    const kept = this.#starts[length];
    if (kept !== undefined) return kept;
    const start = this.#scratch.subarray(0, length);
    if (length <= longestKept) this.#starts[length] = start;
    return start;
  }

  #setOffset(offset: number): void {
    this.#view.setUint32(offsetAt, Math.floor(offset / 2 ** 32));
    this.#view.setUint32(offsetAt + 4, offset >>> 0);
  }

  #setTimestamp(high: number, low: number): void {
    this.#timestampHigh = high;
    this.#timestampLow = low;
    this.#view.setInt32(timestampAt, high);
    this.#view.setInt32(timestampAt + 4, low);
  }

  /** Makes room for a large record, by doubling; what comes before the record is kept. */
  #reserve(length: number): void {
    if (length <= this.#scratch.length) return;
    const larger = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
    larger.set(this.#scratch.subarray(0, recordAt));
    this.#scratch = larger;
    this.#starts.fill(undefined);
    this.#view = new DataView(larger.buffer);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** In steps of 32 bytes, then of 8: no slower than a view of the source, and nothing is made that has to be collected. */
function copy(source: DataView, from: number, to: number, target: DataView, at: number): void {
  let read = from;
  let write = at;
  for (; read + 32 <= to; read += 32, write += 32) {
    target.setBigInt64(write, source.getBigInt64(read));
    target.setBigInt64(write + 8, source.getBigInt64(read + 8));
    target.setBigInt64(write + 16, source.getBigInt64(read + 16));
    target.setBigInt64(write + 24, source.getBigInt64(read + 24));
  }
  for (; read + 8 <= to; read += 8, write += 8) target.setBigInt64(write, source.getBigInt64(read));
  for (; read < to; read++, write++) target.setUint8(write, source.getUint8(read));
}
