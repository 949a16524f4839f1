import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { applyAcls, applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { importCloudTrail } from '../src/cloudtrail.ts';
import { createProducer } from '../src/producer.ts';
import type { Producer, ProducerOptions } from '../src/producer.ts';
import { readEvents, sequenceFaults } from './reading.ts';

const one = { action: 'a', outcome: 'success', actor: { id: 'same' } };
const samples = ['cloudtrail-otrf.ndjson', 'cloudtrail-stratus.ndjson'].map((name) =>
  join(import.meta.dirname, '../../cli/sample', name),
);

describe('a real broker and registry', () => {
  const stack = inject('stack');
  let log: RecordLog;

  function configOf(role: 'admin' | 'producer' | 'verifier'): KafkaConfig {
    if (stack.kafka === null) throw new Error('the stack has no Kafka');
    const { username, passwordFile } = stack.kafka.users[role];
    return {
      brokers: stack.kafka.brokers,
      sasl: { mechanism: 'scram-sha-512', username, password: readFileSync(passwordFile, 'utf8').trim() },
      // A slow machine's broker is as silent as one that is gone.
      ...{ connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 },
    };
  }

  function registryUrl(): string {
    if (stack.registry === null) throw new Error('the stack has no registry');
    return stack.registry.url;
  }

  /** A topic of its own, with the rights that production gives. */
  async function topicOf(options: { allowed?: boolean; maxBytes?: number } = {}): Promise<string> {
    const name = `test-${randomUUID()}.events`;
    const config = {
      'message.timestamp.type': 'LogAppendTime',
      'max.message.bytes': String(options.maxBytes ?? 2_097_152),
    };
    await applyTopics(configOf('admin'), [{ name, partitions: 4, replicationFactor: -1, config }]);
    if (options.allowed !== false) {
      const principal = `User:${configOf('producer').sasl?.username ?? ''}`;
      await applyAcls(configOf('admin'), [
        { principal, resourceType: 'topic', resourceName: name, pattern: 'literal', operation: 'Write' },
      ]);
    }
    return name;
  }

  function open(topic: string, options: Partial<ProducerOptions> = {}): Promise<Producer> {
    return createProducer({
      kafka: configOf('producer'),
      registry: { url: registryUrl() },
      topic,
      source: 'billing',
      ...options,
    });
  }

  beforeAll(() => {
    log = connectRecordLog(configOf('admin'));
  });
  afterAll(() => log.close());

  it('keep what has a receipt, where it says, in order and without holes', async () => {
    const topic = await topicOf();
    const producer = await open(topic);
    const receipts = [];
    for (let n = 0; n < 2_000; n++) {
      const { id, receipt } = await producer.emit({
        action: `step:${String(n)}`,
        outcome: 'success',
        actor: { id: `user-${String(n % 31)}` },
      });
      receipts.push(receipt.then((place) => ({ id, ...place })));
    }
    await producer.flush();
    const placed = await Promise.all(receipts);
    await producer.close();
    const stored = await readEvents(log, topic);
    expect(stored).toHaveLength(2_000);
    const byId = new Map(stored.map(({ event, partition, offset }) => [event.id, { partition, offset }]));
    for (const { id, partition, offset } of placed) expect(byId.get(id)).toEqual({ partition, offset });
    expect(sequenceFaults(stored)).toEqual([]);
    expect(new Set(stored.map(({ partition }) => partition)).size).toBe(4);
  });

  it('register the schema under the topic at FULL_TRANSITIVE', async () => {
    const topic = await topicOf();
    const producer = await open(topic);
    await (
      await producer.emit(one)
    ).receipt;
    await producer.close();
    const level = (await (await fetch(`${registryUrl()}/config/${topic}-value`)).json()) as {
      compatibilityLevel: string;
    };
    expect(level.compatibilityLevel).toBe('FULL_TRANSITIVE');
    const versions = (await (await fetch(`${registryUrl()}/subjects/${topic}-value/versions/1`)).json()) as {
      id: number;
    };
    expect(await new SchemaRegistry({ url: registryUrl() }).schemaById(versions.id)).toContain('AuditEvent');
  });

  it('take an event of 1 MB, and one smaller than the topic takes is refused with its code', async () => {
    const topic = await topicOf({ maxBytes: 1_500_000 });
    const producer = await open(topic);
    await (
      await producer.emit({ ...one, after: 'x'.repeat(1_048_576) })
    ).receipt;
    const { receipt } = await producer.emit({ ...one, after: 'x'.repeat(1_600_000) });
    await expect(receipt).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await (
      await producer.emit(one)
    ).receipt;
    await producer.close();
    expect(await readEvents(log, topic)).toHaveLength(2);
  });

  it('lose nothing with a receipt when the service is killed', async () => {
    const topic = await topicOf();
    const options = {
      kafka: configOf('producer'),
      registry: { url: registryUrl() },
      topic,
      source: 'billing',
      batchEvents: 20,
    };
    const child = spawn(
      process.execPath,
      ['--conditions=@tallystick/source', join(import.meta.dirname, 'emit-for-ever.ts'), JSON.stringify(options)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const receipts: { id: string; partition: number; offset: number }[] = [];
    const ended = new Promise((resolve) => child.once('close', resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      const [id = '', partition, offset] = line.split(' ');
      // A line that the kill cut off says nothing.
      if (offset !== undefined && id.length === 36)
        receipts.push({ id, partition: Number(partition), offset: Number(offset) });
      if (receipts.length === 500) child.kill('SIGKILL');
    }
    await ended;
    const stored = await readEvents(log, topic);
    const byId = new Map(stored.map(({ event, partition, offset }) => [event.id, { partition, offset }]));
    for (const { id, partition } of receipts) expect(byId.get(id)?.partition).toBe(partition);
    expect(sequenceFaults(stored)).toEqual([]);
  });

  it('hold every record of the samples once imported, and equal ones when imported again', async () => {
    const topic = await topicOf();
    const key = new Uint8Array(32).fill(9);
    for (let time = 0; time < 2; time++) {
      const producer = await open(topic, { source: 'import', orderingSecret: key });
      const counts = await importCloudTrail({ files: samples, emit: (event) => producer.emit(event), key });
      expect(counts).toMatchObject({ records: 202, imported: 202, broken: 0, unsupported: 0, refused: 0 });
      await producer.close();
    }
    const stored = await readEvents(log, topic);
    expect(stored).toHaveLength(404);
    const seen = new Map<string, unknown>();
    for (const { event, key: recordKey, partition } of stored) {
      const { instance: _instance, epoch: _epoch, sequence: _sequence, ...same } = event;
      const content = { ...same, recordKey, partition };
      const before = seen.get(event.id);
      if (before === undefined) seen.set(event.id, content);
      else expect(content).toEqual(before);
    }
    expect(seen.size).toBe(202);
  });

  describe('say clearly', () => {
    const wrong = (): KafkaConfig => ({
      brokers: configOf('producer').brokers,
      sasl: { mechanism: 'scram-sha-512', username: 'producer', password: 'wrong' },
    });

    it('that the password is wrong', async () => {
      await expect(open('any', { kafka: wrong() })).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    });

    it('that no broker is there', async () => {
      await expect(open('any', { kafka: { brokers: ['127.0.0.1:1'] } })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    });

    it('that the right is missing', async () => {
      const topic = await topicOf({ allowed: false });
      await expect(open(topic)).rejects.toMatchObject({
        code: expect.stringMatching(/NOT_AUTHORIZED|TOPIC_MISSING/) as string,
      });
      // Who may look at the topic and not write to it hears so at the first event.
      const principal = `User:${configOf('producer').sasl?.username ?? ''}`;
      await applyAcls(configOf('admin'), [
        { principal, resourceType: 'topic', resourceName: topic, pattern: 'literal', operation: 'Describe' },
      ]);
      const producer = await open(topic);
      const { receipt } = await producer.emit(one);
      await expect(receipt).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
      await producer.close();
    });

    it('that the topic is missing', async () => {
      await expect(open(`missing-${randomUUID()}`, { kafka: configOf('admin') })).rejects.toMatchObject({
        code: 'TOPIC_MISSING',
      });
    });

    it('that the registry is missing', async () => {
      const topic = await topicOf();
      await expect(open(topic, { registry: { url: 'http://127.0.0.1:1', retries: 0 } })).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
      });
    });
  });
});
