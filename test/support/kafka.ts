import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { aclSpecs, topicSpecs } from '@tallystick/infra/local/kafka-data';
import type { TopicNames } from '@tallystick/infra/local/kafka-data';
import type { Role } from '@tallystick/infra/local/roles';
import type { StackInfo } from '@tallystick/infra/local/stack';
import { applyAcls, applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';

/** How this role connects to the stack's Kafka. Throws when the stack has none. */
export function kafkaConfigFor(stack: StackInfo, role: Role): KafkaConfig {
  if (stack.kafka === null) throw new Error(`no Kafka runs in ${stack.home}`);
  const { username, passwordFile } = stack.kafka.users[role];
  return {
    brokers: stack.kafka.brokers,
    clientId: `test-${role}`,
    sasl: { mechanism: 'scram-sha-512', username, password: readFileSync(passwordFile, 'utf8').trim() },
    // A slow machine's broker is as silent as one that is gone.
    ...{ connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 },
  };
}

/** A name that no other test of this run, or of one beside it, has: `base-` and 12 hexadecimal digits. */
export function uniqueName(base: string): string {
  return `${base}-${randomBytes(6).toString('hex')}`;
}

/** Unique names for the topics of one ledger. */
export function uniqueTopicNames(base = 'test'): TopicNames {
  const prefix = uniqueName(base);
  return { events: `${prefix}.events`, seals: `${prefix}.seals`, leaves: `${prefix}.leaves` };
}

/**
 * Makes the topics of one ledger as the product does, with the rights of the roles on them (all roles unless `only` is given;
 * none when it is empty). Returns the names.
 */
export async function makeTopics(
  stack: StackInfo,
  options: {
    names?: TopicNames;
    partitions?: number;
    only?: readonly Role[];
    config?: Readonly<Record<string, string>>;
  } = {},
): Promise<TopicNames> {
  const names = options.names ?? uniqueTopicNames();
  const admin = kafkaConfigFor(stack, 'admin');
  const specs = topicSpecs(names, options.partitions === undefined ? {} : { partitions: options.partitions });
  await applyTopics(
    admin,
    specs.map((spec) => ({ ...spec, config: { ...spec.config, ...options.config } })),
  );
  const rights = aclSpecs(names, options.only === undefined ? {} : { only: options.only });
  if (rights.length > 0) await applyAcls(admin, rights);
  return names;
}

/** The registry's root URL; throws when the stack has none. */
export function registryOf(stack: StackInfo): string {
  if (stack.registry === null) throw new Error(`no registry runs in ${stack.home}`);
  return stack.registry.url;
}

/** ClickHouse's root URL; throws when the stack has none. */
export function clickhouseOf(stack: StackInfo): string {
  if (stack.clickhouse === null) throw new Error(`no ClickHouse runs in ${stack.home}: ${stack.notices.join(' ')}`);
  return stack.clickhouse.url;
}
