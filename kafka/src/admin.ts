import kafkajs from 'kafkajs';
import type { AclEntry, AclOperationTypes as KafkajsOperation } from 'kafkajs';
import { type AdminCall, withAdmin } from './admin-session.ts';
import type { KafkaConfig } from './config.ts';
import { KafkaError } from './errors.ts';
import { connectRecordLog } from './kafkajs-log.ts';
import { backoffMs, pause } from './waiting.ts';

// kafkajs is CommonJS: Node itself finds only some of its names as named imports.
const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  ConfigSource,
  ResourcePatternTypes,
} = kafkajs;

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** -1: the cluster's default. */
  readonly replicationFactor: number;
  /** Topic settings by Kafka's names; others are left as they are. */
  readonly config: Readonly<Record<string, string>>;
}

/** One thing that is not as it should be. */
export interface TopicDifference {
  readonly topic: string;
  /** `exists`, `partitions`, `replicationFactor`, or a topic setting's name. */
  readonly setting: string;
  readonly wanted: string;
  /** null: not there. */
  readonly found: string | null;
}

export interface AppliedTopics {
  readonly created: readonly string[];
  /** Settings that were changed, with what they were before. */
  readonly changed: readonly TopicDifference[];
  /** What still differs: partitions and replication are never changed, for that moves keys or data. */
  readonly remaining: readonly TopicDifference[];
}

const neverChanged: ReadonlySet<string> = new Set(['partitions', 'replicationFactor']);

export type AclOperation =
  | 'All'
  | 'Read'
  | 'Write'
  | 'Create'
  | 'Delete'
  | 'Alter'
  | 'Describe'
  | 'ClusterAction'
  | 'DescribeConfigs'
  | 'AlterConfigs'
  | 'IdempotentWrite';

/** One permission. */
export interface AclSpec {
  /** `User:<name>`. */
  readonly principal: string;
  readonly resourceType: 'topic' | 'group' | 'cluster';
  /** `kafka-cluster` for the cluster. */
  readonly resourceName: string;
  readonly pattern: 'literal' | 'prefixed';
  readonly operation: AclOperation;
  /** Default `*`: from anywhere. */
  readonly host?: string;
}

export interface AclDifferences {
  readonly missing: readonly AclSpec[];
  /** Permissions and prohibitions that the cluster has beyond the specs, in Kafka's words. Never removed here. */
  readonly unexpected: readonly string[];
}

export interface AppliedAcls {
  readonly created: readonly AclSpec[];
  readonly unexpected: readonly string[];
}

/**
 * Compares topics with what they should be. Wants DescribeConfigs on each.
 * @throws KafkaError NOT_AUTHORIZED, UNREACHABLE, AUTHENTICATION_FAILED, TIMED_OUT
 */
export async function checkTopics(config: KafkaConfig, specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
  return await withAdmin(config, (call) => topicDifferences(config, call, specs));
}

/**
 * Creates topics that are missing and brings settings of existing ones to what the specs say; running it again changes
 * nothing. Settings that no spec names stay.
 * @throws KafkaError as checkTopics
 */
export async function applyTopics(config: KafkaConfig, specs: readonly TopicSpec[]): Promise<AppliedTopics> {
  return await withAdmin(config, async (call) => {
    const before = await topicDifferences(config, call, specs);
    const missing = specs.filter(({ name }) =>
      before.some(({ topic, setting }) => topic === name && setting === 'exists'),
    );
    if (missing.length > 0) {
      const topics = missing.map(({ name, partitions, replicationFactor, config: settings }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
      }));
      const names = missing.map(({ name }) => name);
      await call(
        `the creation of ${names.join(', ')}`,
        'Create',
        // kafkajs would take a broker that has not yet heard of them for one that refuses.
        (admin) => admin.createTopics({ topics, waitForLeaders: false, timeout: 10_000 }),
        names[0],
      );
      if (!(await settle(() => areLed(config, names), Boolean))) throw notLed(names);
    }
    const changed = before.filter(({ setting }) => setting !== 'exists' && !neverChanged.has(setting));
    for (const topic of new Set(changed.map((difference) => difference.topic))) {
      const wanted = changed
        .filter((difference) => difference.topic === topic)
        .map(({ setting, wanted: value }) => [setting, value] as const);
      // Kafka's AlterConfigs replaces all of a topic's own settings: those that no spec names are sent along.
      const entries = { ...(await settingsOf(call, topic)).own, ...Object.fromEntries(wanted) };
      const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }));
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
      await call(
        `a change of the settings of ${topic}`,
        'AlterConfigs',
        (admin) => admin.alterConfigs({ validateOnly: false, resources }),
        topic,
      );
    }
    // Brokers learn of it a moment later.
    const remaining = await settle(
      () => topicDifferences(config, call, specs),
      (left) => left.every(({ setting }) => neverChanged.has(setting)),
    );
    return { created: missing.map(({ name }) => name), changed, remaining };
  });
}

