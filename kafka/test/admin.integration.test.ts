import { randomBytes } from 'node:crypto';
import { applyAcls, applyTopics, checkAcls, checkTopics, describeTopicConfig } from '@tallystick/kafka/admin';
import type { AclSpec, TopicSpec } from '@tallystick/kafka/admin';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { expect, inject, test } from 'vitest';
import { configOf, plainKafka } from './real-cluster.ts';
import { expectCode } from './records.ts';

const stack = inject('stack');
const admin = configOf(stack, 'admin');
const unique = (what: string) => `${what}-${randomBytes(6).toString('hex')}`;

function spec(changes: Partial<TopicSpec> = {}): TopicSpec {
  return {
    name: unique('admin'),
    partitions: 3,
    replicationFactor: 1,
    config: {
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'message.timestamp.type': 'LogAppendTime',
      'max.message.bytes': '2097152',
    },
    ...changes,
  };
}

test('topics are created with their settings, and a second time nothing happens', async () => {
  const specs = [spec(), spec({ partitions: 1, replicationFactor: -1 })];
  expect((await checkTopics(admin, specs)).map(({ topic, setting, found }) => [topic, setting, found])).toEqual(
    specs.map(({ name }) => [name, 'exists', null]),
  );
  expect(await applyTopics(admin, specs)).toEqual({
    created: specs.map(({ name }) => name),
    changed: [],
    remaining: [],
  });
  expect(await applyTopics(admin, specs)).toEqual({ created: [], changed: [], remaining: [] });
  expect(await checkTopics(admin, specs)).toEqual([]);
  expect(await describeTopicConfig(admin, specs[0]?.name ?? '')).toMatchObject({
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': '-1',
    'compression.type': 'producer',
  });
});

test('a setting that drifted is reported, then brought back; other settings of the topic stay', async () => {
  const wanted = spec();
  await applyTopics(admin, [wanted]);
  const client = plainKafka(stack).admin();
  await client.connect();
  const configEntries = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'segment.bytes', value: '1048576' },
  ];
  await client.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: wanted.name, configEntries }] });
  await client.disconnect();
  await expect
    .poll(() => checkTopics(admin, [wanted]), { timeout: 60_000 })
    .toContainEqual({ topic: wanted.name, setting: 'cleanup.policy', wanted: 'delete', found: 'compact' });
  const { created, changed, remaining } = await applyTopics(admin, [wanted]);
  expect({ created, remaining }).toEqual({ created: [], remaining: [] });
  expect(changed.map(({ setting }) => setting)).toContain('cleanup.policy');
  expect(await describeTopicConfig(admin, wanted.name)).toMatchObject({ ...wanted.config, 'segment.bytes': '1048576' });
});

test('partitions and replication are reported, never changed', async () => {
  const wanted = spec();
  await applyTopics(admin, [wanted]);
  const more = { ...wanted, partitions: 5, replicationFactor: 3 };
  const { changed, remaining } = await applyTopics(admin, [more]);
  expect(changed).toEqual([]);
  expect(remaining).toEqual([
    { topic: wanted.name, setting: 'partitions', wanted: '5', found: '3' },
    { topic: wanted.name, setting: 'replicationFactor', wanted: '3', found: '1' },
  ]);
  const log = connectRecordLog(admin);
  expect((await log.describeTopic(wanted.name)).partitions.length).toBe(3);
  await log.close();
});

test('without the right it is NOT_AUTHORIZED, with another password AUTHENTICATION_FAILED, without a topic TOPIC_MISSING', async () => {
  const wanted = spec();
  const reporter = configOf(stack, 'reporter');
  await expectCode(applyTopics(reporter, [wanted]), 'NOT_AUTHORIZED');
  await applyTopics(admin, [wanted]);
  const error = await expectCode(describeTopicConfig(reporter, wanted.name), 'NOT_AUTHORIZED');
  expect(error.evidence).toMatchObject({
    principal: 'User:reporter',
    operation: 'DescribeConfigs',
    resource: `topic ${wanted.name}`,
  });
  await expectCode(checkAcls(reporter, []), 'NOT_AUTHORIZED');
  await expectCode(applyAcls(reporter, [acl()]), 'NOT_AUTHORIZED');
  await expectCode(
    checkTopics({ ...admin, sasl: { mechanism: 'scram-sha-512', username: 'admin', password: 'x' } }, [wanted]),
    'AUTHENTICATION_FAILED',
  );
  await expectCode(describeTopicConfig(admin, unique('missing')), 'TOPIC_MISSING');
  await expectCode(checkTopics({ ...admin, brokers: ['127.0.0.1:1'] }, [wanted]), 'UNREACHABLE');
});

function acl(changes: Partial<AclSpec> = {}): AclSpec {
  return {
    principal: `User:${unique('somebody')}`,
    resourceType: 'topic',
    resourceName: unique('topic'),
    pattern: 'literal',
    operation: 'Read',
    ...changes,
  };
}

test('ACLs are created, compared and never removed', async () => {
  const specs = [
    acl(),
    acl({ operation: 'Write', pattern: 'prefixed' }),
    acl({ resourceType: 'group', operation: 'Read' }),
    acl({ resourceType: 'cluster', resourceName: 'kafka-cluster', operation: 'Describe' }),
    acl({ operation: 'DescribeConfigs', host: '127.0.0.1' }),
  ];
  expect((await checkAcls(admin, specs)).missing).toEqual(specs);
  expect((await applyAcls(admin, specs)).created).toEqual(specs);
  expect((await applyAcls(admin, specs)).created).toEqual([]);
  const [first, ...others] = specs;
  const { missing, unexpected } = await checkAcls(admin, others);
  expect(missing).toEqual([]);
  expect(unexpected).toContain(`${first?.principal} may Read on topic ${first?.resourceName} (literal) from *`);
  expect((await checkAcls(admin, specs)).missing).toEqual([]);
});
