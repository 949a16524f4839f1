import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { type KafkaRecord, parseBatch, recordsOf } from '@tallystick/core/batch';
import { applyAcls } from '@tallystick/kafka/admin';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, RecordToAppend, TopicDescription } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { configOf, plainKafka, realCluster } from './real-cluster.ts';
import type { ContractCluster } from './contract-cluster.ts';
import { expectCode, readAll, record, valuesIn } from './records.ts';

const stack = inject('stack');
let cluster: ContractCluster;
let topic: TopicDescription;
const opened: RecordLog[] = [];

function connect(config: KafkaConfig): RecordLog {
  const log = connectRecordLog(config);
  opened.push(log);
  return log;
}

beforeAll(async () => {
  cluster = await realCluster(stack);
  topic = await cluster.createTopic();
});

afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
});

afterAll(async () => {
  await cluster.close();
});

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('connecting', () => {
  test('a wrong password is AUTHENTICATION_FAILED for reading and writing, with the user and the broker named', async () => {
    const right = configOf(stack, 'admin');
    const log = connect({
      ...right,
      sasl: { mechanism: 'scram-sha-512', username: 'admin', password: 'not-the-password' },
    });
    for (const attempt of [
      () => log.describeTopic(topic.name),
      () => log.bounds(topic.name, 0),
      () => log.createAppender(),
    ]) {
      const error = await expectCode(attempt(), 'AUTHENTICATION_FAILED');
      expect(error.retriable).toBe(false);
      expect(error.message).toContain('User:admin');
      expect(error.message).toContain(right.brokers[0]);
      expect(error.message).not.toContain('not-the-password');
    }
    const writer = new SafeWriter({ log, topic: topic.name });
    await expectCode(writer.append(0, [record('x')]), 'AUTHENTICATION_FAILED');
    await writer.close();
  });

  test('an unknown user and a mechanism that the broker does not offer are AUTHENTICATION_FAILED', async () => {
    const { brokers } = configOf(stack, 'admin');
    await expectCode(
      connect({ brokers, sasl: { mechanism: 'scram-sha-512', username: 'nobody', password: 'x' } }).describeTopic(
        topic.name,
      ),
      'AUTHENTICATION_FAILED',
    );
    await expectCode(
      connect({ brokers, sasl: { mechanism: 'scram-sha-256', username: 'admin', password: 'x' } }).describeTopic(
        topic.name,
      ),
      'AUTHENTICATION_FAILED',
    );
  });

  test('a broker that is not there is UNREACHABLE, retriable, with host and port', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const log = connect({ ...configOf(stack, 'admin'), brokers: [address] });
    for (const attempt of [() => log.describeTopic('any'), () => log.createAppender()]) {
      const error = await expectCode(attempt(), 'UNREACHABLE');
      expect(error.retriable).toBe(true);
      expect(error.message).toContain(address);
    }
  });

  test('a host name that does not exist is UNREACHABLE', async () => {
    await expectCode(connect({ brokers: ['no-such-host.invalid:9092'] }).describeTopic('any'), 'UNREACHABLE');
  });

  test('one dead seed among several does not matter', async () => {
    const right = configOf(stack, 'admin');
    const dead = `127.0.0.1:${await freePort()}`;
    for (let round = 0; round < 5; round += 1) {
      const log = connect({ ...right, brokers: [dead, ...right.brokers] });
      expect((await log.describeTopic(topic.name)).topicId).toBe(topic.topicId);
    }
    const writer = new SafeWriter({ log: connect({ ...right, brokers: [dead, ...right.brokers] }), topic: topic.name });
    await writer.append(1, [record('x')]);
    await writer.close();
  });

  test('a listener that wants a login says so when there is none', async () => {
    const error = await expectCode(
      connect({ brokers: configOf(stack, 'admin').brokers }).describeTopic(topic.name),
      'UNREACHABLE',
    );
    expect(error.message).toContain('SASL');
  });

  test('something that accepts and never answers is TIMED_OUT', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const brokers = [`127.0.0.1:${portOf(server)}`];
    const log = connect({ brokers, connectTimeoutMs: 300, requestTimeoutMs: 300 });
    expect((await expectCode(log.describeTopic('any'), 'TIMED_OUT')).retriable).toBe(true);
    expect((await expectCode(log.createAppender(), 'TIMED_OUT')).retriable).toBe(true);
    await log.close();
    server.close();
  });

  test('TLS to a listener that speaks none fails with a sentence that says TLS', async () => {
    const error = await expectCode(
      connect({ ...configOf(stack, 'admin'), tls: {}, connectTimeoutMs: 30_000 }).describeTopic('any'),
      'AUTHENTICATION_FAILED',
    ).catch(
      // Brokers differ: some just close such a connection.
      () =>
        expectCode(
          connect({ ...configOf(stack, 'admin'), tls: {}, connectTimeoutMs: 30_000 }).describeTopic('any'),
          'UNREACHABLE',
        ),
    );
    expect(error.message).toContain('TLS');
  });
});

