import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aclSpecs, defaultTopicNames, topicSpecs } from '../local/kafka-data.ts';
import { roles } from '../local/roles.ts';

const names = { events: 'x.events', seals: 'x.seals', leaves: 'x.leaves' };
const rightsOf = (role: string) =>
  aclSpecs(names)
    .filter(({ principal }) => principal === `User:${role}`)
    .map(({ resourceName, operation }) => `${operation} ${resourceName}`)
    .sort();

describe('topics as data', () => {
  test('have the names that the ledger has by default', () => {
    expect(defaultTopicNames()).toEqual({ events: 'audit.events', seals: 'audit.seals', leaves: 'audit.leaves' });
  });

  test('keep everything, in the broker’s time, one writer’s order in seals', () => {
    const specs = topicSpecs(names);
    expect(specs.map(({ name, partitions, replicationFactor }) => [name, partitions, replicationFactor])).toEqual([
      ['x.events', 4, 1],
      ['x.seals', 1, 1],
      ['x.leaves', 4, 1],
    ]);
    for (const { config } of specs) {
      expect(config).toEqual({
        'cleanup.policy': 'delete',
        'retention.ms': '-1',
        'retention.bytes': '-1',
        'message.timestamp.type': 'LogAppendTime',
        'compression.type': 'producer',
        'max.message.bytes': '2097152',
        'unclean.leader.election.enable': 'false',
        'min.insync.replicas': '1',
      });
    }
  });

  test.each([
    [undefined, 1, '1'],
    [1, 1, '1'],
    [2, 2, '1'],
    [3, 3, '2'],
    [5, 5, '2'],
  ])('asked for %s replicas, have %i, of which %s must have a record', (replicationFactor, replicas, inSync) => {
    const specs = topicSpecs(names, replicationFactor === undefined ? {} : { replicationFactor });
    expect(specs.map((spec) => [spec.replicationFactor, spec.config['min.insync.replicas']])).toEqual(
      specs.map(() => [replicas, inSync]),
    );
  });

  test('take another number of partitions for events and leaves together, never for seals', () => {
    expect(topicSpecs(names, { partitions: 7 }).map(({ partitions }) => partitions)).toEqual([7, 1, 7]);
  });
});

describe('rights as data', () => {
  test.each([
    ['producer', ['Write x.events']],
    ['reporter', ['Write x.events']],
    [
      'ledger',
      [
        'DescribeConfigs x.events',
        'DescribeConfigs x.leaves',
        'DescribeConfigs x.seals',
        'Read x.events',
        'Read x.leaves',
        'Read x.seals',
        'Write x.leaves',
        'Write x.seals',
      ],
    ],
    [
      'verifier',
      [
        'DescribeConfigs x.events',
        'DescribeConfigs x.leaves',
        'DescribeConfigs x.seals',
        'Read x.events',
        'Read x.leaves',
        'Read x.seals',
      ],
    ],
    ['worker', ['Read x.events', 'Read x.seals']],
    [
      'guard',
      ['Describe kafka-cluster', 'DescribeConfigs x.events', 'DescribeConfigs x.leaves', 'DescribeConfigs x.seals'],
    ],
    ['pruner', ['Delete x.events']],
    ['bench', ['Read tallystick-bench', 'Read x.events', 'Write x.events']],
    ['admin', []],
  ])('%s has these and no others', (role, rights) => {
    expect(rightsOf(role)).toEqual(rights);
  });

  test('nobody may alter topics, rights or settings; only the pruner deletes; only bench has a group', () => {
    const all = aclSpecs(names);
    expect(
      all
        .filter(({ operation }) => !['Read', 'Write', 'Describe', 'DescribeConfigs'].includes(operation))
        .map(({ principal }) => principal),
    ).toEqual(['User:pruner']);
    expect(all.filter(({ resourceType }) => resourceType === 'group').map(({ principal }) => principal)).toEqual([
      'User:bench',
    ]);
    expect(all.filter(({ pattern }) => pattern === 'prefixed').map(({ resourceType }) => resourceType)).toEqual([
      'group',
    ]);
  });

  test('go to the users that the configuration names, for the roles asked for', () => {
    const specs = aclSpecs(names, { usernames: { producer: 'svc-audit' }, only: ['producer', 'pruner'] });
    expect(specs.map(({ principal }) => principal)).toEqual(['User:svc-audit', 'User:pruner']);
    expect(aclSpecs(names, { only: [] })).toEqual([]);
  });

  test('a topic’s name is taken as it is, also with characters that a replacement would read', () => {
    expect(
      aclSpecs({ ...names, events: "a$&b$'" }, { only: ['producer'] }).map(({ resourceName }) => resourceName),
    ).toEqual(["a$&b$'"]);
  });

  test('the file names known roles, resources and topics only', () => {
    const entries: Record<string, unknown>[] = JSON.parse(
      readFileSync(join(import.meta.dirname, '../kafka/acls.json'), 'utf8'),
    );
    for (const entry of entries) {
      expect(roles).toContain(entry['role']);
      expect(
        Object.keys(entry).filter((key) => !['role', 'resource', 'name', 'pattern', 'operations'].includes(key)),
      ).toEqual([]);
      expect(`${String(entry['resource'])} ${String(entry['name'])}`).toMatch(
        /^(topic \{(events|seals|leaves)\}|cluster kafka-cluster|group tallystick-bench)$/,
      );
    }
  });
});
