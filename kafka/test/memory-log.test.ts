import { MemoryCluster } from '@tallystick/kafka/memory-log';
import { expect, test } from 'vitest';
import { recordLogContract } from './record-log-contract.ts';

recordLogContract('memory', () => {
  const cluster = new MemoryCluster();
  let count = 0;
  return Promise.resolve({
    connect: () => cluster.connect(),
    createTopic: ({ maxMessageBytes } = {}) =>
      Promise.resolve(
        cluster.createTopic(`topic-${(count += 1)}`, {
          partitions: 2,
          ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
        }),
      ),
    recreateTopic: (name) => Promise.resolve(cluster.recreateTopic(name)),
    deleteTopic: (name) => Promise.resolve(cluster.deleteTopic(name)),
    deleteRecords: (topic, partition, below) => Promise.resolve(cluster.deleteRecords(topic, partition, below)),
    close: () => Promise.resolve(),
  });
});

test('a cluster has one name over every connection, and no other one has it', async () => {
  const random = (bytes: number): Buffer => Buffer.alloc(bytes);
  const [one, other] = [new MemoryCluster({ random }), new MemoryCluster({ random })];
  const name = await one.connect().source?.();
  expect(name).toMatch(/^memory cluster [\w-]{36}$/);
  expect(await one.connect().source?.()).toBe(name);
  expect(await other.connect().source?.()).not.toBe(name);
});