describe('rights', () => {
  test('without any, reading and writing are NOT_AUTHORIZED with principal, operation and topic', async () => {
    const log = connect(configOf(stack, 'pruner'));
    const error = await expectCode(log.describeTopic(topic.name), 'NOT_AUTHORIZED');
    expect(error.evidence).toMatchObject({
      principal: 'User:pruner',
      operation: 'Describe',
      resource: `topic ${topic.name}`,
    });
    const writer = new SafeWriter({ log, topic: topic.name });
    const refused = await expectCode(writer.append(0, [record('x')]), 'NOT_AUTHORIZED');
    expect(refused.evidence).toMatchObject({ principal: 'User:pruner', operation: 'Write' });
    await writer.close();
    const { topicId } = topic;
    await expectCode(readAll({ log, topic: topic.name, topicId, partition: 0, from: 0 }), 'NOT_AUTHORIZED');
  });

  test('Read alone reads and does not write, Write alone writes and does not read', async () => {
    const own = await cluster.createTopic();
    const acl = { resourceType: 'topic', resourceName: own.name, pattern: 'literal' } as const;
    await applyAcls(configOf(stack, 'admin'), [
      { ...acl, principal: 'User:reporter', operation: 'Write' },
      { ...acl, principal: 'User:worker', operation: 'Read' },
    ]);
    const writer = new SafeWriter({ log: connect(configOf(stack, 'reporter')), topic: own.name });
    await writer.append(0, [record('by the reporter')]);
    await writer.close();
    const reader = connect(configOf(stack, 'worker'));
    const options = { topic: own.name, topicId: own.topicId, partition: 0, from: 0 };
    expect(valuesIn(await readAll({ ...options, log: reader }))).toEqual(['by the reporter']);
    const refused = new SafeWriter({ log: reader, topic: own.name });
    expect((await expectCode(refused.append(0, [record('x')]), 'NOT_AUTHORIZED')).evidence).toMatchObject({
      principal: 'User:worker',
      operation: 'Write',
    });
    await refused.close();
    const error = await expectCode(
      readAll({ ...options, log: connect(configOf(stack, 'reporter')) }),
      'NOT_AUTHORIZED',
    );
    expect(error.evidence).toMatchObject({
      principal: 'User:reporter',
      operation: 'Read',
      resource: `topic ${own.name}`,
    });
  });
});

describe('records', () => {
  test('keys, values and headers arrive as given, also those that kafkajs would drop, change or move', async () => {
    const log = connect(configOf(stack, 'admin'));
    const own = await cluster.createTopic();
    const value = Buffer.from('v');
    const records: RecordToAppend[] = [
      { key: null, value, headers: [['a', null]] },
      {
        key: Buffer.alloc(0),
        value: null,
        headers: [
          ['a', value],
          ['b', Buffer.alloc(0)],
          ['a', value],
        ],
      },
      {
        key: value,
        value: Buffer.alloc(0),
        headers: [
          ['z', value],
          ['7', value],
          ['', value],
          ['ä', null],
        ],
      },
      { key: null, value: Buffer.alloc(300_000, 7) },
    ];
    const writer = new SafeWriter({ log, topic: own.name });
    const { baseOffset } = await writer.append(0, records);
    await writer.append(0, records.slice(0, 1));
    await writer.close();
    expect(baseOffset).toBe(0);
    const read: KafkaRecord[] = [];
    const producers: unknown[] = [];
    for await (const { batches } of readPartition({
      log,
      topic: own.name,
      topicId: own.topicId,
      partition: 0,
      from: 0,
    })) {
      for (const { bytes, header } of batches) {
        const parsed = parseBatch(bytes, header, nodeCodecs);
        if (!parsed.parsed) throw new Error(parsed.reason);
        read.push(...recordsOf(parsed));
        const { producerId, producerEpoch, baseSequence } = header;
        producers.push([producerId >= 0n, producerEpoch, baseSequence]);
      }
    }
    const found = read.map(({ key, value: stored, headers }) => [
      hex(key),
      hex(stored),
      headers.map(([name, content]) => [Buffer.from(name).toString(), hex(content)]),
    ]);
    const given = [...records, ...records.slice(0, 1)].map(({ key, value: sent, headers = [] }) => [
      hex(key),
      hex(sent),
      headers.map(([name, content]) => [name, hex(content)]),
    ]);
    expect(found).toEqual(given);
    // The broker recognises what kafkajs sends again by these.
    expect(producers).toEqual([
      [true, 0, 0],
      [true, 0, 4],
    ]);
  });

  test('transactions leave control batches that have offsets like any other', async () => {
    const own = await cluster.createTopic();
    const producer = plainKafka(stack).producer({
      transactionalId: `tx-${randomBytes(4).toString('hex')}`,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    for (const commit of [true, false]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: own.name, messages: [{ value: 'in a transaction', partition: 0 }] });
      await (commit ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const log = connect(configOf(stack, 'admin'));
    const chunks = await readAll({ log, topic: own.name, topicId: own.topicId, partition: 0, from: 0, to: 4 });
    const headers = chunks.flatMap(({ batches }) => batches.map(({ header }) => header));
    expect(headers.map(({ control, transactional }) => [control, transactional])).toEqual([
      [false, true],
      [true, true],
      [false, true],
      [true, true],
    ]);
  });
});
