import type { ParsedBatch, UnparsedBatch } from '@tallystick/core/batch';
import { Lru } from './lru.ts';

export type JudgedBatch = ParsedBatch | UnparsedBatch;

/** Record batches by the offsets that they hold, up to a number of bytes. */
export class BatchCache {
  readonly #lru: Lru<JudgedBatch>;
  /** Base offsets of what is kept, ascending, by partition. */
  readonly #bases = new Map<string, number[]>();

  /** @param maxBytes of batches, decompressed */
  constructor(maxBytes: number) {
    this.#lru = new Lru(maxBytes, (key) => this.#forget(key));
  }

  get bytes(): number {
    return this.#lru.weight;
  }

  /** @param place names topic (by its id) and partition; holds no "#" */
  get(place: string, offset: number): JudgedBatch | null {
    const bases = this.#bases.get(place);
    if (bases === undefined) return null;
    const base = bases[firstAbove(bases, offset) - 1];
    const batch = base === undefined ? undefined : this.#lru.get(`${place}#${base}`);
    return batch === undefined || batch.header.lastOffset < offset ? null : batch;
  }

  add(place: string, batch: JudgedBatch, bytes: number): void {
    const base = batch.header.baseOffset;
    const key = `${place}#${base}`;
    this.#lru.delete(key);
    const bases = this.#bases.get(place) ?? [];
    bases.splice(firstAbove(bases, base), 0, base);
    this.#bases.set(place, bases);
    this.#lru.set(key, batch, bytes);
    // What was too large to be kept.
    if (this.#lru.get(key) === undefined) this.#forget(key);
  }

  #forget(key: string): void {
    const [place = '', base = ''] = key.split('#');
    const bases = this.#bases.get(place);
    const at = bases?.indexOf(Number(base)) ?? -1;
    if (bases === undefined || at < 0) return;
    bases.splice(at, 1);
    if (bases.length === 0) this.#bases.delete(place);
  }
}

/** Index of the first number above `value`. */
function firstAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
