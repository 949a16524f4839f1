/** Keeps what was used last, up to a total weight. */
export class Lru<Value> {
  readonly #most: number;
  readonly #entries = new Map<string, { readonly value: Value; readonly weight: number }>();
  readonly #onDrop: (key: string, value: Value) => void;
  #weight = 0;

  /**
   * @param most total weight of what is kept, in whatever unit `set` is given
   * @param onDrop told what is no longer kept
   */
  constructor(most: number, onDrop: (key: string, value: Value) => void = () => undefined) {
    this.#most = most;
    this.#onDrop = onDrop;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // A map keeps the order of insertion: the oldest is the one used longest ago.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** What weighs more than all that may be kept is not kept. */
  set(key: string, value: Value, weight: number): void {
    this.delete(key);
    if (weight > this.#most) return;
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#most) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    this.#onDrop(key, entry.value);
  }
}
