import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readStack, restartKafka, startKafka, startStack, stopKafka, stopStack } from '../../infra/local/stack.ts';
import { configOf } from './real-cluster.ts';
import { expectCode, readAll, readUntilError, record, valuesIn } from './records.ts';

// A broker of its own, which can be frozen and killed without disturbing other tests.
const root = dirname(dirname(import.meta.dirname));
const home = mkdtempSync(join(tmpdir(), 'tallystick-faults-'));
/** Gives up soon, and so finds out soon what a broker does not answer. */
let config: KafkaConfig;
/** For what is to succeed. */
let patient: KafkaConfig;
let count = 0;
const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));
const printed = (['log', 'info', 'warn', 'error', 'debug'] as const).map((method) => vi.spyOn(console, method));

beforeAll(async () => {
  const stack = await startStack({ home, libs: join(root, '.tallystick', 'lib'), parts: ['kafka'], attached: true });
  patient = configOf(stack, 'admin');
  config = { ...patient, connectTimeoutMs: 2_000, requestTimeoutMs: 2_000 };
});

afterAll(async () => {
  await stopStack(home);
  rmSync(home, { recursive: true, force: true });
});

function pid(): number {
  const found = readStack(home)?.kafka?.pid;
  if (found === undefined) throw new Error('no broker runs');
  return found;
}

