import { equalBytes } from '@tallystick/core/encoding';
import type { Clock } from '../ports/clock.ts';
import type { LogObject, LogStore } from '../ports/log-store.ts';

/** Objects that are written or read at once. */
const objectsAtOnce = 64;
/** A bundle of the longest entries. */
const maxObjectBytes = 256 * 65_537;
/** When the right edge is looked at again after it was written, in milliseconds. */
const looks = [1_000, 10_000, 60_000];

/**
 * Writes the right edge of the log, and looks at it again: a publisher that lost may have written other bytes to the same paths before it
 * knew, or may do so long after, where it was stopped in between.
 */
export class EdgeGuard {
  readonly #store: LogStore;
  readonly #clock: Clock;
  #objects: readonly LogObject[] = [];
  #looked = 0;
  #since = 0;

  constructor(store: LogStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @param before is asked before anything is written, and again before more is: where it rejects, nothing more is */
  async write(objects: readonly LogObject[], before: () => Promise<void>): Promise<void> {
    for (let at = 0; at < objects.length; at += objectsAtOnce) {
      await before();
      await this.#store.writeAll(objects.slice(at, at + objectsAtOnce));
    }
  }

  /** These are the log's now: what stands there instead is replaced. Of earlier ones nothing is kept. */
  async guard(objects: readonly LogObject[]): Promise<void> {
    await this.#mend(objects);
    this.#objects = objects;
    this.#looked = 0;
    this.#since = this.#clock.monotonic();
  }

  /** Somebody else's edge is the newest. */
  forget(): void {
    this.#objects = [];
  }

  /** Looks again where it is time. */
  async look(): Promise<void> {
    const after = looks[this.#looked];
    if (this.#objects.length === 0 || after === undefined) return;
    if (this.#clock.monotonic() < this.#since + after) return;
    await this.#mend(this.#objects);
    this.#looked += 1;
  }

  async #mend(objects: readonly LogObject[]): Promise<void> {
    for (let at = 0; at < objects.length; at += objectsAtOnce) {
      const some = objects.slice(at, at + objectsAtOnce);
      const stored = await Promise.all(some.map(async ({ path }) => await this.#store.read(path, maxObjectBytes)));
      const wrong = some.filter(({ bytes }, i) => !equalBytes(stored[i] ?? new Uint8Array(), bytes));
      if (wrong.length > 0) await this.#store.writeAll(wrong);
    }
  }
}
