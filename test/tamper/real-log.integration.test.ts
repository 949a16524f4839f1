import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { MemoryCheckpointStore } from '@tallystick/ledger-service/memory-checkpoint-store';
import { MemoryLogStore } from '@tallystick/ledger-service/memory-log-store';
import { MemoryStateFiles } from '@tallystick/ledger-service/memory-state-files';
import { startLedger } from '@tallystick/ledger-service/service';
import { selfTest } from '@tallystick/verifier/self-test';
import { verify } from '@tallystick/verifier/verify';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { kafkaConfigFor, makeTopics } from '../support/kafka.ts';
import { keyStatement, logSigner, noteOf, origin, rootKey, rootSigner, sealSigner } from './small-log.ts';

// The same alterations on copies of what a real broker stored and the real ledger sealed.

const { CompressionTypes, Kafka, logLevel } = kafkajs;
const stack = inject('stack');
const partitions = 2;
let topics: TopicNames;
let log: RecordLog;
const store = new MemoryLogStore();
const published = {
  place: 'the log of this test',
  read: async (path: string, maxBytes: number) => await store.read(path, maxBytes),
  close: async () => await Promise.resolve(),
};

async function produce(): Promise<void> {
  const { brokers, sasl } = kafkaConfigFor(stack, 'producer');
  const kafka = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    sasl: { mechanism: 'scram-sha-512', username: sasl!.username, password: sasl!.password },
  });
  const producer = kafka.producer();
  await producer.connect();
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    for (let partition = 0; partition < partitions; partition++) {
      const messages = Array.from({ length: 12 }, (_, n) => ({
        partition,
        key: `actor ${n}`,
        value: gzipSync(`event ${n}`).toString('base64'),
        headers: { trace: `t${n}` },
      }));
      for (let batch = 0; batch < 3; batch++) await producer.send({ topic: topics.events, compression, messages });
    }
  }
  await producer.disconnect();
}

beforeAll(async () => {
  topics = await makeTopics(stack, { partitions });
  log = connectRecordLog(kafkaConfigFor(stack, 'verifier'));
  const kafka = connectRecordLog(kafkaConfigFor(stack, 'ledger'));
  const ledger = await startLedger({
    ...{ kafka, topics, origin, rootKey, roles: ['seal', 'publish'] },
    ...{ stores: { store, checkpoints: new MemoryCheckpointStore() }, stateDir: new MemoryStateFiles() },
    ...{ logKeys: [logSigner.key], logSigners: [logSigner], signer: sealSigner, publishMs: 50 },
    ...{ keyStatements: [await noteOf(keyStatement(), rootSigner)], limits: { events: 20, ageMs: 200 } },
  });
  await produce();
  const deadline = performance.now() + 120_000;
  const verified = async () => await verify({ log, topics, origin, rootKey, published, logKeys: [logSigner.key] });
  for (let verdict = await verified(); ; verdict = await verified()) {
    if (
      verdict.exitCode === 0 &&
      verdict.checked.events === 144 &&
      verdict.published?.size === verdict.checked.statements
    )
      break;
    if (performance.now() > deadline) throw new Error(`not sealed: ${JSON.stringify(verdict.findings)}`);
    await sleep(200);
  }
  await ledger.stop();
  await kafka.close();
});
afterAll(async () => {
  await log.close();
});

it('finds every alteration, on a right to read alone', async () => {
  const ends = async () =>
    await Promise.all([topics.events, topics.seals, topics.leaves].map(async (name) => await log.bounds(name, 0)));
  const before = await ends();
  const result = await selfTest({ log, topics, origin, rootKey, published, logKeys: [logSigner.key] });
  expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
  expect(result).toMatchObject({ result: 'bites', exitCode: 0, notTried: ['two seals swapped'] });
  expect(result.tried.length).toBeGreaterThan(45);
  expect(result.copied.partitions).toHaveLength(partitions);
  expect(await ends()).toEqual(before);
});

it('on the newest seal of each partition alone, too', async () => {
  const result = await selfTest({ log, topics, origin, rootKey, published, logKeys: [logSigner.key], seals: 1 });
  expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
  expect(result.exitCode).toBe(0);
});

it('without a broker it says so', async () => {
  const none = connectRecordLog({ ...kafkaConfigFor(stack, 'verifier'), brokers: ['127.0.0.1:1'] });
  const result = await selfTest({ log: none, topics, origin, rootKey, deadlineMs: 1_000 });
  await none.close();
  expect(result).toMatchObject({ result: 'inconclusive', exitCode: 3, untouched: null });
  expect(result.why).toContain('cannot be copied');
});
