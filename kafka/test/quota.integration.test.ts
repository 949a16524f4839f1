import { randomBytes } from 'node:crypto';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { expect, inject, test } from 'vitest';
import { BrokerLink } from '../src/broker-link.ts';
import { resolveConfig } from '../src/kafkajs-options.ts';
import { Sockets } from '../src/sockets.ts';
import { configOf, realCluster } from './real-cluster.ts';
import { readAll, recordsIn } from './records.ts';

const stack = inject('stack');

/** AlterClientQuotas version 0 (API key 49): of one client id, so that nobody else in this cluster is throttled. */
async function setConsumerQuota(clientId: string, bytesPerSecond: number): Promise<void> {
  const config = configOf(stack, 'admin');
  const [address = ''] = config.brokers;
  const sockets = new Sockets();
  const link = await BrokerLink.open(resolveConfig(config), address, sockets);
  const rate = Buffer.alloc(8);
  rate.writeDoubleBE(bytesPerSecond);
  const entry = [int32(1), string('client-id'), string(clientId)];
  const operation = [int32(1), string('consumer_byte_rate'), rate, Buffer.from([0])];
  const body = Buffer.concat([int32(1), ...entry, ...operation, Buffer.from([0])]);
  const api = { apiKey: 49, apiVersion: 0, apiName: 'AlterClientQuotas' };
  try {
    // Behind the throttle time and the length of the list of entries.
    const error = await link.request(api, body, (payload) => payload.readInt16BE(8));
    if (error !== 0) throw new Error(`no quota was set: Kafka error ${error}`);
  } finally {
    sockets.drop();
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function string(text: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeInt16BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}

test('a reader whose quota is used up reads all, as slowly as it may', async () => {
  const clientId = `quota-${randomBytes(6).toString('hex')}`;
  const cluster = await realCluster(stack);
  const { name: topic, topicId } = await cluster.createTopic();
  const writing = cluster.connect();
  const writer = new SafeWriter({ log: writing, topic });
  for (let n = 0; n < 12; n += 1) await writer.append(0, [{ key: null, value: randomBytes(100_000) }]);
  await setConsumerQuota(clientId, 100_000);
  const log = connectRecordLog({ ...configOf(stack, 'admin'), clientId });
  let throttled = 0;
  const counting = Object.assign(Object.create(log) as typeof log, {
    fetch: async (request: Parameters<typeof log.fetch>[0]) => {
      try {
        return await log.fetch(request);
      } catch (error) {
        throttled += 1;
        throw error;
      }
    },
  });
  try {
    const options = {
      log: counting,
      topic,
      topicId,
      partition: 0,
      from: 0,
      to: 12,
      maxBytes: 200_000,
      deadlineMs: 30_000,
    };
    expect(recordsIn(await readAll(options))).toHaveLength(12);
    expect(throttled).toBeGreaterThan(0);
  } finally {
    await log.close();
    await writer.close();
    await writing.close();
    await cluster.close();
  }
});
