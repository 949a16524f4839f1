import { batchHeaderLength, readBatchHeader } from '@tallystick/core/batch';
import type { BatchHeader } from '@tallystick/core/batch';
import { CoreError } from '@tallystick/core/errors';
import { baseOffsetAt, batchField, batchLengthAt, lastOffsetAt, viewOf } from '@tallystick/kafka/batch-encoder';
import { crc32c } from '@tallystick/kafka/crc32c';
import { KafkaError } from '@tallystick/kafka/errors';
import { AnswerEnds } from '@tallystick/kafka/strict-reader';
import { fetchAt } from '../ask-broker.ts';
import type { Source } from '../records/read-through.ts';

/** What one fetch gives beyond what is overlapped, at least. */
const askedBytes = 8 * 1024 * 1024;
/** Bytes that are kept to find where the next answer goes on. */
const mostKept = 32 * 1024 * 1024;

/** One batch of what is stored. */
export interface StoredBatch {
  readonly bytes: Uint8Array;
  /** The offset that is due there, by what lies before it. */
  readonly due: number;
  /** Of a batch whose CRC is right. */
  readonly header: BatchHeader | null;
}

/** A batch that was copied: where in the bytes kept it begins, and the offsets that it says; -1 where that is none. */
interface Copied {
  readonly at: number;
  readonly base: number;
  readonly last: number;
}

/**
 * The bytes of a partition in the order in which they are stored, whatever batches say of themselves. A broker finds an offset by what
 * batches say, so each answer has to begin with something that was had already: then nothing that lies between is passed over.
 */
export class StoredBytes {
  /** The offset that is due next, by what was copied. */
  due: number;
  /** Bytes behind what was copied that are no batch: who goes by lengths finds nothing behind them. */
  unreadable: Uint8Array | null = null;
  private readonly source: Source;
  private readonly to: number;
  /** What was copied last. */
  private kept = Buffer.alloc(0);
  private copied: Copied[] = [];
  /** What an answer showed behind that of a batch that it cut off: it has to be there. An index may lead to a copy further on. */
  private cut: Buffer = Buffer.alloc(0);
  private readonly ends: AnswerEnds;

  /** @param to the offset to end before */
  constructor(source: Source, from: number, to: number) {
    this.source = source;
    this.due = from;
    this.to = to;
    this.ends = new AnswerEnds(askedBytes, source.log.random);
  }

  /** Takes note of a good batch that was copied, and of nothing before it. */
  follow(bytes: Uint8Array, { baseOffset, lastOffset }: BatchHeader): void {
    this.kept = Buffer.from(bytes);
    this.copied = [{ at: 0, base: baseOffset, last: lastOffset }];
    this.due = lastOffset + 1;
    this.cut = Buffer.alloc(0);
  }

  /**
   * What is stored behind what was copied, as far as the broker shows it.
   * @throws KafkaError, LOG_DIVERGED where it does not show any more what it has shown; VerifierError VERIFY_ABORTED
   */
  async *rest(): AsyncGenerator<StoredBatch, void, void> {
    for (let more = await this.more(); more !== null; more = await this.more()) {
      const begin = this.kept.length;
      this.kept = Buffer.concat([this.kept, more]);
      const view = viewOf(more);
      for (let at = 0; at < more.length;) {
        const bytes = more.subarray(at, at + batchLengthAt(view, at));
        const header = headerOf(bytes);
        if (this.due >= this.to && (header === null || header.baseOffset >= this.to)) return;
        const { due } = this;
        this.note(begin + at, bytes, header);
        yield { bytes, due, header };
        at += bytes.length;
      }
      this.forget();
    }
  }

  /** Whole batches; null: no more of them are shown. */
  private async more(): Promise<Buffer | null> {
    let before = -1;
    for (let extra = this.ends.next(false); ; extra *= 2) {
      let broken: Buffer | null = null;
      for (const offset of this.places()) {
        const answer = await this.ask(offset, this.kept.length + extra);
        const from = this.behindKept(answer, offset);
        if (from === null || from >= answer.length) continue;
        const bytes = answer.subarray(from);
        const known = Math.min(this.cut.length, bytes.length);
        if (bytes.compare(this.cut, 0, known, 0, known) !== 0) continue;
        const whole = wholeBytes(bytes);
        if (whole > 0) {
          this.cut = bytes.subarray(whole);
          return bytes.subarray(0, whole);
        }
        broken ??= bytes;
      }
      if (broken === null && this.cut.length > 0) throw this.parted();
      this.unreadable = broken;
      // A batch is only cut off, as long as who asks for more is given more.
      if (broken === null || broken.length <= before || extra >= mostKept) return null;
      before = broken.length;
    }
  }

