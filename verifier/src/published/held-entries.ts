import { createHash } from 'node:crypto';
import { leafHash } from '@tallystick/core/merkle';
import type { Judge } from '@tallystick/core/judge';
import { parseNote } from '@tallystick/core/note';
import { parseStatement, statementHash } from '@tallystick/core/statement';

import { EntryIndex } from './entry-index.ts';

/** Which entries of the log the seals topic holds. */
export class HeldEntries {
  /** Entries below this one were found by an earlier run. */
  private readonly from: number;
  private bits = new Uint8Array(1024);
  private count = 0;
  private found = 0;
  private readonly entries = new EntryIndex();

  constructor(from: number) {
    this.from = from;
  }

  /** An entry of the log that was accepted. */
  expect(entry: Uint8Array, index: number): void {
    this.entries.add(leafHash(entry), index);
  }

  /** Whether the log holds these very bytes; then the topic holds that entry. */
  markSame(value: Uint8Array): boolean {
    const index = this.entries.get(leafHash(value));
    if (index === undefined) return false;
    if (this.set(index - this.from)) this.found += 1;
    return true;
  }

  /** @param value a record that `judge.locate` knew */
  mark(judge: Judge, value: Uint8Array): void {
    const { text } = parseNote(value);
    const statement = parseStatement(text);
    const index =
      statement.kind === 'key'
        ? judge.keys.places[statement.number]?.index
        : indexIn(judge, statement.topic, statement.partition, statementHash(text));
    if (index !== undefined && index >= this.from && this.set(index - this.from)) this.found += 1;
  }

  /** The topic need not hold this entry: it is none that is accepted. */
  excuse(index: number): void {
    this.set(index - this.from);
  }

  /** How many were found. */
  get held(): number {
    return this.found;
  }

  /** The first entry below `size` that was not found, how many were not, and a digest of which; null where all were. */
  missing(size: number): { readonly first: number; readonly count: number; readonly which: string } | null {
    const count = size - this.from - this.count;
    if (count <= 0) return null;
    const [first, which] = this.missed(size - this.from);
    return { first: this.from + first, count, which };
  }

  private missed(to: number): [first: number, which: string] {
    const runs = createHash('sha256');
    let first = -1;
    for (let at = 0, begin = -1; at <= to; at++) {
      const isMissing = at < to && ((this.bits[at >>> 3] ?? 0) & (1 << (at & 7))) === 0;
      if (isMissing && begin < 0) begin = at;
      if (isMissing || begin < 0) continue;
      if (first < 0) first = begin;
      runs.update(`${this.from + begin}-${this.from + at - 1}\n`);
      begin = -1;
    }
    return [Math.max(first, 0), runs.digest('base64')];
  }

  private set(at: number): boolean {
    const byte = Math.floor(at / 8);
    if (byte >= this.bits.length) {
      const grown = new Uint8Array(Math.max(2 * this.bits.length, byte + 1));
      grown.set(this.bits);
      this.bits = grown;
    }
    const bit = 1 << (at % 8);
    const before = this.bits[byte] ?? 0;
    if ((before & bit) !== 0) return false;
    this.bits[byte] = before | bit;
    this.count += 1;
    return true;
  }
}

function indexIn(judge: Judge, topic: string, partition: number, hash: string): number | undefined {
  const place = judge.point(topic, partition, hash)?.place;
  return place?.in === 'log' ? place.index : undefined;
}
