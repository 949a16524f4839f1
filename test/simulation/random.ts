/** Numbers that a seed gives: the same seed, the same numbers, on every machine (sfc32 of Chris Doty-Humphrey's PractRand). */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    this.#state.set([0x9e3779b9 ^ seed, 0x243f6a88, 0xb7e15162, Math.floor(seed / 2 ** 32) + 1]);
    for (let i = 0; i < 16; i += 1) this.#next();
  }

  /** From 0 to, not including, 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number from 0 to, not including, `below`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** @param list not empty */
  pick<T>(list: readonly [T, ...T[]]): T;
  pick<T>(list: readonly T[]): T | undefined;
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }

  /** Numbers of their own for one part of the world, so that what one part does never changes what another part meets. */
  fork(): Random {
    return new Random(this.#next() * 2 ** 20 + (this.#next() >>> 12));
  }

  #next(): number {
    const s = this.#state;
    const [a = 0, b = 0, c = 0, counter = 0] = s;
    const result = (a + b + counter) >>> 0;
    s[3] = counter + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }
}
