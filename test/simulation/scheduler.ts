import { setImmediate } from 'node:timers/promises';
import type { Random } from './random.ts';

interface Entry {
  readonly time: number;
  readonly tie: number;
  readonly order: number;
  run: (() => void) | null;
}

/**
 * Virtual time. Whatever waits for the outside world is an entry here, and entries run one at a time: between two of them everything that
 * can go on without the outside world does so. Entries of the same moment run in the order that the seed gives.
 */
export class Scheduler {
  /** Virtual milliseconds. */
  now = 0;
  /** Entries that ran. */
  steps = 0;
  readonly #random: Random;
  readonly #heap: Entry[] = [];
  #order = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** @returns takes it back */
  after(ms: number, run: () => void): () => void {
    this.#order += 1;
    const entry: Entry = {
      time: this.now + Math.max(0, ms),
      tie: this.#random.fraction(),
      order: this.#order,
      run,
    };
    push(this.#heap, entry);
    return () => {
      entry.run = null;
    };
  }

  /** Runs until that moment, or until the condition holds (looked at after each entry). */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    // What was begun outside runs up to its first wait.
    await setImmediate();
    while (!done()) {
      const first = this.#heap[0];
      if (first === undefined || first.time > until) {
        this.now = until;
        return;
      }
      pop(this.#heap);
      if (first.run === null) continue;
      this.now = first.time;
      this.steps += 1;
      first.run();
      // Every microtask runs before this comes back: until a world is judged nothing waits for a real timer, file or thread.
      await setImmediate();
    }
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.tie === b.tie ? a.order < b.order : a.tie < b.tie;
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  for (let parent = (at - 1) >> 1; at > 0; at = parent, parent = (at - 1) >> 1) {
    const above = heap[parent];
    if (above === undefined || !before(entry, above)) break;
    heap[at] = above;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const [left, right] = [heap[child], heap[child + 1]];
    if (left === undefined) break;
    let least = left;
    if (right !== undefined && before(right, left)) {
      least = right;
      child += 1;
    }
    if (!before(least, last)) break;
    heap[at] = least;
    at = child;
  }
  heap[at] = last;
}
