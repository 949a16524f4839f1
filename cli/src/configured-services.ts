import { readFileSync } from 'node:fs';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { Config } from './config.ts';
import { CliError } from './errors.ts';
import type { KafkaRole } from './settings.ts';

/** A service over HTTP with the login for it. */
export interface HttpService {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

/** The connection of a role to a cluster that the configuration names. @throws CliError CONFIG_MISSING, CONFIG_INVALID, SECRET_FILE */
export function configuredKafka(config: Config, brokers: string[], role: KafkaRole): KafkaConfig {
  const own = `kafka.users.${role}`;
  const username = config.text(`${own}.username`) ?? config.text('kafka.username');
  const password = config.has(`${own}.username`) ? config.secret(`${own}.password`) : config.secret('kafka.password');
  const mechanism = config.text('kafka.saslMechanism') ?? 'scram-sha-512';
  const pem = (path: string) => {
    const file = config.text(path);
    return file === undefined ? undefined : readFile(file, path);
  };
  const ca = pem('kafka.tlsCaFile');
  const cert = pem('kafka.tlsCertFile');
  const key = pem('kafka.tlsKeyFile');
  const tls = config.flag('kafka.tls') === true || ca !== undefined || cert !== undefined;
  if (username !== undefined && password === undefined) {
    throw new CliError(
      'CONFIG_MISSING',
      `a Kafka user is set for the role ${role}, but no password: set ${own}.passwordFile`,
    );
  }
  return {
    brokers,
    clientId: `tallystick-${role}`,
    ...(username === undefined || password === undefined
      ? {}
      : { sasl: { mechanism: mechanism as 'scram-sha-512' | 'scram-sha-256' | 'plain', username, password } }),
    ...(tls ? { tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } } : {}),
  };
}

/** What the configuration names, else the local stack's; null without either. @throws CliError SECRET_FILE */
export function httpService(
  config: Config,
  group: 'registry' | 'clickhouse',
  local: string | undefined,
): HttpService | null {
  const url = config.text(`${group}.url`) ?? local;
  if (url === undefined) return null;
  const username = config.text(`${group}.username`);
  const password = config.secret(`${group}.password`);
  return { url, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

function readFile(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', `${setting}: cannot read ${file}`, { cause });
  }
}