/**
 * The settings in force for a topic, defaults included, by Kafka's names.
 * @throws KafkaError TOPIC_MISSING, NOT_AUTHORIZED (DescribeConfigs), UNREACHABLE, AUTHENTICATION_FAILED, TIMED_OUT
 */
export async function describeTopicConfig(config: KafkaConfig, topic: string): Promise<Record<string, string>> {
  return await withAdmin(config, async (call) => (await settingsOf(call, topic)).effective);
}

/** Compares the cluster's ACLs with the specs. Wants Describe on the cluster. @throws KafkaError */
export async function checkAcls(config: KafkaConfig, specs: readonly AclSpec[]): Promise<AclDifferences> {
  return await withAdmin(config, (call) => aclDifferences(call, specs));
}

/** Creates the permissions that are missing; removes none. Wants Alter on the cluster. @throws KafkaError */
export async function applyAcls(config: KafkaConfig, specs: readonly AclSpec[]): Promise<AppliedAcls> {
  return await withAdmin(config, async (call) => {
    const { missing } = await aclDifferences(call, specs);
    if (missing.length > 0)
      await call('the creation of ACLs', 'Alter', (admin) => admin.createAcls({ acl: missing.map(entryOf) }));
    const { missing: left, unexpected } = await settle(
      () => aclDifferences(call, specs),
      (found) => found.missing.length === 0,
    );
    if (left.length > 0) {
      const message = `${left.length} ACLs were created but do not show: ${left.map(describeAcl).join('; ')}.`;
      throw new KafkaError('TIMED_OUT', message, { retriable: true, evidence: { missing: left } });
    }
    return { created: missing, unexpected };
  });
}

/** Whether each topic is known, and all of its partitions have leaders. */
async function areLed(config: KafkaConfig, names: readonly string[]): Promise<boolean> {
  const log = connectRecordLog(config);
  try {
    for (const name of names) {
      const { partitions } = await log.describeTopic(name);
      if (partitions.some(({ leader }) => leader < 0)) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof KafkaError && (error.retriable || error.code === 'TOPIC_MISSING')) return false;
    throw error;
  } finally {
    await log.close();
  }
}

function notLed(names: readonly string[]): KafkaError {
  const message = `The topics ${names.join(', ')} were created, but no broker leads all of their partitions yet. Check the brokers.`;
  return new KafkaError('TIMED_OUT', message, { retriable: true, evidence: { topics: names } });
}

async function topicDifferences(
  config: KafkaConfig,
  call: AdminCall,
  specs: readonly TopicSpec[],
): Promise<TopicDifference[]> {
  const differences: TopicDifference[] = [];
  const log = connectRecordLog(config);
  try {
    for (const { name: topic, partitions, replicationFactor, config: settings } of specs) {
      const exists = await log.describeTopic(topic).catch((error: unknown) => {
        if (error instanceof KafkaError && error.code === 'TOPIC_MISSING') return null;
        throw error;
      });
      if (exists === null) {
        differences.push({ topic, setting: 'exists', wanted: 'true', found: null });
        continue;
      }
      const compare = (setting: string, wanted: string, found: string | null) => {
        if (wanted !== found) differences.push({ topic, setting, wanted, found });
      };
      compare('partitions', String(partitions), String(exists.partitions.length));
      if (replicationFactor > 0) {
        const { topics } = await call(
          `the replicas of ${topic}`,
          'Describe',
          (admin) => admin.fetchTopicMetadata({ topics: [topic] }),
          topic,
        );
        const counts = topics[0]?.partitions.map(({ replicas }) => replicas.length) ?? [];
        compare('replicationFactor', String(replicationFactor), String(Math.min(...counts)));
      }
      const { effective } = await settingsOf(call, topic);
      for (const [setting, wanted] of Object.entries(settings)) compare(setting, wanted, effective[setting] ?? null);
    }
    return differences;
  } finally {
    await log.close();
  }
}

