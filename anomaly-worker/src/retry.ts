import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Logger } from '@tallystick/kafka/logger';
import { SchemasError } from '@tallystick/schemas/errors';
import { WorkerError } from './errors.ts';

/** Whether the same can be tried again: a service is away, or answers that it cannot now. */
export function canPass(error: unknown): boolean {
  if (error instanceof WorkerError || error instanceof KafkaError) return error.retriable;
  // A registry that is away, or a proxy that answers in its place, says nothing about a record.
  return error instanceof SchemasError && (error.code === 'REGISTRY_UNREACHABLE' || error.code === 'REGISTRY_PROTOCOL');
}

export interface RetryOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told what is being waited for, and null once it passed. */
  readonly onTrouble?: (message: string | null) => void;
  /** First and longest pause, milliseconds. Default 200 and 5,000. */
  readonly pauseMs?: number;
  readonly longestMs?: number;
}

/**
 * Does it until it works: what waits for a service waits as long as the service is away, for nothing is lost meanwhile.
 * Errors that cannot pass are thrown, and everything once the signal is aborted.
 */
export async function untilItWorks<T>(what: string, work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { logger, signal, onTrouble, longestMs = 5_000 } = options;
  for (let attempt = 1, pause = options.pauseMs ?? 200; ; attempt++, pause = Math.min(2 * pause, longestMs)) {
    try {
      const result = await work();
      if (attempt > 1) {
        logger.info(`${what}: works again`, { attempts: attempt });
        onTrouble?.(null);
      }
      return result;
    } catch (error) {
      if (signal.aborted || !canPass(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      onTrouble?.(`${what}: ${message}`);
      // Powers of two: a long outage does not fill the disk with one sentence.
      if ((attempt & (attempt - 1)) === 0) logger.warn(`${what} failed, trying again: ${message}`, { attempt });
      await sleep(pause, undefined, { signal });
    }
  }
}
