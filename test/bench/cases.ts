import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { parseVerifierKey, signerFromSeed } from '@tallystick/core/note';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { silentLogger } from '@tallystick/kafka/logger';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { TopicNames } from '@tallystick/kafka/record-log';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { startLedger } from '@tallystick/ledger-service/service';
import { createProducer } from '@tallystick/producers/producer';
import { encodeEvent, eventHeaders } from '@tallystick/schemas/avro';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { verify } from '@tallystick/verifier/verify';
import { latency, latencySend } from './latency.ts';
import { proof } from './proof.ts';
import { restart, restartFill } from './restart.ts';
import { bundleExport, verifyBundle, verifyFirst, verifyIncremental } from './verify.ts';

/** What a case needs to know; comes to the child process as JSON. */
export interface CaseInput {
  readonly kafka: KafkaConfig;
  readonly registry: { readonly url: string };
  readonly topics: TopicNames;
  readonly emitTopic: string;
  readonly partitions: number;
  readonly events: number;
  readonly origin: string;
  readonly rootVkey: string;
  readonly sealKeyFile: string;
  readonly keyStatement: string;
  /** Who sends where the case itself is another one. */
  readonly senderKafka: KafkaConfig;
  /** A published log that is begun from. */
  readonly logDir: string;
  /** An evidence bundle of the topic, and a verifier's state; where they are not there yet, a case makes them. */
  readonly bundle: string;
  readonly state: string;
}

/** How long each of many requests took, in milliseconds. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The slowest of the first thousand, which load what the others find at hand; they are not among the others. */
  readonly slowestColdMs?: number;
  readonly slowestMs?: number;
}

/**
 * Runs the measured part and returns how many events it worked through, and how long each took where that is asked. `begin` is called when
 * the preparations are over.
 */
export type Case = (input: CaseInput, begin: () => void) => Promise<number | (Latency & { readonly events: number })>;

export function client({ kafka }: CaseInput): Kafka {
  return new Kafka({
    clientId: 'tallystick-bench',
    brokers: [...kafka.brokers],
    logLevel: logLevel.NOTHING,
    ...(kafka.sasl && {
      sasl: { mechanism: 'scram-sha-512', username: kafka.sasl.username, password: kafka.sasl.password },
    }),
  });
}

const value = randomBytes(300);

export function record(n: number) {
  return {
    key: `actor-${n % 1000}`.padEnd(16, '.'),
    value,
    headers: { 'avro-schema': value.subarray(0, 32), source: 'bench' },
  };
}

export const producerOptions = {
  idempotent: true,
  maxInFlightRequests: 1,
  createPartitioner: Partitioners.DefaultPartitioner,
} as const;

/**
 * Audit events of about 300 bytes as a producer writes them, one life of it and one sequence a partition, so that a verification
 * reads them too and finds nothing.
 */
function auditEvents(schemaId: number) {
  const instance = `bench-${randomBytes(4).toString('hex')}`;
  const prefix = `${randomBytes(4).toString('hex')}-${randomBytes(2).toString('hex')}-7000-8000-`;
  const sequences = new Map<number, number>();
  const headers = {
    ...Object.fromEntries(eventHeaders.map(([name, bytes]) => [name, Buffer.from(bytes)])),
    source: 'bench',
  };
  const reason = 'as agreed, '.repeat(12);
  return (n: number, partition: number) => {
    const sequence = sequences.get(partition) ?? 0;
    sequences.set(partition, sequence + 1);
    const event = {
      action: 'invoice:approve',
      occurredAtMs: Date.now(),
      actor: { type: 'user', id: `user-${n % 1000}`, roles: ['clerk'] },
      resources: [{ type: 'invoice', id: `inv-${n}` }],
      outcome: 'success',
      initiator: { ip: '10.0.0.1', userAgent: 'bench/1' },
      reason,
      id: prefix + n.toString(16).padStart(12, '0'),
      ...{ source: 'bench', instance, epoch: 1, sequence },
    };
    const key = `actor-${n % 1000}`.padEnd(16, '.');
    return { key, value: Buffer.from(encodeEvent(event, schemaId)), headers, partition };
  };
}

const fill: Case = async (input, begin) => {
  const producer = client(input).producer(producerOptions);
  await producer.connect();
  const id = await new SchemaRegistry(input.registry).register(`${input.topics.events}-value`);
  const next = auditEvents(id);
  begin();
  for (let sent = 0; sent < input.events;) {
    const size = Math.min(2000, input.events - sent);
    const partition = Math.floor(sent / 2000) % input.partitions;
    const messages = Array.from({ length: size }, (_, n) => next(sent + n, partition));
    await producer.send({ topic: input.topics.events, acks: -1, messages });
    sent += size;
  }
  await producer.disconnect();
  return input.events;
};