async function settingsOf(
  call: AdminCall,
  topic: string,
): Promise<{ effective: Record<string, string>; own: Record<string, string> }> {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }];
  const answer = await call(
    `the settings of ${topic}`,
    'DescribeConfigs',
    (admin) => admin.describeConfigs({ resources, includeSynonyms: false }),
    topic,
  );
  const entries = answer.resources[0]?.configEntries ?? [];
  const setOnTopic = ConfigSource.TOPIC_CONFIG;
  const asRecord = (list: typeof entries) =>
    Object.fromEntries(list.map(({ configName, configValue }) => [configName, configValue]));
  return {
    effective: asRecord(entries),
    own: asRecord(entries.filter(({ configSource }) => configSource === setOnTopic)),
  };
}

/** Kafka's numbers by our names. */
const operations: Readonly<Record<AclOperation, KafkajsOperation>> = {
  All: AclOperationTypes.ALL,
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Create: AclOperationTypes.CREATE,
  Delete: AclOperationTypes.DELETE,
  Alter: AclOperationTypes.ALTER,
  Describe: AclOperationTypes.DESCRIBE,
  ClusterAction: AclOperationTypes.CLUSTER_ACTION,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
  AlterConfigs: AclOperationTypes.ALTER_CONFIGS,
  IdempotentWrite: AclOperationTypes.IDEMPOTENT_WRITE,
};
const resourceTypes = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  cluster: AclResourceTypes.CLUSTER,
} as const;
const patterns = { literal: ResourcePatternTypes.LITERAL, prefixed: ResourcePatternTypes.PREFIXED } as const;

function entryOf({ principal, resourceType, resourceName, pattern, operation, host }: AclSpec): AclEntry {
  return {
    principal,
    host: host ?? '*',
    resourceType: resourceTypes[resourceType],
    resourceName,
    resourcePatternType: patterns[pattern],
    operation: operations[operation],
    permissionType: AclPermissionTypes.ALLOW,
  };
}

async function aclDifferences(call: AdminCall, specs: readonly AclSpec[]): Promise<AclDifferences> {
  const { resources } = await call('a list of ACLs', 'Describe', (admin) =>
    admin.describeAcls({
      resourceType: AclResourceTypes.ANY,
      resourcePatternType: ResourcePatternTypes.ANY,
      operation: AclOperationTypes.ANY,
      permissionType: AclPermissionTypes.ANY,
    }),
  );
  const found = new Set(
    resources.flatMap(({ acls, ...resource }) => acls.map((acl) => textOf({ ...resource, ...acl }))),
  );
  const wanted = new Set(specs.map((spec) => textOf(entryOf(spec))));
  return {
    missing: specs.filter((spec) => !found.has(textOf(entryOf(spec)))),
    unexpected: [...found].filter((text) => !wanted.has(text)).sort(),
  };
}

/** One ACL as a line, also what it is compared by. */
function textOf(acl: AclEntry): string {
  const { principal, host, resourceName } = acl;
  const permission = acl.permissionType === AclPermissionTypes.ALLOW ? 'may' : 'may not';
  const resource = `${nameIn(resourceTypes, acl.resourceType)} ${resourceName}`;
  return `${principal} ${permission} ${nameIn(operations, acl.operation)} on ${resource} (${nameIn(patterns, acl.resourcePatternType)}) from ${host}`;
}

function nameIn(table: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(table).find(([, number]) => number === value)?.[0] ?? `(${value})`;
}

function describeAcl(spec: AclSpec): string {
  return textOf(entryOf(spec));
}

/** Looks until it is as wanted, for 30 s at most. */
async function settle<T>(look: () => Promise<T>, isWanted: (found: T) => boolean): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (let attempt = 0; ; attempt += 1) {
    const found = await look();
    if (isWanted(found) || performance.now() >= deadline) return found;
    await pause(backoffMs(attempt));
  }
}
