import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './files.ts';
import type { Role } from './roles.ts';

/** The names of the topics of one ledger. */
export interface TopicNames {
  readonly events: string;
  readonly seals: string;
  readonly leaves: string;
}

/** A topic as `@tallystick/kafka/admin` makes and checks it. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

/** One right of one principal, as `@tallystick/kafka/admin` gives and checks it. */
export interface AclSpec {
  readonly principal: string;
  readonly resourceType: 'topic' | 'group' | 'cluster';
  readonly resourceName: string;
  readonly pattern: 'literal' | 'prefixed';
  readonly operation: AclOperation;
}

/** The operations that kafka/acls.json gives to anybody. */
export type AclOperation = 'Read' | 'Write' | 'Delete' | 'Describe' | 'DescribeConfigs';

interface TopicEntry {
  readonly topic: keyof TopicNames;
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

interface AclEntry {
  readonly role: Role;
  readonly resource: AclSpec['resourceType'];
  readonly name: string;
  readonly pattern?: AclSpec['pattern'];
  readonly operations: readonly AclOperation[];
}

// The two files are part of this package and a test holds them to these types, so they are not checked again here.
function textOf(name: string): string {
  return readFileSync(join(packageRoot(), 'kafka', name), 'utf8');
}

function topicEntries(): TopicEntry[] {
  const entries: TopicEntry[] = JSON.parse(textOf('topics.json'));
  return entries;
}

function aclEntries(): AclEntry[] {
  const entries: AclEntry[] = JSON.parse(textOf('acls.json'));
  return entries;
}

/** The names of kafka/topics.json: audit.events, audit.seals, audit.leaves. */
export function defaultTopicNames(): TopicNames {
  const nameOf = (topic: keyof TopicNames) => topicEntry(topic).name;
  return { events: nameOf('events'), seals: nameOf('seals'), leaves: nameOf('leaves') };
}

function topicEntry(topic: keyof TopicNames): TopicEntry {
  const entry = topicEntries().find((one) => one.topic === topic);
  if (entry === undefined) throw new Error(`kafka/topics.json has no topic ${topic}`);
  return entry;
}

/**
 * The topics of kafka/topics.json under these names, with so many replicas of each partition (default 1). Where there are three or more,
 * two must have a record before it counts as stored. `partitions` replaces the number of partitions of events and leaves.
 */
export function topicSpecs(
  names: TopicNames,
  options: { replicationFactor?: number; partitions?: number } = {},
): TopicSpec[] {
  const replicationFactor = options.replicationFactor ?? 1;
  return topicEntries().map((entry) => ({
    name: names[entry.topic],
    partitions: entry.topic === 'seals' ? entry.partitions : (options.partitions ?? entry.partitions),
    replicationFactor,
    config: { ...entry.config, 'min.insync.replicas': replicationFactor >= 3 ? '2' : '1' },
  }));
}

/**
 * The rights of kafka/acls.json for topics of these names. `usernames` are the Kafka users of the roles where they are not named like the
 * role; `only` keeps the rights of those roles.
 */
export function aclSpecs(
  names: TopicNames,
  options: { usernames?: Partial<Record<Role, string>>; only?: readonly Role[] } = {},
): AclSpec[] {
  return aclEntries()
    .filter((entry) => options.only?.includes(entry.role) ?? true)
    .flatMap((entry) =>
      entry.operations.map((operation) => ({
        principal: `User:${options.usernames?.[entry.role] ?? entry.role}`,
        resourceType: entry.resource,
        resourceName: entry.name.replace(/^\{(events|seals|leaves)\}$/, (_, topic: keyof TopicNames) => names[topic]),
        pattern: entry.pattern ?? 'literal',
        operation,
      })),
    );
}
