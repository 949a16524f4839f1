import type { NeededEnd } from './judge-types.ts';
import type { Base64Hash } from './statement-types.ts';

// What a judge remembers of what it has read, each kind up to a limit, so that its memory does not grow with the log.

/** A map that forgets the oldest of more than `most` entries. */
export class NewestMap<Value> {
  readonly #values = new Map<string, Value>();
  /** The keys in a ring, the oldest at `#at` once it is full. (A Map's own first key is slow to find behind many deleted ones.) */
  readonly #ring: string[] = [];
  readonly #most: number;
  #at = 0;

  constructor(most: number) {
    this.#most = Math.max(1, most);
  }

  /** Adds under a key that was never added before. */
  add(key: string, value: Value): void {
    this.#values.set(key, value);
    if (this.#ring.length < this.#most) {
      this.#ring.push(key);
      return;
    }
    const oldest = this.#ring[this.#at];
    if (oldest !== undefined) this.#values.delete(oldest);
    this.#ring[this.#at] = key;
    this.#at = (this.#at + 1) % this.#most;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** What was added first of what is still here. */
  get oldest(): Value | undefined {
    const key = this.#ring[this.#at % Math.max(1, this.#ring.length)];
    return key === undefined ? undefined : this.#values.get(key);
  }
}

/** The hashes added last: of each chain the one that its next statement follows is among them. */
export class NewestHashes {
  readonly #hashes: NewestMap<true>;

  constructor(most: number) {
    this.#hashes = new NewestMap(most);
  }

  add(hash: Base64Hash): void {
    if (!this.has(hash)) this.#hashes.add(hash, true);
  }

  has(hash: Base64Hash): boolean {
    return this.#hashes.get(hash) === true;
  }
}

interface Ends {
  indices: number[];
  offsets: number[];
  /** Ends up to this index may have been forgotten. */
  forgotten: number;
}

/** Where the seals of each generation end: what a prune may name. Two numbers a seal, `most` seals of a generation. */
export class SealEnds {
  readonly #generations = new Map<number, Ends>();
  readonly #most: number;
  /** Of generations below this one nothing is known. */
  #from = 0;
  #answer: { readonly end: NeededEnd; readonly found: boolean } | null = null;

  constructor(most: number) {
    this.#most = most;
  }

  /** Nothing is known of earlier generations, nor of seals of this one up to an index. */
  forgetUpTo(generation: number, index: number): void {
    this.#from = generation;
    this.#generations.set(generation, { indices: [], offsets: [], forgotten: index });
  }

  add(generation: number, index: number, offset: number): void {
    let ends = this.#generations.get(generation);
    if (ends === undefined) this.#generations.set(generation, (ends = { indices: [], offsets: [], forgotten: -1 }));
    ends.indices.push(index);
    ends.offsets.push(offset);
    // Half of them at a time, so that dropping costs nothing on average.
    if (ends.indices.length < 2 * this.#most) return;
    const drop = ends.indices.length - this.#most;
    ends.forgotten = ends.indices[drop - 1] ?? ends.forgotten;
    ends.indices = ends.indices.slice(drop);
    ends.offsets = ends.offsets.slice(drop);
  }

  /** What was found in the log of one end that is not remembered. The last answer is kept. */
  answer(end: NeededEnd, found: boolean): void {
    this.#answer = { end, found };
  }

  /** Did an accepted seal of the generation end with this event at this offset? null: it is too long ago. */
  has(generation: number, index: number, offset: number): boolean | null {
    const ends = this.#generations.get(generation);
    if (ends === undefined ? generation < this.#from : index <= ends.forgotten) {
      const { end, found } = this.#answer ?? {};
      return end?.generation === generation && end.index === index && end.offset === offset ? (found ?? null) : null;
    }
    if (ends === undefined) return false;
    let from = 0;
    let to = ends.indices.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((ends.indices[middle] ?? 0) < index) from = middle + 1;
      else to = middle;
    }
    return ends.indices[from] === index && ends.offsets[from] === offset;
  }
}
