import { z } from 'zod';

const text = z.string().min(1);
const port = z.string().regex(/^[^\s:]+:\d{1,5}$/, 'must be host:port');
const url = z.url({ protocol: /^https?$/ });
const topic = z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be a Kafka topic name');
const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/** The roles that have a Kafka principal of their own. */
export const kafkaRoles = ['admin', 'producer', 'ledger', 'verifier', 'worker'] as const;
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
  'ledger.sealKeyFile': { schema: text, what: 'signer key of this ledger, mode 0600' },
  'ledger.keyStatementFile': { schema: text, what: 'key statement 0, signed by the root key' },
  'ledger.stateDir': { schema: text, what: 'folder for what the ledger remembers' },
  'ledger.batchEvents': { schema: whole(1, 16_384), what: 'a batch is closed at so many events' },
  'ledger.batchBytes': { schema: whole(1024, 1024 ** 3), what: 'or at so many bytes' },
  'ledger.batchAgeMs': { schema: whole(1, 3_600_000), what: 'or so many ms after its first event' },
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
