import { MemoryCluster } from '@tallystick/kafka/memory-log';
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
