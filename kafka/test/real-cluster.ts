import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { TopicDescription } from '@tallystick/kafka/record-log';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import type { StackInfo } from '../../infra/local/stack.ts';
import type { ContractCluster } from './contract-cluster.ts';
import { expectCode } from './records.ts';

type Role = keyof NonNullable<StackInfo['kafka']>['users'];

/** How one of the stack's users connects: with patience, for a slow machine's broker is as silent as one that is gone. */
export function configOf(stack: StackInfo, role: Role): KafkaConfig {
  if (stack.kafka === null) throw new Error('these tests need the stack with Kafka');
  const { username, passwordFile } = stack.kafka.users[role];
  const password = readFileSync(passwordFile, 'utf8').trim();
  const patience = { connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 };
  return { brokers: stack.kafka.brokers, sasl: { mechanism: 'scram-sha-512', username, password }, ...patience };
}

/** kafkajs itself, as an attacker or another client would use it. */
export function plainKafka(stack: StackInfo): Kafka {
  const { brokers, sasl } = configOf(stack, 'admin');
  if (sasl === undefined) throw new Error('the stack has users');
  const { username, password } = sasl;
  return new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 30_000,
    sasl: { mechanism: 'scram-sha-512', username, password },
  });
}

/** The stack's broker with an administrator's hands, for the contract suite. Topics get names of their own. */
export async function realCluster(stack: StackInfo): Promise<ContractCluster & { readonly admin: Admin }> {
  const config = configOf(stack, 'admin');
  const admin = plainKafka(stack).admin();
  await admin.connect();
  const log = connectRecordLog(config);
  const described = async (name: string, otherThan: string | null): Promise<TopicDescription> => {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = await log.describeTopic(name).catch(() => null);
      const ready = found?.partitions.every(({ leader }) => leader >= 0) === true && found.topicId !== otherThan;
      // Its partitions have leaders once they answer.
      if (found !== null && ready && (await log.bounds(name, 1).catch(() => null)) !== null) return found;
      if (Date.now() > deadline) throw new Error(`topic ${name} did not appear`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const create = async (name: string, maxMessageBytes: number) => {
    await admin.createTopics({
      // Whoever makes one waits for its leaders: see `described`.
      waitForLeaders: false,
      topics: [
        {
          topic: name,
          numPartitions: 2,
          configEntries: [
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
            { name: 'max.message.bytes', value: String(maxMessageBytes) },
          ],
        },
      ],
    });
  };
  const gone = async (name: string) => {
    await admin.deleteTopics({ topics: [name] });
    const deadline = Date.now() + 60_000;
    while ((await log.describeTopic(name).catch(() => null)) !== null) {
      if (Date.now() > deadline) throw new Error(`topic ${name} did not go`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expectCode(log.describeTopic(name), 'TOPIC_MISSING');
  };
  return {
    admin,
    connect: () => connectRecordLog(config),
    async createTopic({ maxMessageBytes = 2 * 1024 * 1024 } = {}) {
      const name = `contract-${randomBytes(6).toString('hex')}`;
      await create(name, maxMessageBytes);
      return await described(name, null);
    },
    async recreateTopic(name) {
      const { topicId } = await log.describeTopic(name);
      await gone(name);
      await create(name, 2 * 1024 * 1024);
      return await described(name, topicId);
    },
    deleteTopic: gone,
    async deleteRecords(topic, partition, below) {
      // kafkajs looks the leader up in what it knows already.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(below) }] });
    },
    async close() {
      await log.close();
      await admin.disconnect();
    },
  };
}
