import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseVerifierKey, type VerifierKey } from '@tallystick/core/note';
import type { StackInfo } from '@tallystick/infra/local/stack';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { defaultTopics, type TopicNames } from '@tallystick/kafka/record-log';
import { type Config, readSecret } from './config.ts';
import { CliError } from './errors.ts';
import type { Installation } from './installation.ts';
import { type KafkaRole, kafkaRoles } from './settings.ts';

/** A service over HTTP with the login for it. */
export interface HttpService {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Where everything is: what the configuration names, and for what it does not name the local stack. Each member is resolved when it
 * is asked for, so that a command fails only over what it needs.
 */
export class Deployment {
  readonly #config: Config;
  readonly #stack: StackInfo | null;
  readonly #installation: Installation | null;
  readonly home: string;

  constructor(parts: { config: Config; stack: StackInfo | null; installation: Installation | null; home: string }) {
    this.#config = parts.config;
    this.#stack = parts.stack;
    this.#installation = parts.installation;
    this.home = parts.home;
  }

  get origin(): string {
    const origin = this.#config.text('origin') ?? this.#installation?.origin;
    return origin ?? missing('origin', "the log's name");
  }

  get rootKey(): VerifierKey {
    const text = this.#config.text('rootKey');
    const file = this.#config.text('rootKeyFile');
    const vkey = text ?? (file === undefined ? this.#installation?.rootVkey : readSecret(file, 'rootKeyFile'));
    return parseVerifierKey(vkey ?? missing('rootKey', 'the root vkey'));
  }

  get topics(): TopicNames {
    return {
      events: this.#config.text('topics.events') ?? defaultTopics.events,
      seals: this.#config.text('topics.seals') ?? defaultTopics.seals,
      leaves: this.#config.text('topics.leaves') ?? defaultTopics.leaves,
    };
  }

  get partitions(): number {
    return this.#config.number('topics.partitions') ?? 4;
  }

  get kafkaIsOurs(): boolean {
    return !this.#config.has('kafka.brokers');
  }

  /** The Kafka users that the configuration names, by role. */
  get usernames(): Partial<Record<KafkaRole, string>> {
    const named = kafkaRoles.flatMap((role) => {
      const username = this.#config.text(`kafka.users.${role}.username`);
      return username === undefined || role === 'admin' ? [] : [[role, username] as const];
    });
    return Object.fromEntries(named);
  }

  kafka(role: KafkaRole): KafkaConfig {
    const brokers = this.#config.list('kafka.brokers');
    if (brokers !== undefined) return this.#configuredKafka([...brokers], role);
    const kafka = this.#stack?.kafka;
    if (!kafka) return notRunning('Kafka', 'kafka.brokers');
    const user = kafka.users[role];
    return {
      brokers: kafka.brokers,
      clientId: `tallystick-${role}`,
      sasl: {
        mechanism: 'scram-sha-512',
        username: user.username,
        password: readSecret(user.passwordFile, `password of ${role}`),
      },
    };
  }

  /** Where the password of a role lies; undefined where it is in no file. */
  passwordFile(role: KafkaRole): string | undefined {
    if (this.kafkaIsOurs) return this.#stack?.kafka?.users[role].passwordFile;
    return this.#config.text(`kafka.users.${role}.passwordFile`) ?? this.#config.text('kafka.passwordFile');
  }

  get registry(): HttpService {
    return this.#http('registry', this.#stack?.registry?.url) ?? notRunning('the schema registry', 'registry.url');
  }

  get clickhouse(): (HttpService & { database: string }) | null {
    const service = this.#http('clickhouse', this.#stack?.clickhouse?.url);
    return service && { ...service, database: this.#config.text('clickhouse.database') ?? 'tallystick' };
  }

  get ledger() {
    const config = this.#config;
    const events = config.number('ledger.batchEvents');
    const bytes = config.number('ledger.batchBytes');
    const ageMs = config.number('ledger.batchAgeMs');
    return {
      sealKeyFile:
        config.text('ledger.sealKeyFile') ??
        this.#installation?.sealKeyFile ??
        missing('ledger.sealKeyFile', 'the seal key'),
      keyStatementFile:
        config.text('ledger.keyStatementFile') ??
        this.#installation?.keyStatementFile ??
        missing('ledger.keyStatementFile', 'key statement 0'),
      stateDir: config.text('ledger.stateDir') ?? join(this.home, 'ledger'),
      limits: {
        ...(events === undefined ? {} : { events }),
        ...(bytes === undefined ? {} : { bytes }),
        ...(ageMs === undefined ? {} : { ageMs }),
      },
    };
  }

  get importKey(): Uint8Array {
    const file = this.#config.text('import.keyFile') ?? this.#installation?.importKeyFile;
    const text = readSecret(
      file ?? missing('import.keyFile', 'the secret from which ids of imported records derive'),
      'import.keyFile',
    );
    return Buffer.from(text, 'utf8');
  }

  #configuredKafka(brokers: string[], role: KafkaRole): KafkaConfig {
    const config = this.#config;
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

  #http(group: 'registry' | 'clickhouse', local: string | undefined): HttpService | null {
    const url = this.#config.text(`${group}.url`) ?? local;
    if (url === undefined) return null;
    const username = this.#config.text(`${group}.username`);
    const password = this.#config.secret(`${group}.password`);
    return { url, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  }
}

function readFile(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', `${setting}: cannot read ${file}`, { cause });
  }
}

function missing(setting: string, what: string): never {
  throw new CliError(
    'CONFIG_MISSING',
    `${what} is not known: set ${setting} in the configuration, or start the local stack with "tallystick up"`,
  );
}

function notRunning(what: string, setting: string): never {
  throw new CliError(
    'NOT_RUNNING',
    `${what} is not running here and the configuration names none: run "tallystick up", or set ${setting}`,
  );
}