const eachBatch: Case = async (input, begin) => {
  const consumer = client(input).consumer({
    groupId: `tallystick-bench-${randomBytes(4).toString('hex')}`,
    maxBytesPerPartition: 1 << 20,
  });
  await consumer.connect();
  await consumer.subscribe({ topic: input.topics.events, fromBeginning: true });
  let seen = 0;
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  let begun = false;
  // Joining the group is no part of reading: the clock starts with the first batch asked for.
  consumer.on('consumer.group_join', () => {
    if (!begun) begin();
    begun = true;
  });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      seen += batch.messages.length;
      if (seen >= input.events) done();
    },
  });
  await all;
  void consumer.disconnect();
  return seen;
};

const strictReader: Case = async (input, begin) => {
  const log = connectRecordLog(input.kafka);
  const { topicId } = await log.describeTopic(input.topics.events);
  begin();
  let seen = 0;
  for (let partition = 0; partition < input.partitions; partition++) {
    for await (const chunk of readPartition({
      log,
      topic: input.topics.events,
      topicId,
      partition,
      from: 0,
      reuse: true,
    })) {
      for (const { header } of chunk.batches) seen += header.count;
    }
  }
  await log.close();
  return seen;
};

const seal: Case = async (input, begin) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'tallystick-bench-'));
  let sealed = 0;
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  begin();
  const ledger = await startLedger({
    kafka: input.kafka,
    topics: input.topics,
    origin: input.origin,
    rootKey: parseVerifierKey(input.rootVkey),
    // Sealing alone is measured: the log stays empty.
    roles: ['seal'],
    keyStatements: [Buffer.from(input.keyStatement, 'base64')],
    stores: await openStores({ dir: join(stateDir, 'log'), checkpointDir: join(stateDir, 'checkpoints') }),
    logKeys: [signerFromSeed(input.origin, randomBytes(32)).key],
    signer: openFileSigner(input.sealKeyFile),
    stateDir,
    logger: silentLogger,
    onSeal: ({ events }) => {
      sealed += events.last - events.first + 1;
      if (sealed >= input.events) done();
    },
  });
  await Promise.race([all, ledger.done]);
  await ledger.stop();
  rmSync(stateDir, { recursive: true });
  return sealed;
};

/** By one thread, or by as many as the command takes for a cluster. */
function verifyAll(workers: number): Case {
  return async (input, begin) => {
    const log = connectRecordLog(input.kafka);
    begin();
    const verdict = await verify({
      log,
      topics: input.topics,
      origin: input.origin,
      rootKey: parseVerifierKey(input.rootVkey),
      workers,
      reopen: { kind: 'kafka', config: input.kafka },
    });
    await log.close();
    if (verdict.exitCode !== 0)
      throw new Error(`the verdict is ${verdict.verdict}: ${JSON.stringify(verdict.findings[0])}`);
    return verdict.checked.events;
  };
}

const sendLoop: Case = async (input, begin) => {
  const producer = client(input).producer(producerOptions);
  await producer.connect();
  const count = input.events / 5;
  begin();
  for (let sent = 0; sent < count; sent += 500) {
    const messages = Array.from({ length: 500 }, (_, n) => ({
      ...record(sent + n),
      partition: (sent / 500) % input.partitions,
    }));
    await producer.send({ topic: input.emitTopic, acks: -1, messages });
  }
  await producer.disconnect();
  return count;
};

const emit: Case = async (input, begin) => {
  const producer = await createProducer({
    kafka: input.kafka,
    registry: input.registry,
    topic: input.emitTopic,
    source: 'bench',
  });
  const count = input.events / 5;
  const unhandled = () => undefined;
  let receipts: Promise<unknown>[] = [];
  begin();
  for (let n = 0; n < count; n++) {
    const { receipt } = await producer.emit({
      action: 'invoice:approve',
      occurredAtMs: 1_700_000_000_000 + n,
      actor: { type: 'user', id: `user-${n % 1000}`, roles: ['clerk'] },
      resources: [{ type: 'invoice', id: `inv-${n}` }],
      outcome: 'success',
      initiator: { ip: '10.0.0.1', userAgent: 'bench/1' },
      reason: 'as agreed',
    });
    receipt.catch(unhandled);
    receipts.push(receipt);
    if (receipts.length === 10_000) {
      await Promise.all(receipts);
      receipts = [];
    }
  }
  await producer.flush();
  await Promise.all(receipts);
  await producer.close({ deadlineMs: 30_000 });
  return count;
};

export const cases: Readonly<Record<string, Case>> = {
  fill,
  'kafkajs-eachBatch': eachBatch,
  'strict-reader': strictReader,
  seal,
  verify: verifyAll(Math.min(2, availableParallelism())),
  'verify-1': verifyAll(1),
  export: bundleExport,
  'verify-bundle-1': verifyBundle(1),
  'verify-bundle-2': verifyBundle(2),
  'verify-first': verifyFirst,
  'verify-incremental': verifyIncremental,
  proof,
  'kafkajs-send': sendLoop,
  emit,
  latency,
  'latency-send': latencySend,
  'restart-fill': restartFill,
  restart,
};
