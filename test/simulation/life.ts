import type { Clock } from '@tallystick/ledger-service/clock';
import type { Clock as KafkaClock } from '@tallystick/kafka/clock';
import type { Scheduler } from './scheduler.ts';

/**
 * One life of a process, from its start to its end: what it waits for comes while it lives, late where it is frozen, and never after it was
 * killed. What it asked for before goes its way all the same.
 */
export class Life {
  readonly name: string;
  /** The clock that it decides by. */
  readonly clock: Clock;
  readonly kafkaClock: KafkaClock;
  readonly #scheduler: Scheduler;
  #alive = true;
  #held: (() => void)[] | null = null;

  /** @param wallClock of its machine, unix milliseconds */
  constructor(name: string, scheduler: Scheduler, wallClock: () => number) {
    this.name = name;
    this.#scheduler = scheduler;
    const monotonic = () => scheduler.now;
    const after = (ms: number, run: () => void) => this.after(ms, run);
    this.kafkaClock = { monotonic, after };
    this.clock = { now: wallClock, monotonic, sleep: (ms, signal) => this.#sleep(ms, signal) };
  }

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#held !== null;
  }

  /** Hands something over that it waits for. */
  deliver(run: () => void): void {
    if (!this.#alive) return;
    if (this.#held === null) run();
    else this.#held.push(run);
  }

  after(ms: number, run: () => void): () => void {
    let wanted = true;
    const cancel = this.#scheduler.after(ms, () =>
      this.deliver(() => {
        if (wanted) run();
      }),
    );
    return () => {
      wanted = false;
      cancel();
    };
  }

  /** SIGKILL. */
  kill(): void {
    this.#alive = false;
    this.#held = null;
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#held ??= [];
  }

  /** SIGCONT. */
  thaw(): void {
    const held = this.#held ?? [];
    this.#held = null;
    // One after the other, each to the end, as an event loop does.
    for (const run of held) this.#scheduler.after(0, () => this.deliver(run));
  }

  async #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        cancel();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
