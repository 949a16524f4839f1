import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { TopicNames } from '@tallystick/infra/local/kafka-data';
import { roles } from '@tallystick/infra/local/roles';
import type { Role } from '@tallystick/infra/local/roles';
import { kafkaConfigFor, makeTopics } from './support/kafka.ts';

// Each right is tried against the real broker with a plain kafkajs client, so that nothing of ours can make it look refused.
const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;
const stack = inject('stack');
/** A slow machine's broker is as silent as one that is gone. */
const patience = { connectionTimeout: 30_000, authenticationTimeout: 60_000, requestTimeout: 60_000 };
const topicsOf = ['events', 'seals', 'leaves'] as const;
type Topic = (typeof topicsOf)[number];

const clientOf = (role: Role, password?: string) => {
  const { brokers, sasl } = kafkaConfigFor(stack, role);
  if (sasl === undefined) throw new Error('no sasl');
  return new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    ...patience,
    retry: { retries: 1, initialRetryTime: 50 },
    sasl: { mechanism: 'scram-sha-512', username: sasl.username, password: password ?? sasl.password },
  });
};

const admins = new Map<Role, Admin>();
let names: TopicNames;

beforeAll(async () => {
  names = await makeTopics(stack);
  for (const role of roles) {
    const admin = clientOf(role).admin();
    await admin.connect();
    admins.set(role, admin);
  }
});

afterAll(async () => {
  for (const admin of admins.values()) await admin.disconnect();
});

const adminOf = (role: Role): Admin => {
  const admin = admins.get(role);
  if (admin === undefined) throw new Error(role);
  return admin;
};

/** Whether the broker lets it pass; anything but a refusal for want of a right is an error. */
async function allowed(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    // kafkajs hides the broker's code at several depths: in the error, its cause, or a list of errors.
    if (/'(TOPIC|CLUSTER|GROUP)_AUTHORIZATION_FAILED'/.test(inspect(error, { depth: 8 }))) return false;
    throw error;
  }
}

async function write(role: Role, topic: Topic): Promise<void> {
  // As the product writes: idempotent, one send in flight, explicit partition.
  const producer = clientOf(role).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    retry: { retries: 1, initialRetryTime: 50 },
  });
  await producer.connect();
  try {
    await producer.send({ topic: names[topic], messages: [{ partition: 0, key: 'k', value: 'v' }] });
  } finally {
    await producer.disconnect();
  }
}

const readsAny = (role: Role, topic: Topic) => allowed(async () => await adminOf(role).fetchTopicOffsets(names[topic]));
const config = (role: Role, topic: Topic) =>
  allowed(
    async () =>
      await adminOf(role).describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: names[topic] }],
      }),
  );

async function matching(attempt: (role: Role, topic: Topic) => Promise<boolean>, role: Role): Promise<Topic[]> {
  const found: Topic[] = [];
  for (const topic of topicsOf) if (await attempt(role, topic)) found.push(topic);
  return found;
}

