import { batchHeaderLength } from '@tallystick/core/batch';
import { baseOffsetAt, batchLengthAt, lastOffsetAt, viewOf } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import type { FetchRequest, FetchResponse } from '@tallystick/kafka/record-log';
import type { BundleFile } from './bundle-file.ts';
import type { Extent } from './bundle-walk.ts';
import type { Buffers } from './buffers.ts';
import type { StoredPartition } from './manifest.ts';
import type { RecordsMember } from './member-names.ts';

interface Chunk extends Extent {
  readonly base: number;
  readonly broken: RecordsMember['broken'];
}

/** Kafka's OFFSET_OUT_OF_RANGE. */
const outOfRange = 1;
const nothing = new Uint8Array();
/** Bytes that are read at a time where a batch is looked for. */
const headerWindow = 64 * 1024;

/** The records of one partition in a bundle: answers as its leader did. What it gives is judged by who reads it, as over Kafka. */
export class BundlePartition {
  readonly stored: StoredPartition;
  private readonly topic: string;
  private readonly file: BundleFile;
  private readonly buffers: Buffers;
  /** In the order of their offsets. */
  private readonly chunks: Chunk[] = [];
  /** Where the batch with this offset begins: what was served ended there. */
  private next: { offset: number; chunk: number; at: number } | null = null;

  constructor(topic: string, stored: StoredPartition, file: BundleFile, buffers: Buffers) {
    this.topic = topic;
    this.stored = stored;
    this.file = file;
    this.buffers = buffers;
  }

  /** Adds a chunk; false where it does not come behind the one before. */
  add({ base, broken }: RecordsMember, extent: Extent): boolean {
    const last = this.chunks.at(-1);
    if (last !== undefined && base <= last.base) return false;
    this.chunks.push({ base, broken, ...extent });
    return true;
  }

  /** @throws KafkaError NOT_INCLUDED, OFFSET_GAP; VerifierError BUNDLE_UNREADABLE, BUNDLE_TRUNCATED */
  async fetch(request: FetchRequest): Promise<FetchResponse> {
    const { offset, lastFetchedEpoch } = request;
    const { logStart, highWatermark, leaderEpoch, from, to } = this.stored;
    if (offset < logStart || offset > highWatermark || lastFetchedEpoch > leaderEpoch)
      return { error: outOfRange, highWatermark: -1, logStart: -1, diverging: null, records: nothing };
    if (offset === highWatermark) return this.answer(nothing);
    if (offset < from || offset >= to) throw this.notIncluded(offset);
    const follows = this.next?.offset === offset;
    const place = await this.find(offset);
    const chunk = this.chunks[place.chunk];
    if (chunk === undefined) throw this.gap(offset);
    return chunk.broken === null
      ? { ...(await this.batches(place.chunk, chunk, place.at, request.maxBytes)), follows }
      : this.answer(await this.file.read(chunk.position, chunk.size), chunk.broken.error);
  }

  private answer(records: Uint8Array, error = 0, release?: () => void): FetchResponse {
    const { logStart, highWatermark } = this.stored;
    const bounds = error === 0 ? { logStart, highWatermark } : { logStart: -1, highWatermark: -1 };
    return { error, ...bounds, diverging: null, records, ...(release === undefined ? {} : { release }) };
  }

  /** The first batch that ends at the offset or behind it, as a broker finds it. */
  private async find(offset: number): Promise<{ chunk: number; at: number }> {
    if (this.next?.offset === offset) return this.next;
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.chunks[middle]?.base ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    const index = low - 1;
    const chunk = this.chunks[index];
    if (chunk === undefined) return { chunk: low, at: 0 };
    if (chunk.broken !== null) return { chunk: offset <= chunk.broken.last ? index : low, at: 0 };
    const at = await this.placeIn(chunk, offset);
    return at < chunk.size ? { chunk: index, at } : { chunk: low, at: 0 };
  }

