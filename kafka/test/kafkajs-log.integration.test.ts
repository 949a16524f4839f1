import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { expect, inject, test } from 'vitest';
import { configOf, plainKafka, realCluster } from './real-cluster.ts';
import { recordLogContract } from './record-log-contract.ts';

recordLogContract('kafkajs on a real broker', () => realCluster(inject('stack')));

test('the cluster is named by its own id, whoever asks', async () => {
  const stack = inject('stack');
  const admin = plainKafka(stack).admin();
  await admin.connect();
  const { clusterId } = await admin.describeCluster();
  await admin.disconnect();
  expect(clusterId).toMatch(/^[\w-]{22}$/);
  for (const role of ['admin', 'verifier'] as const) {
    const log = connectRecordLog(configOf(stack, role));
    expect(await log.source?.()).toBe(`Kafka cluster ${clusterId}`);
    await log.close();
  }
});