describe('on the real broker', () => {
  test.each<[Role, Topic[], Topic[], Topic[]]>([
    ['producer', ['events'], ['events'], []],
    ['reporter', ['events'], ['events'], []],
    ['ledger', ['seals', 'leaves'], ['events', 'seals', 'leaves'], ['events', 'seals', 'leaves']],
    ['verifier', [], ['events', 'seals', 'leaves'], ['events', 'seals', 'leaves']],
    ['worker', [], ['events', 'seals'], []],
    ['guard', [], [], ['events', 'seals', 'leaves']],
    ['pruner', [], ['events'], []],
    ['bench', ['events'], ['events'], []],
  ])(
    '%s may write to %j, see offsets of %j, read the settings of %j, and no more',
    async (role, writes, offsets, settings) => {
      expect(await matching((who, topic) => allowed(async () => await write(who, topic)), role)).toEqual(writes);
      expect(await matching(readsAny, role)).toEqual(offsets);
      expect(await matching(config, role)).toEqual(settings);
    },
  );

  test.each(roles.filter((role) => role !== 'admin'))(
    '%s may not make or delete topics, change settings or rights, or see them (guard may)',
    async (role) => {
      const admin = adminOf(role);
      expect(await allowed(async () => await admin.createTopics({ topics: [{ topic: `${names.events}.more` }] }))).toBe(
        false,
      );
      expect(await allowed(async () => await admin.deleteTopics({ topics: [names.seals] }))).toBe(false);
      expect(
        await allowed(
          async () => await admin.createPartitions({ topicPartitions: [{ topic: names.events, count: 9 }] }),
        ),
      ).toBe(false);
      const change = {
        type: ConfigResourceTypes.TOPIC,
        name: names.events,
        configEntries: [{ name: 'retention.ms', value: '1' }],
      };
      expect(await allowed(async () => await admin.alterConfigs({ validateOnly: false, resources: [change] }))).toBe(
        false,
      );
      const right = {
        principal: `User:${role}`,
        host: '*',
        operation: 2,
        permissionType: 3,
        resourceType: 2,
        resourceName: names.seals,
        resourcePatternType: 3,
      };
      expect(await allowed(async () => await admin.createAcls({ acl: [right] }))).toBe(false);
      const any = {
        operation: 1,
        permissionType: 1,
        resourceType: 2,
        resourceName: names.seals,
        resourcePatternType: 3,
      };
      expect(await allowed(async () => await admin.describeAcls(any))).toBe(role === 'guard');
    },
  );

  test.each(roles.filter((role) => role !== 'admin'))(
    '%s may delete records only if it is the pruner, and only of events',
    async (role) => {
      // Nothing is deleted even where it may: offset 0 is where the log begins.
      const remove = (topic: Topic) =>
        allowed(
          async () =>
            await adminOf(role).deleteTopicRecords({
              topic: names[topic],
              partitions: [{ partition: 0, offset: '0' }],
            }),
        );
      expect([await remove('events'), await remove('seals'), await remove('leaves')]).toEqual([
        role === 'pruner',
        false,
        false,
      ]);
    },
  );

  test('a wrong password, a user that nobody made and no login at all are refused', async () => {
    await expect(clientOf('admin', 'wrong').admin().connect()).rejects.toThrow(/SASL|authentication/i);
    const { brokers } = kafkaConfigFor(stack, 'admin');
    const nobody = new Kafka({
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      ...patience,
      retry: { retries: 0 },
      sasl: { mechanism: 'scram-sha-512', username: 'nobody', password: 'x' },
    });
    await expect(nobody.admin().connect()).rejects.toThrow(/SASL|authentication/i);
    const anonymous = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    await expect(
      (async () => {
        const admin = anonymous.admin();
        await admin.connect();
        await admin.listTopics();
      })(),
    ).rejects.toThrow();
  });

  test('the controller’s own listener lets no role in, with the password of clients or without one', async () => {
    const { ports }: { ports: { controller: number } } = JSON.parse(readFileSync(`${stack.home}/stack.json`, 'utf8'));
    const brokers = [`127.0.0.1:${ports.controller}`];
    for (const role of ['admin', 'producer'] as const) {
      const password = kafkaConfigFor(stack, role).sasl?.password ?? '';
      const client = new Kafka({
        brokers,
        logLevel: logLevel.NOTHING,
        ...patience,
        retry: { retries: 0 },
        sasl: { mechanism: 'plain', username: role, password },
      });
      await expect(client.admin().connect()).rejects.toThrow(/SASL|authentication/i);
    }
  });

  test('a topic that nobody made is not made by writing to it', async () => {
    const admin = adminOf('admin');
    const missing = `${names.events}.never`;
    const producer = clientOf('admin').producer({ allowAutoTopicCreation: true, retry: { retries: 0 } });
    await producer.connect();
    await expect(producer.send({ topic: missing, messages: [{ value: 'v' }] })).rejects.toThrow();
    await producer.disconnect();
    expect(await admin.listTopics()).not.toContain(missing);
  });
});
