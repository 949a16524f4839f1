import { batchHeaderLength } from '@tallystick/core/batch';
import { baseOffsetAt, batchLengthAt, lengthFieldEnd, viewOf } from './batch-encoder.ts';
import type { FetchResponse } from './record-log.ts';

/** How the next fetch is made, so that it shows what is stored right behind what was read. */
export interface SeamFetch {
  /** The offset to ask for: one of the batch before, or the one that is due. */
  readonly offset: number;
  readonly maxBytes: number;
  /** Whether it begins with the batch before. */
  readonly back: boolean;
}

/** No broker takes a batch so large by its defaults: what says a length beyond it is not waited for. */
const largestWanted = 64 * 1024 * 1024;
/** Answers that may part from what was read at one place. */
const mostParted = 4;

/**
 * The seam between two fetches. A broker looks for an offset by what batches say, so that a fetch of offset n leaves out whatever is stored
 * before the batch of n and says lower offsets, though another reader is served it in the middle of an answer. So either the batch that
 * was cut off at the end of one answer begins the next one, or the next fetch begins with the batch before: it is asked for by its own base
 * offset, for of the batches that reach to another offset of it Kafka may serve one behind it (`FileRecords`, since 4.1).
 */
export class Seam {
  /** The last batch read, whole: another one may have the same header, and the same CRC. */
  private before: Uint8Array | null;
  /** Header of what was seen behind it. */
  private cut: Uint8Array | null = null;
  /** What lies behind `before` cannot be seen from there: it is the last of a segment, or the log begins behind it. */
  private plain = false;
  /** Its base offset cannot be asked for, but its last one may be: the log begins inside it. */
  private low = false;
  /** How often something else came than was seen: what lies between is asked for whole. */
  private parted = 0;
  /** Whoever answers says itself that it goes on where it ended. */
  private follows = false;
  private readonly maxBytes: number;
  /** What `before` lies in, used again: a batch is copied for each answer. */
  private kept = new Uint8Array(0);

  /** @param before the batch that ends before what is due, if it was read */
  constructor(before: Uint8Array | null, maxBytes: number) {
    this.before = before;
    this.maxBytes = maxBytes;
  }

  /** @param due the offset behind what was read */
  next(due: number): SeamFetch {
    const { before, cut, maxBytes } = this;
    const plainly = { offset: due, maxBytes, back: false };
    if (before === null || this.plain) return plainly;
    const offset = this.low ? due - 1 : baseOffsetAt(viewOf(before), 0);
    if (this.parted > 0) {
      const wanted = cut === null ? 0 : totalLength(cut);
      const most = Math.min(Math.max(maxBytes, wanted), largestWanted);
      return { offset, maxBytes: before.length + most, back: true };
    }
    if (cut !== null || this.follows) return plainly;
    return { offset, maxBytes: before.length + maxBytes, back: true };
  }

  /**
   * What of an answer comes right behind what was read.
   * @returns null: ask again, as `next` says now, unless `isLost`
   */
  take({ back }: SeamFetch, answer: FetchResponse): Uint8Array | null {
    const { records } = answer;
    const { before, cut, parted } = this;
    this.follows = answer.follows !== undefined;
    if (before === null || this.plain) return records;
    if (!back) {
      if (records.length === 0 || answer.follows === true) return records;
      const at = cut === null ? -1 : placeOf(cut, records);
      if (at >= 0) return records.subarray(at);
      this.parted += 1;
      return null;
    }
    if (records.length === 0) {
      this.plain = true;
      return null;
    }
    const at = placeOf(before, records);
    // What came instead may be good: that nothing was put in between nobody can say.
    if (at < 0) {
      this.parted += 1;
      return null;
    }
    const rest = records.subarray(at + before.length);
    if (rest.length >= lengthFieldEnd && totalLength(rest) <= rest.length) return rest;
    if (rest.length < batchHeaderLength) this.plain = true;
    // Cut off though it was asked for whole: so its length is wrong, and whoever checks it says so.
    else if (parted > 0 && cut !== null && startsWith(rest, cut)) return rest;
    else {
      this.cut = headerOf(rest);
      if (parted > 0) this.parted += 1;
    }
    return null;
  }

  /** What was read last is not shown any more, or always with something else behind it. */
  get isLost(): boolean {
    return this.parted > mostParted;
  }

  /**
   * Asking from the batch before failed.
   * @param isBelow because the offset lies below what can be asked for: where all of that batch does, nothing is asked of it any more
   * @returns whether to ask again, as `next` says now
   */
  lower(isBelow: boolean): boolean {
    if (this.low && !isBelow) return false;
    this.plain = this.low;
    this.low = true;
    return true;
  }

  /** The last batch that was read: a copy, until the next one is. */
  get last(): Uint8Array | null {
    return this.before;
  }

  /** @param last batch that was read; @param rest of the answer behind it */
  advance(last: Uint8Array, rest: Uint8Array): void {
    if (last.length > this.kept.length) this.kept = new Uint8Array(last.length);
    this.kept.set(last);
    this.before = this.kept.subarray(0, last.length);
    this.plain = false;
    this.low = false;
    this.parted = 0;
    this.cut = rest.length >= batchHeaderLength ? headerOf(rest) : null;
  }
}

/** A copy of the header of a batch: `slice` of a Buffer would be a view of memory that is used again. */
function headerOf(batch: Uint8Array): Uint8Array {
  return new Uint8Array(batch.subarray(0, batchHeaderLength));
}

function totalLength(batch: Uint8Array): number {
  return batchLengthAt(viewOf(batch), 0);
}

/** Where the batch begins that begins with these bytes; -1 where there is none. */
function placeOf(known: Uint8Array, records: Uint8Array): number {
  for (let at = 0; records.length - at >= batchHeaderLength;) {
    const left = records.subarray(at);
    if (startsWith(left, known)) return at;
    const length = totalLength(left);
    if (length < batchHeaderLength) return -1;
    at += length;
  }
  return -1;
}

function startsWith(bytes: Uint8Array, known: Uint8Array): boolean {
  return bytes.length >= known.length && Buffer.compare(bytes.subarray(0, known.length), known) === 0;
}
