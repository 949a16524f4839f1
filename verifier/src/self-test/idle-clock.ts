import type { Clock } from '@tallystick/kafka/clock';

/**
 * A clock on which nobody waits: whatever is due next happens as soon as all else has come to rest, and time leaps there. A log in
 * memory answers at once or never, so a wait for it costs nothing and every deadline still comes.
 */
export class IdleClock implements Clock {
  #now = 0;
  #leaping = false;
  readonly #due = new Map<number, { at: number; run: () => void }>();
  #next = 0;

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const id = this.#next++;
    this.#due.set(id, { at: this.#now + Math.max(ms, 0), run });
    this.#leap();
    return () => this.#due.delete(id);
  }

  #leap(): void {
    if (this.#leaping) return;
    this.#leaping = true;
    // Behind all promises that are settled already.
    setImmediate(() => {
      this.#leaping = false;
      let first: [number, { at: number; run: () => void }] | null = null;
      for (const entry of this.#due) if (first === null || entry[1].at < first[1].at) first = entry;
      if (first === null) return;
      this.#due.delete(first[0]);
      this.#now = Math.max(this.#now, first[1].at);
      first[1].run();
      if (this.#due.size > 0) this.#leap();
    });
  }
}
