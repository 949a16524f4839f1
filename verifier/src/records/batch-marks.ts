import { createHash } from 'node:crypto';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';

/** Tells one stored batch from another that claims the same offsets: SHA-256 of all its bytes. A CRC anybody can bend to fit. */
export type BatchMark = string;

/** Tells what is stored in a row: SHA-256 of its first batch, of its first two, four, eight and so on, as far as it was seen. */
export type RowMarks = readonly BatchMark[];

/** Bytes of a row that are looked at: about as many as one answer of a broker holds. */
const mostBytes = 1024 * 1024;

export function markOf({ bytes }: ReadBatch): BatchMark {
  return createHash('sha256').update(bytes).digest('base64');
}

/** Gathers the marks of a row. */
export class MarkedRow {
  readonly marks: BatchMark[] = [];
  private readonly hash = createHash('sha256');
  private batches = 0;
  private bytes = 0;

  add({ bytes }: ReadBatch): void {
    if (this.bytes >= mostBytes) return;
    this.hash.update(bytes);
    this.bytes += bytes.length;
    this.batches += 1;
    if (this.batches === 2 ** this.marks.length) this.marks.push(this.hash.copy().digest('base64'));
  }
}

/** Whether two rows are the same as far as both were seen; one of which nothing was seen is the same as another such one only. */
export function areAlike(one: RowMarks, other: RowMarks): boolean {
  if (one.length === 0 || other.length === 0) return one.length === other.length;
  return one.every((mark, at) => (other[at] ?? mark) === mark);
}

/** Where two readers meet, at an offset: what they have to agree about, for one may have been led to a copy of what lies before. */
export interface Border {
  /** Of the batch that holds the record before. */
  readonly last: BatchMark | null;
  /** Of the batches that begin at the offset or behind it. Whoever ends there reads as far as the first of them, where there is one. */
  readonly behind: RowMarks;
}

export function holds({ header }: ReadBatch, offset: number): boolean {
  return header.baseOffset <= offset && offset <= header.lastOffset;
}

/** What is seen at an offset, by who comes from before. */
export class SeenBorder {
  readonly offset: number;
  private lastMark: BatchMark | null = null;
  private readonly row = new MarkedRow();

  constructor(offset: number) {
    this.offset = offset;
  }

  add(batch: ReadBatch): void {
    if (holds(batch, this.offset - 1)) this.lastMark = markOf(batch);
    if (batch.header.baseOffset >= this.offset) this.row.add(batch);
  }

  /** Whether a batch was seen that lies behind it. */
  get isPassed(): boolean {
    return this.row.marks.length > 0;
  }

  get marks(): Border {
    return { last: this.lastMark, behind: this.row.marks };
  }
}

export function isOneBorder(one: Border, other: Border): boolean {
  return one.last === other.last && areAlike(one.behind, other.behind);
}
