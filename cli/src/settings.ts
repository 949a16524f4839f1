import { z } from 'zod';
import { listenAddress } from './loopback.ts';

const text = z.string().min(1);
const port = z.string().regex(/^[^\s:]+:\d{1,5}$/, 'must be host:port');
const url = z.url({ protocol: /^https?$/ });
const topic = z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be a Kafka topic name');
const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/** The roles of a ledger process: all in one by default, apart in production. */
export const ledgerRoles = ['seal', 'publish', 'serve'] as const;
export type LedgerRole = (typeof ledgerRoles)[number];

/** The roles that have a Kafka principal of their own. */
export const kafkaRoles = ['admin', 'producer', 'ledger', 'verifier', 'worker', 'reporter'] as const;
export type KafkaRole = (typeof kafkaRoles)[number];

export interface Setting {
  readonly schema: z.ZodType;
  readonly what: string;
  /** A secret is masked wherever the configuration is printed, and cannot be given as a flag. */
  readonly secret?: true;
  /** In an environment variable the items are separated by commas. */
  readonly list?: true;
}

const perRole = Object.fromEntries(
  kafkaRoles.flatMap((role): [string, Setting][] => [
    [`kafka.users.${role}.username`, { schema: text, what: `Kafka user for the role ${role}` }],
    [`kafka.users.${role}.password`, { schema: text, secret: true, what: `its password` }],
    [`kafka.users.${role}.passwordFile`, { schema: text, what: `a file that holds its password` }],
  ]),
);

/** Where one of the ledger's keys is: in a file, or behind a signer over HTTP (docs/signer.md). */
function keyPlace(prefix: string, file: string, of: string): Record<string, Setting> {
  const named = (end: string) => `${prefix}${prefix.endsWith('.') ? end : end.charAt(0).toUpperCase() + end.slice(1)}`;
  const keyFile = named(file);
  const base = keyFile.slice(0, -'File'.length);
  return {
    [keyFile]: { schema: text, what: `file of ${of}, mode 0600` },
    [`${base}Passphrase`]: { schema: text, secret: true, what: `passphrase of that file, where it is encrypted` },
    [`${base}PassphraseFile`]: { schema: text, what: `a file that holds that passphrase` },
    [named('signerUrl')]: { schema: url, what: `a signer over HTTP that holds ${of}, in place of a file` },
    [named('signerKey')]: { schema: text, what: `the vkey of that signer: its signatures are checked against it` },
    [named('signerToken')]: { schema: text, secret: true, what: `bearer token for that signer` },
    [named('signerTokenFile')]: { schema: text, what: `a file that holds that token` },
  };
}