  /**
   * Offsets at which the broker may give something that overlaps what was copied; the last: what is due. A batch is found by its own base
   * offset, or by any that it reaches to: which of them depends on what the others say, and on the version of Kafka.
   */
  private places(): number[] {
    const first = this.copied[this.furthest()];
    const last = this.copied.at(-1);
    const end = this.to - 1;
    const offsets =
      first === undefined || last === undefined
        ? [this.due]
        : [Math.min(first.last, end), Math.min(first.base, end), last.base, this.due - 1, this.due];
    return [...new Set(offsets)].filter((offset) => offset >= 0 && offset <= end);
  }

  /** Where in an answer that begins goes on what was copied; null: it does not. */
  private behindKept(answer: Buffer, offset: number): number | null {
    for (const { at } of this.copied) {
      const overlap = Math.min(this.kept.length - at, answer.length);
      if (overlap > 0 && this.kept.compare(answer, 0, overlap, at, at + overlap) === 0) return this.kept.length - at;
    }
    // The next file of the log begins with what is due: no answer shows it together with what lies before.
    if (offset !== this.due || answer.length === 0) return null;
    return this.copied.length === 0 || headerOf(answer)?.baseOffset === offset ? 0 : null;
  }

  private parted(): KafkaError {
    const { topic, partition } = this.source;
    const message = `What was read of ${topic}/${partition} behind offset ${this.due - 1} is not shown any more as it was: what is stored there cannot be looked at.`;
    const evidence = { topic, partition, offset: this.due, expected: 'the batch that was cut off', found: null };
    return new KafkaError('LOG_DIVERGED', message, { evidence });
  }

  private async ask(offset: number, maxBytes: number): Promise<Buffer> {
    const { error, records } = await fetchAt(this.source, offset, maxBytes);
    return error === 0 ? Buffer.from(records) : Buffer.alloc(0);
  }

  private note(at: number, bytes: Buffer, header: BatchHeader | null): void {
    const view = viewOf(bytes);
    this.copied.push({ at, base: offsetOrNone(baseOffsetAt(view, 0)), last: offsetOrNone(lastOffsetAt(view, 0)) });
    if (header === null) return;
    const { baseOffset, lastOffsetDelta, count } = header;
    const holds = count >= 1 && count <= lastOffsetDelta ? count : Math.max(lastOffsetDelta + 1, 0);
    if (baseOffset < this.due) return;
    const end = baseOffset + holds <= this.to ? baseOffset + holds : this.due + holds;
    this.due = Math.min(end, this.to);
  }

  /** Keeps from the batch on that says the furthest offset, where that is not too much. */
  private forget(): void {
    let drop = this.furthest();
    while (drop < this.copied.length - 1 && this.kept.length - (this.copied[drop]?.at ?? 0) > mostKept) drop += 1;
    const begin = this.copied[drop]?.at ?? 0;
    this.kept = this.kept.subarray(begin);
    this.copied = this.copied.slice(drop).map((each) => ({ ...each, at: each.at - begin }));
  }

  /** The index of the first batch of those that say the furthest offset there is. */
  private furthest(): number {
    const reached = this.copied.map(({ base, last }) => Math.min(Math.max(base, last), this.to - 1));
    return reached.indexOf(reached.reduce((high, each) => Math.max(high, each), -1));
  }
}

/** Bytes of the batches that are whole. */
function wholeBytes(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  let at = 0;
  while (bytes.length - at >= batchHeaderLength) {
    const length = batchLengthAt(view, at);
    if (length < batchHeaderLength || at + length > bytes.length) break;
    at += length;
  }
  return at;
}

function offsetOrNone(offset: number): number {
  return Number.isSafeInteger(offset) ? offset : -1;
}

function headerOf(bytes: Uint8Array): BatchHeader | null {
  try {
    const header = readBatchHeader(bytes, 0);
    if (header.magic !== 2 || header.totalLength > bytes.length) return null;
    return crc32c(bytes.subarray(batchField.attributes, header.totalLength)) === header.crc ? header : null;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    return null;
  }
}
