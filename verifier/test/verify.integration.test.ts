import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parseVerifierKey } from '@tallystick/core/note';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { SchemasError } from '@tallystick/schemas/errors';
import kafkajs from 'kafkajs';
import type { Admin, Message } from 'kafkajs';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { compressSync, uncompressSync } from 'snappy';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { fileAnchorStore } from '../src/adapters/anchor-file.ts';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { verify } from '../src/verify.ts';
import type { Verdict } from '../src/verdict.ts';
import type { VerifyOptions } from '../src/verify.ts';
import { life, record } from './content/support.ts';
import { afterGenesis, entriesOf, genesisText, keyFrom, keyText, makeSeal } from './support/tiny-sealer.ts';
import type { Entry, Partition } from './support/tiny-sealer.ts';
import { summary } from './support/world.ts';

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs;
const stack = inject('stack');
const origin = 'tallystick.test/real';
const rootKey = keyFrom(`${origin}/root`, 11);
const sealKey = keyFrom(`${origin}/seal`, 12);

// By their numbers in a batch's attributes.
const codecs = [
  null,
  { type: CompressionTypes.GZIP, compress: gzipSync, decompress: gunzipSync },
  {
    type: CompressionTypes.Snappy,
    compress: compressSync,
    decompress: (bytes: Buffer) => Buffer.from(uncompressSync(bytes)),
  },
  { type: CompressionTypes.LZ4, compress: compressFrameSync, decompress: decompressFrameSync },
  { type: CompressionTypes.ZSTD, compress: zstdCompressSync, decompress: zstdDecompressSync },
] as const;

function configOf(role: 'admin' | 'producer', password?: string): KafkaConfig {
  if (stack.kafka === null) throw new Error('these tests need the stack with Kafka');
  const { username, passwordFile } = stack.kafka.users[role];
  return {
    brokers: stack.kafka.brokers,
    sasl: { mechanism: 'scram-sha-512', username, password: password ?? readFileSync(passwordFile, 'utf8').trim() },
    // A slow machine's broker is as silent as one that is gone.
    ...{ connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 },
  };
}

let admin: Admin;
let log: RecordLog;
let kafka: InstanceType<typeof Kafka>;
beforeAll(async () => {
  const { brokers, sasl } = configOf('admin');
  kafka = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 30_000,
    sasl: { mechanism: 'scram-sha-512', username: sasl!.username, password: sasl!.password },
  });
  admin = kafka.admin();
  await admin.connect();
  log = connectRecordLog(configOf('admin'));
  for (const codec of codecs) {
    if (codec === null) continue;
    CompressionCodecs[codec.type] = () => ({
      compress: (encoder: { buffer: Buffer }) => Promise.resolve(codec.compress(encoder.buffer)),
      decompress: (bytes: Buffer) => Promise.resolve(codec.decompress(bytes)),
    });
  }
});
afterAll(async () => {
  await log.close();
  await admin.disconnect();
});

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await done().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** One log with topics of its own on the real broker. */
class RealWorld {
  readonly topics: TopicNames;
  readonly states = new Map<number, Partition>();

  constructor() {
    const id = randomBytes(6).toString('hex');
    this.topics = { events: `verifier-events-${id}`, seals: `verifier-seals-${id}`, leaves: `verifier-leaves-${id}` };
  }

  static async make(): Promise<RealWorld> {
    const world = new RealWorld();
    for (const [topic, partitions] of [
      [world.topics.events, 2],
      [world.topics.seals, 1],
      [world.topics.leaves, 2],
    ] as const) {
      await world.createTopic(topic, partitions);
    }
    await world.statement(rootKey.sign(keyText(origin, 0, 'add', sealKey.vkey, '-')));
    const { topicId } = await log.describeTopic(world.topics.events);
    for (const partition of [0, 1]) {
      const fields = { origin, topic: world.topics.events, topicId, partition };
      const text = genesisText(fields);
      await world.statement(sealKey.sign(text));
      world.states.set(partition, afterGenesis(text, fields));
    }
    return world;
  }