  /**
   * Where in a chunk the first batch begins that ends at the offset or behind it, or that is no batch; the chunk's size where there is
   * none. Of large batches only what is about their headers is read.
   */
  private async placeIn({ position, size }: Extent, offset: number): Promise<number> {
    const bytes = this.buffers.take(headerWindow);
    const view = viewOf(bytes);
    try {
      let from = 0;
      let until = 0;
      let at = 0;
      while (at + batchHeaderLength <= size) {
        if (at + batchHeaderLength > until) {
          from = at;
          until = Math.min(from + headerWindow, size);
          await this.file.fill(bytes.subarray(0, until - from), position + from);
        }
        const length = batchLengthAt(view, at - from);
        if (length < batchHeaderLength || lastOffsetAt(view, at - from) >= offset) break;
        // A broker too finds nothing behind a batch that says it is longer than what is stored.
        if (at + length > size) return size;
        at += length;
      }
      return at;
    } finally {
      this.buffers.giveBack(bytes);
    }
  }

  private async batches(index: number, chunk: Chunk, at: number, maxBytes: number): Promise<FetchResponse> {
    const left = chunk.size - at;
    let length = Math.min(left, Math.max(maxBytes, batchHeaderLength));
    let bytes = await this.bytesOf(chunk, at, length);
    // The first batch comes whole, whatever `maxBytes` says.
    const first = bytes.length < batchHeaderLength ? 0 : batchLengthAt(viewOf(bytes), 0);
    if (first > length && length < left) {
      length = Math.min(first, left);
      this.buffers.giveBack(bytes);
      bytes = await this.bytesOf(chunk, at, length);
    }
    const whole = bytes.subarray(0, length);
    const end = walk(whole);
    // Where a batch is not what it should be everything is given, and who reads it says so.
    const records = end.at > 0 && (end.cut || end.at === length) ? whole.subarray(0, end.at) : whole;
    const behind = at + end.at;
    const place = behind < chunk.size ? { chunk: index, at: behind } : { chunk: index + 1, at: 0 };
    this.next = end.next === null ? null : { offset: end.next, ...place };
    return this.answer(records, 0, () => this.buffers.giveBack(bytes));
  }

  private async bytesOf(chunk: Chunk, at: number, length: number): Promise<Buffer> {
    const bytes = this.buffers.take(length);
    await this.file.fill(bytes.subarray(0, length), chunk.position + at);
    return bytes;
  }

  private notIncluded(offset: number): KafkaError {
    const { partition, from, to } = this.stored;
    const holds = from < to ? `it holds ${from} to ${to - 1}` : 'it holds none of them';
    return new KafkaError(
      'NOT_INCLUDED',
      `Offset ${offset} of ${this.topic}/${partition} was not chosen for this bundle: ${holds}. Verify with the scope that its manifest names, or ask for a larger one.`,
      { evidence: { topic: this.topic, partition, offset, from, to } },
    );
  }

  private gap(offset: number): KafkaError {
    const { partition, logStart, highWatermark } = this.stored;
    return new KafkaError(
      'OFFSET_GAP',
      `The bundle holds no record of ${this.topic}/${partition} from offset ${offset} on, although it should: offsets are missing.`,
      { evidence: { topic: this.topic, partition, offset, expected: offset, found: null, highWatermark, logStart } },
    );
  }
}

interface Walked {
  /** Where what is no batch begins, or a batch that goes beyond the bytes; the length where there is none. */
  readonly at: number;
  /** What begins at `at` is a batch that goes beyond the bytes. */
  readonly cut: boolean;
  /** The offset behind the batch before it; null where batches do not follow one another by what they say. */
  readonly next: number | null;
}

function walk(bytes: Uint8Array): Walked {
  const view = viewOf(bytes);
  let next: number | null = null;
  let isRow = true;
  const walked = (at: number, cut: boolean): Walked => ({ at, cut, next: isRow ? next : null });
  for (let at = 0; at < bytes.length;) {
    if (at + batchHeaderLength > bytes.length) return walked(at, true);
    const length = batchLengthAt(view, at);
    if (length < batchHeaderLength) return walked(at, false);
    if (at + length > bytes.length) return walked(at, true);
    if (next !== null && baseOffsetAt(view, at) !== next) isRow = false;
    next = lastOffsetAt(view, at) + 1;
    at += length;
  }
  return walked(bytes.length, false);
}
