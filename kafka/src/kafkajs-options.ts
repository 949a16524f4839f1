import type { SASLOptions } from 'kafkajs';
import { type KafkaConfig, checkKafkaConfig, principalOf, type SaslConfig } from './config.ts';

/** The settings with every default filled in, in kafkajs' form. */
export interface ResolvedConfig {
  /** In random order: kafkajs always starts with the first. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly principal: string;
  /** Fresh objects each: kafkajs writes into them. */
  readonly sasl: () => SASLOptions | null;
  readonly ssl: () => { ca?: string; cert?: string; key?: string } | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** For a connection with its login: what asks needs an answer, or the next broker, soon. */
  readonly loginTimeoutMs: number;
}

/** @throws KafkaError CONFIG_INVALID */
export function resolveConfig(config: KafkaConfig): ResolvedConfig {
  checkKafkaConfig(config);
  const { connectTimeoutMs = 5_000, requestTimeoutMs = 15_000, loginTimeoutMs = 5_000 } = config;
  return {
    brokers: shuffled(config.brokers),
    clientId: config.clientId ?? 'tallystick',
    principal: principalOf(config),
    sasl: () => (config.sasl === undefined ? null : saslOptions(config.sasl)),
    ssl: () => (config.tls === undefined ? null : { ...config.tls }),
    connectTimeoutMs,
    requestTimeoutMs,
    loginTimeoutMs: Math.min(loginTimeoutMs, connectTimeoutMs + requestTimeoutMs),
  };
}

export function shuffled<T>(items: readonly T[]): T[] {
  const rest = [...items];
  const result: T[] = [];
  while (rest.length > 0) result.push(...rest.splice(Math.floor(Math.random() * rest.length), 1));
  return result;
}

function saslOptions({ mechanism, username, password }: SaslConfig): SASLOptions {
  // One object literal a mechanism: kafkajs' type is a union over them.
  if (mechanism === 'plain') return { mechanism, username, password };
  if (mechanism === 'scram-sha-256') return { mechanism, username, password };
  return { mechanism, username, password };
}
