/**
 * Tells when another ledger's partition is to be taken over: some of its records were seen and are still not sealed after `takeoverMs`.
 * It judges by its own monotonic clock alone, from what it saw itself, so that no clock of another machine and no pause of its own makes
 * it hasty: a record counts from the look at which it was there.
 */
export class LagWatch {
  readonly #takeoverMs: number;
  /** The exclusive end of the partition at a look, and when that was: what lay below it is to be sealed in time. */
  #mark: { readonly end: number; readonly at: number } | null = null;

  constructor(takeoverMs: number) {
    this.#takeoverMs = takeoverMs;
  }

  /**
   * One look at the partition.
   * @param nextOffset the first offset that is not sealed; null before the partition has a genesis, which counts as a lag of its own
   * @param end the high watermark
   * @param now milliseconds of a monotonic clock
   * @returns whether its seals lag
   */
  look(nextOffset: number | null, end: number, now: number): boolean {
    const done = nextOffset ?? -1;
    if (this.#mark !== null && done >= this.#mark.end) this.#mark = null;
    if (done >= end) return false;
    this.#mark ??= { end: nextOffset === null ? 0 : end, at: now };
    return now - this.#mark.at >= this.#takeoverMs;
  }
}
