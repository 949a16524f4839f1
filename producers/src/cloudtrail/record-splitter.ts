import { isSpace, JsonScanner } from './json-scanner.ts';

/** One record as it stands in the file, or what stands in place of one. Lines, columns and numbers count from 1. */
export interface Piece {
  readonly kind: 'record' | 'broken';
  /** The record's exact bytes; of a broken one, its beginning. */
  readonly bytes: Uint8Array;
  readonly line: number;
  readonly column: number;
  /** Number of the record in the file. */
  readonly number: number;
  /** Why it is broken. */
  readonly reason: string;
}

const newline = 0x0a;
const comma = 0x2c;
const openBrace = 0x7b;
const openList = 0x5b;
const closeList = 0x5d;
const shownBytes = 200;
// EF BB BF: it begins a file, and stands between files that were joined.
const isByteOrderMark = (byte: number): boolean => byte === 0xef || byte === 0xbb || byte === 0xbf;

export interface SplitOptions {
  /** Longest record, bytes. */
  readonly longest: number;
  /** Whether an object that stands behind a broken record is a record of its own, and not a part of the broken one. */
  readonly isRecord: (bytes: Uint8Array) => boolean;
}

/**
 * Splits a stream into its records: NDJSON, `{"Records": […]}`, a JSON list, any of them one after the other, in any layout.
 * Holds one record at a time. A broken record is reported, and the next one is looked for behind its beginning.
 */
export async function* splitRecords(source: AsyncIterable<Uint8Array>, options: SplitOptions): AsyncGenerator<Piece> {
  const window = new Window(source);
  let number = 0;
  // The object around a list of records, to be read to its end afterwards; 'list' for a bare list.
  let around: JsonScanner | 'list' | null = null;

  const piece = (kind: Piece['kind'], end: number, reason = ''): Piece => {
    number += 1;
    const bytes = window.bytes.subarray(window.at, kind === 'broken' ? Math.min(end, window.at + shownBytes) : end);
    return { kind, bytes: Uint8Array.from(bytes), ...window.place(), number, reason };
  };

  for (;;) {
    const first = await window.skip(
      (byte) => isSpace(byte) || (around === null ? isByteOrderMark(byte) : byte === comma),
    );
    if (first === null) {
      if (around !== null) yield piece('broken', window.at, 'the file ends inside a list of records');
      return;
    }
    if (around !== null && first === closeList) {
      window.advance(window.at + 1);
      if (around !== 'list') {
        around.afterRecords();
        const outcome = await scanOn(window, around, Infinity);
        if (outcome.status === 'records') {
          window.advance(outcome.at);
          continue;
        }
        if (outcome.status !== 'done')
          yield piece('broken', outcome.at, 'what follows the list of records is not JSON');
        window.advance(outcome.at);
      }
      around = null;
      continue;
    }
    if (around === null && first === openList && (await window.listBegins())) {
      around = 'list';
      window.advance(window.at + 1);
      continue;
    }
    const scanner = new JsonScanner(around === null);
    const isText = around === null && first !== openBrace;
    const outcome: Outcome = isText
      ? { status: 'error', at: window.at }
      : await scanOn(window, scanner, options.longest);
    if (outcome.status === 'done') {
      if (outcome.at - window.at > options.longest) yield piece('broken', outcome.at, tooLong(options.longest));
      else yield piece('record', outcome.at);
      window.advance(outcome.at);
      continue;
    }
    if (outcome.status === 'records') {
      window.advance(outcome.at);
      around = scanner;
      continue;
    }
    if (outcome.status === 'too-long') {
      yield piece('broken', outcome.at, tooLong(options.longest));
      window.advance(outcome.at);
      // Read to its end, holding nothing.
      const rest = await scanOn(window, scanner, Infinity);
      if (rest.status === 'records') around = scanner;
      if (rest.status === 'error' && (await seekRecord(window, around !== null, options))) around = null;
      continue;
    }
    const reason =
      outcome.status === 'end'
        ? 'the file ends inside the record'
        : `not JSON from byte ${String(outcome.at - window.at + 1)} of the record on`;
    yield piece('broken', isText ? window.bytes.length : outcome.at, reason);
    if (await seekRecord(window, around !== null, options)) around = null;
  }
}

const tooLong = (longest: number): string => `the record has more than ${String(longest)} bytes`;