  async createTopic(topic: string, numPartitions: number): Promise<void> {
    const configEntries = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'max.message.bytes', value: '2097152' },
    ];
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] });
    await until(`topic ${topic}`, async () => {
      for (let partition = 0; partition < numPartitions; partition++) await log.bounds(topic, partition);
      return true;
    });
  }

  async append(topic: string, partition: number, key: string | null, value: Uint8Array): Promise<void> {
    const appender = await log.createAppender();
    await appender.append(topic, partition, [{ key: key === null ? null : Buffer.from(key), value }]);
    appender.drop();
  }

  async statement(note: Uint8Array): Promise<void> {
    await this.append(this.topics.seals, 0, null, note);
  }

  async produce(messages: readonly Omit<Message, 'partition'>[], partition: number, codec = 0): Promise<void> {
    const producer = kafka.producer();
    await producer.connect();
    const compression = codecs[codec]?.type ?? CompressionTypes.None;
    await producer.send({
      topic: this.topics.events,
      compression,
      messages: messages.map((message) => ({ ...message, partition })),
    });
    await producer.disconnect();
  }

  async entries(partition: number): Promise<{ entries: Entry[]; codecs: Set<number> }> {
    const topic = this.topics.events;
    const { topicId } = await log.describeTopic(topic);
    const { logStart } = await log.bounds(topic, partition);
    const entries: Entry[] = [];
    const seen = new Set<number>();
    for await (const chunk of readPartition({ log, topic, topicId, partition, from: logStart })) {
      for (const { bytes, header } of chunk.batches) {
        const batch = Buffer.from(bytes);
        seen.add(header.codec);
        entries.push(...entriesOf(batch, partition, codecs[header.codec]?.decompress(batch.subarray(61))));
      }
    }
    return { entries, codecs: seen };
  }

  async seal(partition: number, events: number): Promise<Set<number>> {
    const { entries, codecs: seen } = await this.entries(partition);
    for (;;) {
      const state = this.states.get(partition)!;
      const rest = entries.filter(({ offset }) => offset >= state.nextOffset).slice(0, events);
      if (rest.length === 0) return seen;
      const made = makeSeal(origin, this.topics.events, state, rest);
      await this.append(
        this.topics.leaves,
        partition,
        `${this.topics.events}/${state.generation}/${state.nextSeal}`,
        made.leaves,
      );
      await this.statement(sealKey.sign(made.text));
      this.states.set(partition, made.next);
    }
  }

  /** Each list is one batch of partition 0. */
  async emit(...batches: readonly (readonly AuditEvent[])[]): Promise<void> {
    const appender = await log.createAppender();
    for (const batch of batches) await appender.append(this.topics.events, 0, batch.map(record));
    appender.drop();
  }

  async verify(options: Partial<VerifyOptions> = {}): Promise<Verdict> {
    const { topics } = this;
    return await verify({
      log,
      topics,
      origin,
      rootKey: parseVerifierKey(rootKey.vkey),
      settleMs: 500,
      deadlineMs: 20_000,
      // Some of the odd values look as if they named a schema: nobody knows it.
      schemas: { schemaById: (id) => Promise.reject(new SchemasError('SCHEMA_UNKNOWN', `no schema ${id}`)) },
      ...options,
    });
  }
}

