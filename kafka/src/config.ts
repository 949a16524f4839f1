import { KafkaError } from './errors.ts';

/** How to reach a Kafka cluster. */
export interface KafkaConfig {
  /** `host:port` each (IPv6 as `[::1]:9092` is not supported by kafkajs). One is enough; they are tried in random order. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly sasl?: SaslConfig;
  /** Present: TLS. PEM texts (not paths); without `ca` the system's authorities count. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Milliseconds for one TCP and TLS connection. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds for one connection with its login, however long its requests may take. Default 5,000. */
  readonly loginTimeoutMs?: number;
  /** Milliseconds for one request and its answer. Default 15,000. */
  readonly requestTimeoutMs?: number;
}

export interface SaslConfig {
  readonly mechanism: 'scram-sha-512' | 'scram-sha-256' | 'plain';
  readonly username: string;
  readonly password: string;
}

const mechanisms = ['scram-sha-512', 'scram-sha-256', 'plain'];

/**
 * Checks the settings without connecting.
 * @throws KafkaError CONFIG_INVALID, naming the setting; a password is never in the message
 */
export function checkKafkaConfig(config: KafkaConfig): void {
  if (config.brokers.length === 0) throw invalid('brokers', 'is empty: give at least one host:port');
  for (const broker of config.brokers) {
    const port = Number(/^[^\s:/]+:(\d{1,5})$/.exec(broker)?.[1] ?? 0);
    if (port < 1 || port > 65535) throw invalid('brokers', `holds "${broker}", which is not host:port`);
  }
  if (config.sasl !== undefined) {
    if (!mechanisms.includes(config.sasl.mechanism)) {
      throw invalid('sasl.mechanism', `is "${config.sasl.mechanism}": use one of ${mechanisms.join(', ')}`);
    }
    if (config.sasl.username === '') throw invalid('sasl.username', 'is empty');
    if (config.sasl.password === '') throw invalid('sasl.password', 'is empty');
  }
  if ((config.tls?.cert === undefined) !== (config.tls?.key === undefined)) {
    throw invalid('tls', 'has only one of cert and key: a client certificate needs both');
  }
  for (const name of ['connectTimeoutMs', 'loginTimeoutMs', 'requestTimeoutMs'] as const) {
    const value = config[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0 && value <= 0x7fffffff)) {
      throw invalid(name, `is ${value}: it must be a positive number of milliseconds`);
    }
  }
}

function invalid(setting: string, what: string): KafkaError {
  return new KafkaError('CONFIG_INVALID', `Kafka setting ${setting} ${what}.`, { evidence: { setting } });
}

/** Who the broker sees: `User:<name>`, or `User:ANONYMOUS` without SASL (a TLS client certificate may name another). */
export function principalOf(config: KafkaConfig): string {
  return config.sasl === undefined ? 'User:ANONYMOUS' : `User:${config.sasl.username}`;
}
