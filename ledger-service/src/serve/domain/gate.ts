/** Lets a bounded number of tasks run at once and a bounded number wait. */
export class Gate {
  readonly #atOnce: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(atOnce: number, mostWaiting: number) {
    this.#atOnce = atOnce;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * Runs it when there is room.
   * @returns null where too many wait already; nothing was run then
   */
  run<Result>(task: () => Promise<Result>): Promise<Result> | null {
    if (this.#running >= this.#atOnce && this.#waiting.length >= this.#mostWaiting) return null;
    return this.#run(task);
  }

  async #run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#running < this.#atOnce) this.#running += 1;
    // Who leaves hands its place on.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
