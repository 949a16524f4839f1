import type { Clock } from '../ports/clock.ts';

/** Lets one waiter sleep until something happens. What happens while nobody waits is not forgotten. */
export class Wake {
  #happened = false;
  #resolve: (() => void) | null = null;

  notify(): void {
    this.#happened = true;
    this.#resolve?.();
  }

  /** Resolves once it was notified, or after `ms`. @throws the signal's reason */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#happened) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const over = new AbortController();
      this.#resolve = resolve;
      const timer = clock.sleep(ms, AbortSignal.any([signal, over.signal])).catch(() => undefined);
      await Promise.race([promise, timer]);
      this.#resolve = null;
      over.abort();
    }
    this.#happened = false;
    signal.throwIfAborted();
  }
}
