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

  /** The first entry below `size` that was not found, and how many were not; null where all were. */
  missing(size: number): { readonly first: number; readonly count: number } | null {
    const count = size - this.from - this.count;
    if (count <= 0) return null;
    let at = 0;
    while (((this.bits[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0) at += 1;
    return { first: this.from + at, count };
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