/** A process that verifies these topics against the anchor file, every seal a part of its progress; killed once so many parts are kept. */
async function killedAfter(parts: number, { topics }: RealWorld, anchor: string): Promise<number> {
  const source = (file: string): string => JSON.stringify(join(import.meta.dirname, '../src', file));
  const code = `
    const { connectRecordLog } = await import('@tallystick/kafka/kafkajs-log');
    const { parseVerifierKey } = await import('@tallystick/core/note');
    const { verify } = await import(${source('verify.ts')});
    const { fileAnchorStore } = await import(${source('adapters/anchor-file.ts')});
    const { config, parts, ...options } = JSON.parse(process.env.VERIFY);
    const store = fileAnchorStore(options.anchor);
    let kept = 0;
    // It goes on no more then: so it is met in the middle, however slow this machine is.
    const append = async (part) => {
      await store.progress.append(part);
      if (++kept > parts) await new Promise(() => setInterval(() => undefined, 1_000));
    };
    const anchor = { ...store, progress: { ...store.progress, append } };
    await verify({
      ...options, log: connectRecordLog(config), rootKey: parseVerifierKey(options.rootKey), anchor,
      schemas: { schemaById: () => Promise.reject(new Error('none')) },
    });`;
  const options = { topics, origin, rootKey: rootKey.vkey, anchor, progressEveryEvents: 1, progressEveryMs: 0 };
  const child = spawn(process.execPath, ['--conditions=@tallystick/source', '--input-type=module', '-e', code], {
    env: { ...process.env, VERIFY: JSON.stringify({ ...options, parts, config: configOf('admin') }) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const over = once(child, 'exit');
  const kept = (): number =>
    existsSync(`${anchor}.progress`)
      ? readdirSync(`${anchor}.progress`).filter((name) => name.startsWith('part-')).length - 1
      : 0;
  while (kept() < parts && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill('SIGKILL');
  await over;
  return kept();
}

test('a run that is killed in the middle is gone on with: what it checked is not fetched again', async () => {
  const world = await RealWorld.make();
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-killed-'));
  try {
    for (let seal = 0; seal < 20; seal++) await world.emit(life([2 * seal, 2 * seal + 1]));
    await world.seal(0, 2);
    const file = join(folder, 'anchor.json');
    const kept = await killedAfter(6, world, file);
    expect(kept).toBeGreaterThanOrEqual(6);
    expect(kept).toBeLessThan(20);
    expect(existsSync(file)).toBe(false);
    const fetched: number[] = [];
    const watched = Object.assign(Object.create(log) as RecordLog, {
      fetch: async (request: Parameters<RecordLog['fetch']>[0]) => {
        if (request.topic === world.topics.events && request.partition === 0) fetched.push(request.offset);
        return await log.fetch(request);
      },
    });
    const verdict = await world.verify({ anchor: fileAnchorStore(file), log: watched });
    expect(verdict).toMatchObject({
      exitCode: 0,
      mode: 'full',
      checked: { events: 40, seals: 20 },
      content: { decoded: 40, lives: 1, ids: { compared: 40 } },
      resumed: { events: 2 * kept, leftAside: null },
    });
    // The last record before the border is read with the batch that follows it.
    expect(Math.min(...fetched)).toBe(2 * kept - 1);
    expect(existsSync(`${file}.progress`)).toBe(false);
    expect(await world.verify({ anchor: fileAnchorStore(file), incremental: true })).toMatchObject({
      exitCode: 0,
      mode: 'incremental',
      resumed: null,
      checked: { events: 0 },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('on a real broker', () => {
  test('records of every odd kind, in every codec, sealed by another implementation, are verified', async () => {
    const world = await RealWorld.make();
    const odd: Omit<Message, 'partition'>[] = [
      { key: null, value: null },
      { key: null, value: Buffer.alloc(0) },
      { key: Buffer.alloc(0), value: Buffer.from([0xff, 0xfe, 0]) },
      {
        key: 'k',
        value: 'v',
        headers: { repeated: ['a', 'b', 'a'], '': 'empty name', empty: '', bytes: Buffer.from([0xc3, 0x28]) },
      },
      { key: 'big', value: randomBytes(1_000_000) },
      { key: 'zeros', value: Buffer.alloc(300_000) },
    ];
    for (const codec of [0, 1, 2, 3, 4]) {
      await world.produce(odd.slice(0, 5), 0, codec);
      await world.produce(odd.slice(5), 0, codec);
      await world.produce(
        Array.from({ length: 40 }, (_, n) => ({ key: `k${n}`, value: `value ${n} `.repeat(10) })),
        1,
        codec,
      );
    }
    expect(await world.seal(0, 7)).toEqual(new Set([0, 1, 2, 3, 4]));
    await world.seal(1, 64);
    await world.produce([{ value: 'not sealed yet' }], 1);
    const anchor = memoryAnchorStore();
    const verdict = await world.verify({ anchor });
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      verdict: 'verified',
      checked: { events: 230, seals: 9, keyStatements: 1 },
      counts: { unsealed: 1, rubbish: 0, noise: 0, forks: 0 },
      anchoredTo: { updated: true },
    });
  });

  test("numbers out of turn are named, and the broker's clock is held to that of the events", async () => {
    const world = await RealWorld.make();
    const [zero, one, two, three, four] = life([0, 1, 2, 3, 4], { occurredAtMs: Date.now() });
    await world.emit([zero!, one!], [three!], [two!], [zero!, one!], [four!]);
    await world.seal(0, 4);
    const limit = { maxClockSkewMs: 60_000 };
    const verdict = await world.verify(limit);
    expect(summary(verdict)).toEqual(['sequence-late 0 offsets 3-3', 'duplicate 0 offsets 4-5']);
    expect(verdict.findings.map(({ message }) => message)).toEqual([
      'Number 2 of producer "billing-1", epoch 5, came late, behind a higher one: at offset 3, between number 3 (offset 2) and number 0 (offset 4).',
      'Numbers 0 to 1 of producer "billing-1", epoch 5, came again at offsets 4 to 5, between number 2 (offset 3) and number 4 (offset 6), with the same events, which stood first at offsets 0 to 1.',
    ]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      clocks: { limitMs: 60_000, seals: { compared: 2, withoutClock: 0, onlyInLog: 0 }, witnesses: [] },
    });
    // An event that says it was stored in ten minutes: whoever stores its seal stores that before.
    const configEntries = [{ name: 'message.timestamp.type', value: 'CreateTime' }];
    const type = ConfigResourceTypes.TOPIC;
    await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: world.topics.events, configEntries }] });
    const { value, headers } = record(life([5], { occurredAtMs: Date.now() })[0]!);
    const message = {
      value: Buffer.from(value!),
      headers: Object.fromEntries((headers ?? []).map(([name, of]) => [name, Buffer.from(of!)])),
    };
    await world.produce([{ ...message, timestamp: String(Date.now() + 600_000) }], 0);
    await world.seal(0, 4);
    const ahead = await world.verify(limit);
    expect(summary(ahead)).toEqual([
      'sequence-late 0 offsets 3-3',
      'duplicate 0 offsets 4-5',
      'clock-skew 0 offsets 7-7',
      'create-time 0 offsets 7-7',
    ]);
    expect(ahead.exitCode).toBe(0);
    const skew = ahead.findings.find(({ code }) => code === 'clock-skew');
    expect(skew).toMatchObject({ found: 'seal', expected: 'at most 60000 ms', detail: { count: 1, worstOffset: 7 } });
    expect(Number(skew?.detail?.['worstMs'])).toBeGreaterThan(540_000);
  });

  test("one byte changed in the broker's own log segment: the very event is named; put back, all is well again", async () => {
    const world = await RealWorld.make();
    for (const codec of [0, 4]) {
      await world.produce(
        Array.from({ length: 10 }, (_, n) => ({ key: `k${n}`, value: `event number ${n}` })),
        0,
        codec,
      );
    }
    await world.seal(0, 8);
    expect((await world.verify()).exitCode).toBe(0);
    const segment = join(stack.kafka!.dataDir, `${world.topics.events}-0`, '00000000000000000000.log');
    const original = readFileSync(segment);
    const changed = Buffer.from(original);
    const batch = changed.subarray(0, 12 + changed.readInt32BE(8));
    batch.writeUInt8(0x45, batch.indexOf('event number 6'));
    // The broker serves it as it is: it checks no CRC when it reads.
    write(segment, changed);
    expect(summary(await world.verify())).toEqual(['bad-crc 0 offsets 0-0']);
    sealCrc(batch);
    write(segment, changed);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['altered 0 offsets 6-6']);
    expect(verdict).toMatchObject({ exitCode: 1, checked: { events: 12, seals: 2 } });
    // One byte inside the compressed batch (offsets 10-19): what it decompresses to is no longer what was sealed.
    const compressed = Buffer.from(original);
    const second = compressed.subarray(batch.length);
    second.writeUInt8(second.readUInt8(second.length - 3) ^ 1, second.length - 3);
    sealCrc(second);
    write(segment, compressed);
    const inside = await world.verify();
    expect(inside.exitCode).toBe(1);
    expect(inside.findings.filter(({ code }) => code === 'altered').length).toBeGreaterThan(0);
    write(segment, original);
    expect(summary(await world.verify())).toEqual([]);
  });

  test('records deleted by an administrator are a loss, and the rest is still checked', async () => {
    const world = await RealWorld.make();
    for (const partition of [0, 1]) {
      await world.produce(
        Array.from({ length: 20 }, (_, n) => ({ value: `event ${n}` })),
        partition,
      );
      await world.seal(partition, 5);
    }
    const topic = world.topics.events;
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '8' }] });
    await until('the deletion', async () => (await log.bounds(topic, 1)).logStart === 8);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['deleted 1 offsets 0-4', 'deleted 1 offsets 5-7']);
    expect(verdict).toMatchObject({ exitCode: 1, checked: { events: 30 } });
  });

  test('an events topic made anew under the same name, and both topics made anew against an anchor', async () => {
    const world = await RealWorld.make();
    await world.produce([{ value: 'a' }, { value: 'b' }], 0);
    await world.seal(0, 10);
    const anchor = memoryAnchorStore();
    expect((await world.verify({ anchor })).exitCode).toBe(0);
    await recreate(world, world.topics.events, 2);
    await world.produce([{ value: 'a' }, { value: 'b' }], 0);
    const verdict = await world.verify();
    expect(summary(verdict)).toEqual(['topic-recreated 0 offsets 0-1', 'topic-recreated 1 -']);
    expect(verdict.exitCode).toBe(1);
    await recreate(world, world.topics.seals, 1);
    expect((await world.verify()).exitCode).toBe(3);
    const rolledBack = await world.verify({ anchor });
    expect(rolledBack.exitCode).toBe(1);
    expect(rolledBack.findings.filter(({ code }) => code === 'rollback')).toHaveLength(3);
  });

  test('a wrong password, and a user without the right, are unavailable', async () => {
    const world = await RealWorld.make();
    await world.produce([{ value: 'a' }], 0);
    await world.seal(0, 10);
    for (const [config, code] of [
      [configOf('admin', 'wrong'), 'AUTHENTICATION_FAILED'],
      [configOf('producer'), 'NOT_AUTHORIZED'],
      [{ ...configOf('admin'), brokers: ['127.0.0.1:1'] }, 'UNREACHABLE'],
    ] as const) {
      const other = connectRecordLog(config);
      const verdict = await verify({
        log: other,
        topics: world.topics,
        origin,
        rootKey: parseVerifierKey(rootKey.vkey),
        deadlineMs: 10_000,
      });
      await other.close();
      expect(verdict.exitCode).toBe(3);
      expect(verdict.findings.map((finding) => `${finding.code} ${finding.found}`)).toEqual([`unavailable ${code}`]);
    }
  });
});

/** Overwrites a file's bytes in place, as somebody with access to the broker's disk would. */
function write(path: string, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
}

async function recreate(world: RealWorld, topic: string, partitions: number): Promise<void> {
  const { topicId } = await log.describeTopic(topic);
  await admin.deleteTopics({ topics: [topic] });
  await until(`the end of ${topic}`, async () => {
    await log.describeTopic(topic).then(
      () => Promise.reject(new Error('still there')),
      () => undefined,
    );
    return true;
  });
  await world.createTopic(topic, partitions);
  await until(`another id of ${topic}`, async () => (await log.describeTopic(topic)).topicId !== topicId);
}
