import kafkajs, { type Admin } from 'kafkajs';
import type { KafkaConfig } from '@tallystick/kafka/config';

const { Kafka, logLevel } = kafkajs;

/** Where one partition lies. */
export interface Placed {
  readonly topic: string;
  readonly partition: number;
  /** Node ids; -1: there is none now. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** What a plain kafkajs client sees and does as the cluster's administrator. A connection each time: brokers come and go. */
export class Topics {
  readonly #config: KafkaConfig;
  readonly #names: readonly string[];

  constructor(config: KafkaConfig, names: readonly string[]) {
    this.#config = config;
    this.#names = names;
  }

  async placed(): Promise<Placed[]> {
    return await this.#ask(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [...this.#names] });
      return topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionId, leader, replicas, isr }) => {
          return { topic: name, partition: partitionId, leader, replicas, inSync: isr };
        }),
      );
    });
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    const all = await this.placed();
    return all.find((one) => one.topic === topic && one.partition === partition)?.leader ?? -1;
  }

  /** Whether every partition has a leader and all its replicas are in sync. */
  async allInSync(replicas: number): Promise<boolean> {
    const all = await this.placed();
    return all.every(({ leader, inSync }) => leader >= 0 && inSync.length === replicas);
  }

  /** Says on which brokers a partition is to lie. It leaves the others, and a leader among them hands over. */
  async place(topic: string, partition: number, replicas: readonly number[]): Promise<void> {
    await this.#ask(async (admin) => {
      const partitionAssignment = [{ partition, replicas: [...replicas] }];
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
    });
  }

  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const { brokers, sasl } = this.#config;
    if (sasl === undefined) throw new Error('the cluster has users');
    const { username, password } = sasl;
    const admin = new Kafka({
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      connectionTimeout: 2_000,
      requestTimeout: 5_000,
      retry: { retries: 2, initialRetryTime: 100 },
      sasl: { mechanism: 'scram-sha-512', username, password },
    }).admin();
    await admin.connect();
    try {
      return await question(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
