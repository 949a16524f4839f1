import { systemClock } from './clock.ts';
import { closeReporters } from './deliver.ts';
import { ScheduleMetrics } from './metrics.ts';
import { startMetricsServer, type Health, type MetricsServer } from './metrics-server.ts';
import type { RunObserver } from './observer.ts';
import { runSchedule, type ScheduleOptions } from './schedule.ts';

export interface WorkerOptions extends Omit<ScheduleOptions, 'observer' | 'onBeat'> {
  /** Where `/metrics`, `/livez` and `/readyz` are served; without it nowhere. */
  readonly listen?: { readonly host: string; /** 0: one that is free. */ readonly port: number };
  readonly onListening?: (url: string) => void;
}

/** A loop that has not gone round for so long stands still, ms. */
const stillMs = 120_000;

/**
 * A schedule with its metrics: the long-running worker. Resolves when the signal has ended it and reporters and server are closed.
 * @throws what `runSchedule` and `startMetricsServer` throw
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { listen, onListening, clock = systemClock, reporters, ...schedule } = options;
  const metrics = new ScheduleMetrics(() => clock.now());
  let beatAt = clock.now();
  let overdue = false;
  const health = (): Health => ({ live: Math.abs(clock.now() - beatAt) < stillMs, ready: !overdue });
  const observer: RunObserver = observing(metrics, (is) => (overdue = is));
  let server: MetricsServer | null = null;
  try {
    server = listen === undefined ? null : await startMetricsServer({ listen, metrics, health });
    if (server !== null) onListening?.(server.url);
    await runSchedule({ ...schedule, clock, reporters, observer, onBeat: () => (beatAt = clock.now()) });
  } finally {
    await server?.close();
    await closeReporters(reporters, clock);
  }
}

function observing(metrics: ScheduleMetrics, onOverdue: (overdue: boolean) => void): RunObserver {
  return {
    remembered: (record) => metrics.remembered(record),
    begun: (at) => metrics.begun(at),
    progressed: (progress) => metrics.progressed(progress),
    ended: (run) => metrics.ended(run),
    brokenOff: (why) => metrics.brokenOff(why),
    interrupted: (runs) => metrics.interrupted(runs),
    skipped: (why) => metrics.skipped(why),
    reported: (reporter, delivered) => metrics.reported(reporter, delivered),
    next: (at) => metrics.next(at),
    overdue: (is) => {
      metrics.overdue(is);
      onOverdue(is);
    },
  };
}
