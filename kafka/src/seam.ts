import { batchHeaderLength } from '@tallystick/core/batch';
import { batchField } from './batch-encoder.ts';
import type { FetchResponse } from './record-log.ts';

/** How the next fetch is made, so that it shows what is stored right behind what was read. */
export interface SeamFetch {
  /** Bytes of the batch before, from which the fetch begins; 0: it begins at the offset that is due. */
  readonly back: number;
  readonly maxBytes: number;
}

const lengthFieldEnd = 12;
/** No broker takes a batch so large by its defaults: what says a length beyond it is not waited for. */
const largestWanted = 64 * 1024 * 1024;
/** Answers that may part from each other at one place before the last one is judged as it is. */
const mostParted = 4;

/**
 * The seam between two fetches. A broker looks for an offset by what batches say, so that a fetch of offset n leaves out whatever is stored
 * before the batch of n and says lower offsets, though another reader is served it in the middle of an answer. So either the batch that
 * was cut off at the end of one answer begins the next one, or the next fetch begins with the batch before.
 */
export class Seam {
  /** The last batch read, whole: another one may have the same header, and the same CRC. */
  private before: Uint8Array | null;
  /** Header of what was seen behind it. */
  private cut: Uint8Array | null = null;
  /** What lies behind `before` cannot be seen from there: it is the last of a segment, or the log was cut there. */
  private plain = false;
  /** Something else came than was seen: what lies between is asked for whole. */
  private parted = 0;
  /** Whoever answers says itself that it goes on where it ended. */
  private follows = false;
  private readonly maxBytes: number;
  /** What `before` lies in, used again: a batch is copied for each answer. */
  private kept = new Uint8Array(0);

  constructor(before: Uint8Array | null, maxBytes: number) {
    this.before = before;
    this.maxBytes = maxBytes;
  }

  next(): SeamFetch {
    const { before, cut, maxBytes } = this;
    if (before === null || this.plain) return { back: 0, maxBytes };
    const back = before.length;
    if (this.parted > 0) {
      const wanted = cut === null ? 0 : totalLength(cut);
      return { back, maxBytes: back + Math.min(Math.max(maxBytes, wanted), largestWanted) };
    }
    return cut !== null || this.follows ? { back: 0, maxBytes } : { back, maxBytes: back + maxBytes };
  }

  /**
   * What of an answer comes right behind what was read.
   * @returns null: ask again, as `next` says now
   */
  take({ back }: SeamFetch, answer: FetchResponse): Uint8Array | null {
    const { records } = answer;
    const { before, cut, parted } = this;
    this.follows = answer.follows !== undefined;
    if (before === null || this.plain || parted > mostParted) return records;
    if (back === 0) {
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
    // It is not there any more: what came instead is judged as it is.
    if (at < 0) return records;
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

  /** Asking from the batch before failed: it is asked for what is due alone. */
  giveUp(): void {
    this.plain = true;
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
    this.parted = 0;
    this.cut = rest.length >= batchHeaderLength ? headerOf(rest) : null;
  }
}

/** A copy of the header of a batch: `slice` of a Buffer would be a view of memory that is used again. */
function headerOf(batch: Uint8Array): Uint8Array {
  return new Uint8Array(batch.subarray(0, batchHeaderLength));
}

function totalLength(batch: Uint8Array): number {
  return (
    lengthFieldEnd + new DataView(batch.buffer, batch.byteOffset, batch.byteLength).getInt32(batchField.batchLength)
  );
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
