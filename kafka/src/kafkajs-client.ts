import { Kafka, logLevel, type RetryOptions } from 'kafkajs';
import { silenceRequestQueues } from './kafkajs-internals.ts';
import { shuffled, type ResolvedConfig } from './kafkajs-options.ts';
import type { Sockets } from './sockets.ts';

/** Every seed gets its turn, and the idempotent producer wants one retry at least. */
export function retryOf(config: ResolvedConfig): RetryOptions {
  return { retries: Math.max(2, config.brokers.length), initialRetryTime: 100, maxRetryTime: 1_000 };
}

/**
 * kafkajs' own client, silent, on sockets that we can end.
 * @param seed the broker that is asked first; null: any
 */
export function createKafka(config: ResolvedConfig, sockets: Sockets, seed: string | null = null): Kafka {
  silenceRequestQueues();
  const sasl = config.sasl();
  const ssl = config.ssl();
  return new Kafka({
    brokers: [...new Set([...(seed === null ? [] : [seed]), ...shuffled(config.brokers)])],
    clientId: config.clientId,
    connectionTimeout: config.connectTimeoutMs,
    authenticationTimeout: config.requestTimeoutMs,
    requestTimeout: config.requestTimeoutMs,
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
    socketFactory: sockets.factory,
    retry: retryOf(config),
    ...(sasl === null ? {} : { sasl }),
    ...(ssl === null ? {} : { ssl }),
  });
}
