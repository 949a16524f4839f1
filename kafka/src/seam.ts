import { randomInt } from 'node:crypto';
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
/** Numbers that are drawn, as whole ones. */
const drawn = 2 ** 30;
/** Answers that may part from what was read at one place. */
const mostParted = 4;

/**
 * The seam between two fetches. A broker looks for an offset by what batches say, so that a fetch of offset n leaves out whatever is stored
 * before the batch of n and says lower offsets, though another reader is served it in the middle of an answer. So either the batch that
 * was cut off at the end of one answer begins the next one, or the next fetch begins with the batch before: it is asked for by its own base
 * offset, for of the batches that reach to another offset of it Kafka may serve one behind it (`FileRecords`, since 4.1). Whatever was seen
 * behind a batch has to be there, byte for byte, whenever that batch is shown: an index may lead to an exact copy that lies further on. Where
 * the copy begins before an answer ends, nothing of that is seen; so nobody can say beforehand where answers end.
 */
export class Seam {
  /** The last batch read, whole: another one may have the same header, and the same CRC. */
  private before: Uint8Array | null;
  /** All that was seen of the batch behind it; null: nothing was. */
  private cut: Uint8Array | null = null;
  /** What lies behind `before` cannot be seen from there: it is the last of a segment, or the log begins behind it. */
  private plain = false;
  /** Less is to be seen now than before, as after a failover: what is due is waited for. */
  private waits = false;
  /** Its base offset cannot be asked for, but its last one may be: the log begins inside it. */
  private low = false;
  /** How often something else came than was seen: what lies between is asked for whole. */
  private parted = 0;
  /** Whoever answers says itself that it goes on where it ended. */
  private follows = false;
  private due = 0;
  private readonly ends: AnswerEnds;
  /** What `before` and `cut` lie in, used again: there is a copy for each answer. */
  private readonly kept = new Kept();
  private readonly seen = new Kept();

  /**
   * @param before the batch that ends before what is due, if it was read
   * @param random draws a number from 0 to below 1
   */
  constructor(before: Uint8Array | null, maxBytes: number, random?: () => number) {
    this.before = before;
    this.ends = new AnswerEnds(maxBytes, random);
  }

  /** @param due the offset behind what was read */
  next(due: number): SeamFetch {
    const { before, cut } = this;
    this.due = due;
    const maxBytes = this.ends.next(this.follows);
    const plainly = { offset: due, maxBytes, back: false };
    if (before === null || this.plain || this.waits) return plainly;
    const offset = this.low ? due - 1 : baseOffsetAt(viewOf(before), 0);
    if (this.parted > 0) {
      const wanted = cut === null || cut.length < lengthFieldEnd ? 0 : totalLength(cut);
      const most = Math.min(Math.max(maxBytes, wanted), largestWanted);
      return { offset, maxBytes: before.length + most, back: true };
    }
    if (this.follows || (cut !== null && cut.length >= batchHeaderLength)) return plainly;
    return { offset, maxBytes: before.length + maxBytes, back: true };
  }

  /**
   * What of an answer comes right behind what was read.
   * @returns null: ask again, as `next` says now, unless `isLost`
   */
  take({ back }: SeamFetch, answer: FetchResponse): Uint8Array | null {
    const { records } = answer;
    const { before, cut } = this;
    this.follows = answer.follows !== undefined;
    if (before === null) return records;
    if (back) return this.behind(before, answer);
    if (records.length === 0 || answer.follows === true) return records;
    if (this.waits) {
      this.waits = false;
      return this.part();
    }
    if (cut === null) return this.plain ? records : this.part();
    const at = placeOf(cut, records);
    return at < 0 ? this.part() : records.subarray(at);
  }

  /** What comes behind the batch before, in an answer that was to begin with it. */
  private behind(before: Uint8Array, { records, highWatermark }: FetchResponse): Uint8Array | null {
    const { cut, parted } = this;
    const at = placeOf(before, records);
    const rest = at < 0 ? records.subarray(records.length) : records.subarray(at + before.length);
    const wanted = Math.max(cut?.length ?? 0, 1);
    if ((at >= 0 || records.length === 0) && rest.length < wanted && highWatermark <= this.due) {
      this.waits = true;
      return null;
    }
    // What came instead may be good: that nothing was put in between nobody can say.
    if (at < 0 || (cut !== null && !startsWith(rest, cut))) return this.part();
    if (rest.length >= lengthFieldEnd && totalLength(rest) <= rest.length) return rest;
    // Cut off though it was asked for whole: so its length is wrong, and whoever checks it says so.
    if (rest.length >= batchHeaderLength && parted > 0 && cut !== null) return rest;
    if (rest.length < batchHeaderLength) this.plain = true;
    else if (parted > 0) this.parted += 1;
    this.see(rest);
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
    this.before = this.kept.copy(last);
    this.again();
    this.see(rest);
  }

  /** Whoever reads begins anew here: what was seen stays seen. */
  again(): void {
    this.plain = false;
    this.waits = false;
    this.low = false;
    this.parted = 0;
  }

  private part(): null {
    this.parted += 1;
    return null;
  }

  /** Takes note of the batch that begins here. */
  private see(rest: Uint8Array): void {
    const length = rest.length < lengthFieldEnd ? rest.length : Math.max(totalLength(rest), batchHeaderLength);
    this.cut = rest.length === 0 ? null : this.seen.copy(rest.subarray(0, length));
  }
}

/** One part in so many of an answer's size is left to chance; of the first answer, all but that part. */
const leftToChance = 8;

/**
 * Draws the size of each answer. Whoever knows beforehand where an answer ends can lay a copy of what ends it behind something else. After
 * a first answer of any size each of the others may end anywhere, though they differ little in size.
 */
export class AnswerEnds {
  private readonly maxBytes: number;
  private readonly random: () => number;
  private isFirst = true;

  constructor(maxBytes: number, random = () => randomInt(drawn) / drawn) {
    this.maxBytes = maxBytes;
    this.random = random;
  }

  /** @param follows whoever answers goes by no index */
  next(follows: boolean): number {
    if (follows) return this.maxBytes;
    const part = this.isFirst ? 1 - 1 / leftToChance : 1 / leftToChance;
    this.isFirst = false;
    return this.maxBytes - Math.floor(this.random() * part * this.maxBytes);
  }
}

/** Copies, each in the place of the one before. (`slice` of a Buffer would be a view of memory that is used again.) */
class Kept {
  private room = new Uint8Array(0);

  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.room.length) this.room = new Uint8Array(bytes.length);
    this.room.set(bytes);
    return this.room.subarray(0, bytes.length);
  }
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