type Outcome = { status: 'done' | 'error' | 'records' | 'too-long' | 'end'; at: number };

/** Runs a scanner from the window's place, reading as much as it takes. Where any length will do, the bytes are let go. */
async function scanOn(window: Window, scanner: JsonScanner, longest: number): Promise<Outcome> {
  const drop = longest === Infinity;
  let from = window.at;
  for (;;) {
    const { status, at } = scanner.scan(window.bytes, from);
    if (status !== 'open') {
      if (drop) window.advance(at);
      return { status, at };
    }
    from = at;
    if (drop) window.advance(at);
    else if (at - window.at > longest) return { status: 'too-long', at };
    const held = window.at;
    if (!(await window.more())) return { status: 'end', at: window.bytes.length };
    from -= held - window.at;
  }
}

/**
 * Moves to the next thing behind the place that is a record of its own: an object or list at the beginning of a line, one that
 * holds "Records", or one after a comma or a line's end that looks like a record.
 * @returns whether a new document begins there, so that a list that was being read is over
 */
async function seekRecord(window: Window, inList: boolean, options: SplitOptions): Promise<boolean> {
  // What looking takes is bounded: hostile text could make every brace cost a whole record's length.
  let work = 0;
  window.advance(Math.min(window.at + 1, window.bytes.length));
  for (;;) {
    const first = await window.skip((byte) => byte !== openBrace && byte !== openList);
    if (first === null) return true;
    const { column } = window.place();
    if (first === openList) {
      if (column === 1 && (await window.listBegins())) return true;
      window.advance(window.at + 1);
      continue;
    }
    const fresh = window.before === comma || window.before === newline;
    if (column === 1 || (work < 16 * options.longest && (fresh || (await window.startsWith('{"Records"'))))) {
      const outcome = await scanOn(window, new JsonScanner(true), options.longest);
      work += outcome.at - window.at;
      if (outcome.status === 'records') return true;
      if (
        outcome.status === 'done' &&
        ((column === 1 && !inList) || options.isRecord(window.bytes.subarray(window.at, outcome.at)))
      )
        return false;
    }
    window.advance(window.at + 1);
  }
}

/** The part of a stream that is being looked at, and the place in the file of its beginning. */
class Window {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the reader stands in `bytes`. */
  at = 0;
  /** The last byte before the place that is no space, or newline where only spaces stand before it in its line. */
  before = newline;
  readonly #source: AsyncIterator<Uint8Array>;
  #line = 1;
  #column = 1;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  place(): { line: number; column: number } {
    return { line: this.#line, column: this.#column };
  }

  advance(to: number): void {
    for (let at = this.at; at < to; at++) {
      const byte = this.bytes[at] ?? 0;
      if (byte === newline) {
        this.#line += 1;
        this.#column = 1;
        this.before = newline;
      } else {
        this.#column += 1;
      }
      if (!isSpace(byte) && !isByteOrderMark(byte)) this.before = byte;
    }
    this.at = to;
  }

  /** Reads on: what lies before the place is let go, so positions move down by `at`. @returns false at the end */
  async more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    const rest = this.bytes.subarray(this.at);
    this.bytes = rest.length === 0 ? next.value : Buffer.concat([rest, next.value]);
    this.at = 0;
    return true;
  }

  /** Goes over bytes that match. @returns the byte at the place then, null at the end */
  async skip(match: (byte: number) => boolean): Promise<number | null> {
    for (;;) {
      let to = this.at;
      while (to < this.bytes.length && match(this.bytes[to] ?? 0)) to++;
      this.advance(to);
      const byte = this.bytes[to];
      if (byte !== undefined) return byte;
      if (!(await this.more())) return null;
    }
  }

  /** Whether the bracket at the place begins a list of objects. A line of a log can begin with a bracket too. */
  async listBegins(): Promise<boolean> {
    for (let to = 1; ; to++) {
      while (this.at + to >= this.bytes.length) if (!(await this.more())) return false;
      const byte = this.bytes[this.at + to] ?? 0;
      if (!isSpace(byte)) return byte === openBrace || byte === closeList;
    }
  }

  async startsWith(text: string): Promise<boolean> {
    while (this.bytes.length - this.at < text.length) if (!(await this.more())) return false;
    return Buffer.from(this.bytes.subarray(this.at, this.at + text.length)).toString('latin1') === text;
  }
}
