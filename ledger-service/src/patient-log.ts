import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { Clock } from './ports/clock.ts';
import { retryPause } from './retry.ts';

export interface Patience {
  /** How long a disturbance may last, in milliseconds. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Ends the asking. */
  readonly signal: AbortSignal;
}

/**
 * The same log, whose short questions (topic, bounds) are asked again for as long as a disturbance may last, as readers and writers do by
 * themselves: a leader that moves is no failure of who asks.
 */
export function patientLog(log: RecordLog, patience: Patience): RecordLog {
  return {
    ...(log.principal === undefined ? {} : { principal: log.principal }),
    ...(log.clock === undefined ? {} : { clock: log.clock }),
    describeTopic: async (topic) => await patiently(patience, async () => await log.describeTopic(topic)),
    bounds: async (topic, partition) => await patiently(patience, async () => await log.bounds(topic, partition)),
    fetch: async (request) => await log.fetch(request),
    createAppender: async () => await log.createAppender(),
    close: async () => await log.close(),
  };
}

async function patiently<T>({ deadlineMs, clock, signal }: Patience, ask: () => Promise<T>): Promise<T> {
  const deadline = clock.monotonic() + deadlineMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable || signal.aborted || clock.monotonic() >= deadline)
        throw error;
    }
    await retryPause(attempt, signal, clock);
  }
}
