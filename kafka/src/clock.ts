/** Time for waits and deadlines: all that readers and writers know of it. A simulated cluster brings its own. */
export interface Clock {
  /** Milliseconds that only grow, from any start. */
  monotonic(): number;
  /**
   * Calls `run` once after `ms` milliseconds.
   * @returns takes it back, where it was not called yet
   */
  after(ms: number, run: () => void): () => void;
}

/** The machine's own. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), 0x7fffffff));
    return () => clearTimeout(timer);
  },
};