async function newTopic(
  log: RecordLog,
): Promise<{ topic: string; topicId: string; partition: number; from: number; log: RecordLog }> {
  const topic = `faults-${(count += 1)}`;
  await applyTopics(patient, [
    { name: topic, partitions: 1, replicationFactor: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
  ]);
  const asking = connectRecordLog(patient);
  const { topicId } = await asking.describeTopic(topic);
  await asking.close();
  return { topic, topicId, partition: 0, from: 0, log };
}

test('a frozen broker: every call ends at its deadline, and all goes on once it thaws', async () => {
  const log = connectRecordLog(config);
  const options = await newTopic(log);
  const writer = new SafeWriter({ log, topic: options.topic, deadlineMs: 60_000 });
  await writer.append(0, [record('0')]);
  const reader = readPartition({ ...options, follow: true, maxWaitMs: 100, deadlineMs: 60_000 });
  expect((await reader.next()).value?.nextOffset).toBe(1);
  process.kill(pid(), 'SIGSTOP');
  let append: Promise<unknown>;
  try {
    await expectCode(log.describeTopic(options.topic), 'TIMED_OUT');
    await expectCode(log.bounds(options.topic, 0), 'TIMED_OUT');
    await expectCode(log.createAppender(), 'TIMED_OUT');
    const impatient = new SafeWriter({ log, topic: options.topic, deadlineMs: 500 });
    expect((await expectCode(impatient.append(0, [record('perhaps')]), 'TIMED_OUT')).retriable).toBe(true);
    await impatient.close();
    await expectCode(readAll({ ...options, deadlineMs: 500 }), 'TIMED_OUT');
    append = writer.append(0, [record('1')]);
  } finally {
    process.kill(pid(), 'SIGCONT');
  }
  await append;
  const seen: string[] = [];
  for await (const chunk of reader) {
    seen.push(...valuesIn([chunk]));
    if (seen.includes('1')) break;
  }
  await writer.close();
  expect([...new Set(seen)].filter((value) => value !== 'perhaps')).toEqual(['1']);
  await log.close();
});

test('a broker killed and started again while records are written and read: nothing acknowledged is lost, the order holds', async () => {
  const log = connectRecordLog(config);
  const options = await newTopic(log);
  const writer = new SafeWriter({ log, topic: options.topic, deadlineMs: 240_000 });
  const acknowledged: { value: string; offset: number }[] = [];
  const total = 120;
  let restarted: Promise<unknown> = Promise.resolve();
  const writing = (async () => {
    for (let index = 0; index < total; index += 1) {
      if (index === 40) {
        process.kill(pid(), 'SIGKILL');
        restarted = restartKafka(home, { attached: true });
      }
      const { baseOffset } = await writer.append(0, [record(String(index))]);
      acknowledged.push({ value: String(index), offset: baseOffset });
    }
  })();
  const seen: string[] = [];
  try {
    for await (const chunk of readPartition({ ...options, follow: true, maxWaitMs: 100, deadlineMs: 240_000 })) {
      seen.push(...valuesIn([chunk]));
      if (seen.includes(String(total - 1))) break;
    }
    await writing;
  } finally {
    // Why it did not come back, where it did not, says more than that nobody could write.
    await restarted;
  }
  await writer.close();
  expect([...new Set(seen)]).toEqual(Array.from({ length: total }, (_, index) => String(index)));
  const again = valuesIn(await readAll(options));
  expect(acknowledged.filter(({ value, offset }) => again[offset] !== value)).toEqual([]);
  await log.close();
});

test('closing while a fetch waits ends it at once', async () => {
  const log = connectRecordLog(patient);
  const options = await newTopic(log);
  const waiting = log.fetch({ ...options, offset: 0, lastFetchedEpoch: -1, maxBytes: 1_000, maxWaitMs: 60_000 });
  const ended = expectCode(waiting, 'CLOSED');
  await log.describeTopic(options.topic);
  await log.close();
  await ended;
});

/** Five batches of one record each, and the segment that holds them. */
async function segmentOf(log: RecordLog) {
  const options = await newTopic(log);
  const writer = new SafeWriter({ log, topic: options.topic });
  for (let index = 0; index < 5; index += 1) await writer.append(0, [record(`record ${index}`)]);
  await writer.close();
  const dataDir = readStack(home)?.kafka?.dataDir ?? '';
  const file = join(dataDir, `${options.topic}-0`, '00000000000000000000.log');
  const batches = (await readAll(options)).flatMap((chunk) => chunk.batches);
  return { options, file, batches };
}

test('one byte flipped in the stored segment: the broker serves it, the reader stops there', async () => {
  const log = connectRecordLog(patient);
  const { options, file, batches } = await segmentOf(log);
  const bytes = readFileSync(file);
  const before = batches.slice(0, 3).reduce((sum, batch) => sum + batch.bytes.length, 0);
  bytes[before + (batches[3]?.bytes.length ?? 0) - 2] = 0x21;
  writeFileSync(file, bytes);
  const { chunks, error } = await readUntilError(options);
  expect(valuesIn(chunks)).toEqual(['record 0', 'record 1', 'record 2']);
  expect(error).toMatchObject({ code: 'BATCH_CRC', evidence: { topic: options.topic, partition: 0, offset: 3 } });
  await log.close();
});

test('a segment cut off while the broker was down, then written on: LOG_DIVERGED with the epoch, and never a calm end', async () => {
  const log = connectRecordLog(patient);
  const { options, file, batches } = await segmentOf(log);
  const lastEpoch = batches[4]?.header.leaderEpoch ?? -1;
  await stopKafka(home);
  truncateSync(
    file,
    batches.slice(0, 2).reduce((sum, batch) => sum + batch.bytes.length, 0),
  );
  // Without it the broker believes that it ended well and does not look at its segments.
  rmSync(join(dirname(dirname(file)), '.kafka_cleanshutdown'), { force: true });
  await startKafka(home, { attached: true });
  const short = await readUntilError({ ...options, from: 5 });
  expect(short.error.code).toBe('OFFSET_OUT_OF_RANGE');
  const writer = new SafeWriter({ log, topic: options.topic });
  for (let index = 0; index < 6; index += 1) await writer.append(0, [record('written later')]);
  await writer.close();
  const { chunks, error } = await readUntilError({ ...options, from: 5, lastEpoch });
  expect(chunks).toEqual([]);
  expect(error).toMatchObject({ code: 'LOG_DIVERGED', evidence: { offset: 5, found: `epoch ${lastEpoch} ends at 2` } });
  await log.close();
});

test('nothing of this was printed by kafkajs or warned of by Node', () => {
  expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
  expect(warnings.filter((warning) => warning.startsWith('Timeout'))).toEqual([]);
});
