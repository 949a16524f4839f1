import { join } from 'node:path';
import { parseVerifierKey, type VerifierKey } from '@tallystick/core/note';
import type { StackInfo } from '@tallystick/infra/local/stack';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { LogStoresConfig } from '@tallystick/ledger-service/log-stores';
import { defaultTopics, type TopicNames } from '@tallystick/kafka/record-log';
import { type Config, readSecret } from './config.ts';
import { configuredKafka, type HttpService, httpService } from './configured-services.ts';
import { CliError } from './errors.ts';
import type { Installation } from './installation.ts';
import { type KeySource, keySource, logKeySettings, nextLogKeySettings, sealKeySettings } from './key-source.ts';
import { type ListenAddress, parseListen } from './loopback.ts';
import { naming } from './naming.ts';
import { type KafkaRole, kafkaRoles, type LedgerRole, ledgerRoles } from './settings.ts';

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
    if (origin !== undefined) return origin;
    // The root key is named after the log: who was given the one knows the other.
    const { name } = this.rootKey;
    return name.endsWith('/root') ? name.slice(0, -'/root'.length) : missing('origin', "the log's name");
  }

  get rootKey(): VerifierKey {
    const text = this.#config.text('rootKey');
    const file = this.#config.text('rootKeyFile');
    const vkey = text ?? (file === undefined ? this.#installation?.rootVkey : readSecret(file, 'rootKeyFile'));
    if (vkey === undefined)
      throw new CliError(
        'CONFIG_MISSING',
        'the root vkey is not known: give verify or check-proof --root-key VKEY, or set TALLYSTICK_ROOT_KEY, or rootKey in the configuration, or start the local stack with "tallystick up"',
      );
    const setting = text === undefined && file !== undefined ? 'rootKeyFile' : 'rootKey';
    return naming(`${setting} in the configuration`, () => parseVerifierKey(vkey));
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
    if (brokers !== undefined) return configuredKafka(this.#config, [...brokers], role);
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
    return (
      httpService(this.#config, 'registry', this.#stack?.registry?.url) ??
      notRunning('the schema registry', 'registry.url')
    );
  }

  get clickhouse(): (HttpService & { database: string }) | null {
    const service = httpService(this.#config, 'clickhouse', this.#stack?.clickhouse?.url);
    return service && { ...service, database: this.#config.text('clickhouse.database') ?? 'tallystick' };
  }

  get ledger() {
    const config = this.#config;
    const events = config.number('ledger.batchEvents');
    const bytes = config.number('ledger.batchBytes');
    const ageMs = config.number('ledger.batchAgeMs');
    return {
      stateDir: config.text('ledger.stateDir') ?? join(this.home, 'ledger'),
      /** null: all of them. */
      partitions: config.list<number>('ledger.partitions') ?? null,
      takeoverMs: config.number('ledger.takeoverMs') ?? 60_000,
      limits: {
        ...(events === undefined ? {} : { events }),
        ...(bytes === undefined ? {} : { bytes }),
        ...(ageMs === undefined ? {} : { ageMs }),
      },
    };
  }

  get roles(): readonly LedgerRole[] {
    return this.#config.list<LedgerRole>('ledger.roles') ?? ledgerRoles;
  }

  get sealKey(): KeySource {
    const source = keySource(this.#config, sealKeySettings, this.#installation?.sealKeyFile);
    return source ?? missing('ledger.sealKeyFile', 'the seal key');
  }

  /** The notes of the key statements that the log begins with, in their order: files, number 0 first. */
  get keyStatementFiles(): readonly string[] {
    const named = this.#config.text('ledger.keyStatementFile');
    if (named !== undefined) return [named];
    return this.#installation?.keyStatementFiles ?? missing('ledger.keyStatementFile', 'key statement 0');
  }

  /** The keys that sign checkpoints: one, or two while the log key is rotated. */
  get logSigningKeys(): readonly KeySource[] {
    const first = keySource(this.#config, logKeySettings, this.#installation?.logKeyFile ?? undefined);
    const next = keySource(this.#config, nextLogKeySettings);
    return [first ?? missing('log.keyFile', 'the log key'), ...(next === null ? [] : [next])];
  }

  /**
   * The log keys that checkers accept. The installation's, the next one's included while it is rotated in, where none are configured.
   * @throws CliError CONFIG_MISSING, CONFIG_INVALID; CoreError KEY_MALFORMED
   */
  get logKeys(): readonly VerifierKey[] {
    const vkeys = this.#config.list('log.keys') ?? this.#installation?.logVkeys;
    if (vkeys === undefined || vkeys.length === 0) return missing('log.keys', 'the vkey of the log');
    const keys = vkeys.map(parseVerifierKey);
    for (const { name, vkey } of keys) {
      if (name === this.origin) continue;
      throw new CliError('CONFIG_INVALID', `log.keys: ${vkey} is no key of the log ${this.origin}: its name differs`);
    }
    return keys;
  }

  /** Where the log is published and its checkpoints are stored. */
  get logPlace(): LogStoresConfig {
    const config = this.#config;
    const bucket = config.text('log.s3.bucket');
    if (bucket === undefined) {
      if (config.hasGroup('log.s3')) {
        throw new CliError('CONFIG_MISSING', 'log.s3 is configured without a bucket: set log.s3.bucket');
      }
      return {
        dir: config.text('log.dir') ?? join(this.home, 'log'),
        checkpointDir: config.text('log.checkpointDir') ?? join(this.home, 'checkpoints'),
      };
    }
    for (const both of ['log.dir', 'log.checkpointDir']) {
      if (config.has(both))
        throw new CliError('CONFIG_INVALID', `both ${both} and log.s3.bucket are set: keep one of them`);
    }
    const accessKeyId = config.text('log.s3.accessKeyId');
    const secretAccessKey = config.secret('log.s3.secretAccessKey');
    if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
      throw new CliError(
        'CONFIG_MISSING',
        'of log.s3.accessKeyId and log.s3.secretAccessKeyFile one is set: set both, or none',
      );
    }
    return {
      s3: {
        bucket,
        prefix: config.text('log.s3.prefix'),
        region: config.text('log.s3.region'),
        endpoint: config.text('log.s3.endpoint'),
        accessKeyId,
        secretAccessKey,
      },
    };
  }

  /** The public root of the log; null where none is configured. */
  get logUrl(): string | null {
    return this.#config.text('log.url') ?? null;
  }

  /** Where `serve` listens: a loopback address. Port 0 is one that is free. */
  get logListen(): ListenAddress {
    const address = parseListen(this.#config.text('log.listen') ?? '127.0.0.1:0');
    return address ?? missing('log.listen', 'where serve listens');
  }

  /** Where the ledger's own metrics are served; null: nowhere. */
  get metricsListen(): ListenAddress | null {
    const text = this.#config.text('ledger.metricsListen');
    return text === undefined ? null : parseListen(text);
  }

  get publishMs(): number {
    return this.#config.number('log.publishMs') ?? 250;
  }

  /** How old cosignatures of an unchanged checkpoint may get. */
  get recosignMs(): number {
    return this.#config.number('log.recosignMs') ?? 600_000;
  }

  /** How long the published checkpoint may lag before that is an alarm. */
  get quorumLateMs(): number {
    return this.#config.number('log.quorumLateMs') ?? 30_000;
  }

  /** A C2SP tlog-policy; null where none is configured and there is no installation. */
  get policyFile(): string | null {
    return this.#config.text('log.policyFile') ?? this.#installation?.policyFile ?? null;
  }

  /** What verifications keep and heed; null where nothing is configured. */
  get verification() {
    const config = this.#config;
    return {
      anchorFile: config.text('verify.anchorFile') ?? null,
      anchorKeyFile: config.text('verify.anchorKeyFile') ?? null,
      limitsFile: config.text('verify.limitsFile') ?? null,
      stateDir: config.text('verify.stateDir') ?? join(this.home, 'verifier'),
      heartbeatUrl: config.secret('verify.heartbeatUrl') ?? null,
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