/** Every setting there is, by its path in the file. Its variable is TALLYSTICK_ and the path in capitals, see `variableOf`. */
export const settings: Readonly<Record<string, Setting>> = {
  origin: {
    schema: z.string().regex(/^[\x21-\x2a\x2c-\x7e]{1,250}$/, 'must be 1 to 250 visible ASCII characters without "+"'),
    what: "the log's name",
  },
  rootKey: { schema: text, what: 'the root vkey that everything is checked against' },
  rootKeyFile: { schema: text, what: 'a file that holds the root vkey' },
  'kafka.brokers': { schema: z.array(port).min(1), list: true, what: 'host:port of some brokers' },
  'kafka.saslMechanism': {
    schema: z.enum(['scram-sha-512', 'scram-sha-256', 'plain']),
    what: 'how to log in (default scram-sha-512 where a user is given)',
  },
  'kafka.username': { schema: text, what: 'Kafka user for every role that has none of its own' },
  'kafka.password': { schema: text, secret: true, what: 'its password' },
  'kafka.passwordFile': { schema: text, what: 'a file that holds its password' },
  ...perRole,
  'kafka.tls': { schema: z.stringbool().or(z.boolean()), what: 'connect with TLS (implied by kafka.tlsCaFile)' },
  'kafka.tlsCaFile': { schema: text, what: "PEM file of the broker's certificate authority" },
  'kafka.tlsCertFile': { schema: text, what: 'PEM file of the client certificate' },
  'kafka.tlsKeyFile': { schema: text, what: 'PEM file of its key' },
  'kafka.replicationFactor': { schema: whole(1, 9), what: 'copies of each partition of a topic that `up` makes' },
  'kafka.manage': {
    schema: z.stringbool().or(z.boolean()),
    what: 'whether `up` makes topics and ACLs on a cluster that is not its own (default: only checks them)',
  },
  'topics.events': { schema: topic, what: 'topic of the audit events' },
  'topics.seals': { schema: topic, what: 'topic of the statements, one partition' },
  'topics.leaves': { schema: topic, what: 'topic of the leaves' },
  'topics.partitions': { schema: whole(1, 1024), what: 'partitions of events and leaves when `up` makes them' },
  'registry.url': { schema: url, what: 'Confluent-compatible schema registry' },
  'registry.username': { schema: text, what: 'its user' },
  'registry.password': { schema: text, secret: true, what: 'the password' },
  'registry.passwordFile': { schema: text, what: 'a file that holds it' },
  'clickhouse.url': { schema: url, what: 'ClickHouse over HTTP or HTTPS' },
  'clickhouse.database': { schema: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/), what: 'its database' },
  'clickhouse.username': { schema: text, what: 'its user' },
  'clickhouse.password': { schema: text, secret: true, what: 'the password' },
  'clickhouse.passwordFile': { schema: text, what: 'a file that holds it' },
  ...keyPlace('ledger.', 'sealKeyFile', 'the seal key of this ledger'),
  'ledger.keyStatementFile': { schema: text, what: 'key statement 0, signed by the root key' },
  'ledger.stateDir': { schema: text, what: 'folder for what the ledger remembers' },
  'ledger.batchEvents': { schema: whole(1, 16_384), what: 'a batch is closed at so many events' },
  'ledger.batchBytes': { schema: whole(1024, 1024 ** 3), what: 'or at so many bytes' },
  'ledger.batchAgeMs': { schema: whole(1, 3_600_000), what: 'or so many ms after its first event' },
  'ledger.partitions': {
    schema: z.array(whole(0, 1_000_000)).min(1),
    list: true,
    what: 'partitions that this ledger seals first (default: all)',
  },
  'ledger.takeoverMs': {
    schema: whole(1000, 86_400_000),
    what: "it also seals another's partition whose seals are so many ms behind",
  },
  'ledger.roles': {
    schema: z.array(z.enum(ledgerRoles)).min(1),
    list: true,
    what: 'what `tallystick ledger` does: seal, publish, serve (default: all)',
  },
  'ledger.metricsListen': {
    schema: listenAddress,
    what: 'host:port on which the ledger answers /metrics, /livez and /readyz: a loopback address (default: nowhere)',
  },
  'log.dir': { schema: text, what: 'folder in which the log is published (default: log beside the keys)' },
  'log.checkpointDir': { schema: text, what: 'folder of the checkpoint store, shared by all publishers' },
  'log.s3.endpoint': { schema: url, what: 'an S3-compatible service other than that of AWS' },
  'log.s3.region': { schema: text, what: 'its region (default us-east-1)' },
  'log.s3.bucket': { schema: text, what: 'the bucket in which the log is published, in place of the folders' },
  'log.s3.prefix': {
    schema: z.string().regex(/^([^/]+\/)*$/, 'must be empty or end with "/"'),
    what: 'what the names of its objects begin with, such as "log/"',
  },
  'log.s3.accessKeyId': { schema: text, what: 'access key (default: as the AWS SDK finds one)' },
  'log.s3.secretAccessKey': { schema: text, secret: true, what: 'its secret' },
  'log.s3.secretAccessKeyFile': { schema: text, what: 'a file that holds it' },
  'log.url': { schema: url, what: 'where others read the log: the root of /checkpoint and /tile' },
  'log.listen': { schema: listenAddress, what: 'host:port on which `serve` answers: a loopback address' },
  ...keyPlace('log.', 'keyFile', 'the log key'),
  ...keyPlace('log.next', 'keyFile', 'the log key that comes next: both sign while the log key is rotated'),
  'log.keys': {
    schema: z.array(text).min(1),
    list: true,
    what: "vkeys of the log that checkers accept (default: the installation's)",
  },
  'log.policyFile': { schema: text, what: 'C2SP tlog-policy: which witnesses are asked, and which quorum is enough' },
  'log.publishMs': { schema: whole(1, 3_600_000), what: 'ms between two checkpoints where there is something new' },
  'log.recosignMs': {
    schema: whole(1_000, 86_400_000),
    what: 'ms after which witnesses are asked to cosign an unchanged checkpoint again (default 600000)',
  },
  'log.quorumLateMs': {
    schema: whole(1_000, 86_400_000),
    what: "ms by which the published checkpoint may lag for the witnesses' quorum before it is an alarm (default 30000)",
  },
  'verify.anchorFile': { schema: text, what: 'what earlier verifications accepted (default: none is kept)' },
  'verify.anchorKeyFile': {
    schema: text,
    what: 'key of its code, mode 0600 (default: the same name with .key, made at first use)',
  },
  'verify.limitsFile': {
    schema: text,
    what: 'JSON: findings that are acknowledged, and limits (docs/verification.md)',
  },
  'verify.stateDir': { schema: text, what: 'folder of the lock and of what a schedule remembers' },
  'verify.heartbeatUrl': {
    schema: url,
    secret: true,
    what: 'asked after each scheduled verification that ended with a verdict, so that its absence is noticed elsewhere',
  },
  'verify.heartbeatUrlFile': { schema: text, what: 'a file that holds that URL' },
  'keys.passphrase': {
    schema: text,
    secret: true,
    what: 'passphrase of the key files that `keys make` and `keys rotate` write and `sign` reads',
  },
  'keys.passphraseFile': { schema: text, what: 'a file that holds it' },
  'import.keyFile': { schema: text, what: 'secret from which the ids of imported records derive, mode 0600' },
};

/** `kafka.users.ledger.passwordFile` → `TALLYSTICK_KAFKA_USERS_LEDGER_PASSWORD_FILE` */
export function variableOf(path: string): string {
  return `TALLYSTICK_${path
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/** Variables that say where things lie, not what they are set to. */
export const placeVariables = ['TALLYSTICK_CONFIG', 'TALLYSTICK_HOME', 'TALLYSTICK_TEST_STACK'];
