/** A signal that comes so much later than the first one ends the process as it would without us, ms. Longer than any command takes to stop. */
const patienceMs = 30_000;

let stop: AbortSignal | undefined;

/**
 * Aborted by SIGINT or SIGTERM. The listeners stay for the whole life of the process: between one that is taken off and the next a signal would
 * end it half-way, and Ctrl-C reaches it twice where another process passes it on (npm, a shell).
 */
export function stopSignal(): AbortSignal {
  if (stop !== undefined) return stop;
  const told = new AbortController();
  let at = 0;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    const listener = () => {
      if (!told.signal.aborted) {
        at = performance.now();
        told.abort();
      } else if (performance.now() - at > patienceMs) {
        process.off(name, listener);
        process.kill(process.pid, name);
      }
    };
    process.on(name, listener);
  }
  stop = told.signal;
  return stop;
}
