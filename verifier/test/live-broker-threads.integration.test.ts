// Two threads over a real broker: what becomes of a run whose broker is frozen or killed in the middle, of a thread that cannot log in, and of a
// run that is cancelled. A broker of its own, so that it can be killed. Shards are cut as ever.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseVerifierKey } from '@tallystick/core/note';
import { applyTopics } from '@tallystick/kafka/admin';
import type { KafkaConfig } from '@tallystick/kafka/config';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type KafkaCluster, startKafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { Verdict } from '../src/verdict.ts';
import { verify } from '../src/verify.ts';
import type { VerifyOptions } from '../src/verify.ts';
import { afterGenesis, entriesOf, genesisText, keyText, makeSeal } from './support/tiny-sealer.ts';
import type { Entry } from './support/tiny-sealer.ts';
import { origin, rootKey, sealKey } from './support/world.ts';

/** Ten shards of 20,000. */
const events = 200_000;
const sealEvents = 10_000;
const batchEvents = 1_000;
const libs = join(import.meta.dirname, '..', '..', '.tallystick', 'lib');
const home = mkdtempSync(join(tmpdir(), 'tallystick-threads-'));
const topics: TopicNames = { events: 'events', seals: 'seals', leaves: 'leaves' };
/** Of a broker that will not answer. */
const deadlineMs = 3_000;
/** A handful of waits, one after the other: of the threads, of the one that reads again, for the partitions that there are; on a slow machine. */
const mostMs = 30 * deadlineMs;

let cluster: KafkaCluster;
let config: KafkaConfig;
let temp = '';
const systems = process.env['TMPDIR'];

beforeAll(async () => {
  cluster = await startKafkaCluster({ home, libs, brokers: 1 });
  const { username, passwordFile } = cluster.users.admin;
  const password = readFileSync(passwordFile, 'utf8').trim();
  config = { brokers: cluster.addresses, sasl: { mechanism: 'scram-sha-512', username, password } };
  // A slow machine's broker is as silent as one that is gone.
  const patience = { connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, loginTimeoutMs: 60_000 };
  await withLog(async (log) => await makeLog(log), patience);
}, 600_000);
afterAll(async () => {
  await cluster.close();
  rmSync(home, { recursive: true, force: true });
}, 60_000);
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'tallystick-run-'));
  process.env['TMPDIR'] = temp;
});
afterEach(() => {
  if (systems === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = systems;
  rmSync(temp, { recursive: true });
});

async function withLog<T>(use: (log: RecordLog) => Promise<T>, over: Partial<KafkaConfig> = {}): Promise<T> {
  const log = connectRecordLog({ ...config, ...over });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

async function makeLog(log: RecordLog): Promise<void> {
  const settings = { 'message.timestamp.type': 'LogAppendTime', 'min.insync.replicas': '1' };
  await applyTopics(
    { ...config, loginTimeoutMs: 60_000, requestTimeoutMs: 60_000 },
    Object.values(topics).map((name) => ({ name, partitions: 1, replicationFactor: 1, config: settings })),
  );
  const appender = await log.createAppender();
  const append = async (topic: string, values: readonly Uint8Array[], key: string | null = null): Promise<void> => {
    const keyBytes = key === null ? null : Buffer.from(key);
    await appender.append(
      topic,
      0,
      values.map((value) => ({ key: keyBytes, value })),
    );
  };
  for (let at = 0; at < events; at += batchEvents)
    await append(
      topics.events,
      Array.from({ length: batchEvents }, (_, n) => Buffer.alloc(200, `event ${at + n} `)),
    );
  const { topicId } = await log.describeTopic(topics.events);
  await append(topics.seals, [rootKey.sign(keyText(origin, 0, 'add', sealKey.vkey, '-'))]);
  const fields = { origin, topic: topics.events, topicId, partition: 0 };
  const genesis = genesisText(fields);
  await append(topics.seals, [sealKey.sign(genesis)]);
  let state = afterGenesis(genesis, fields);
  let entries: Entry[] = [];
  for await (const { batches } of readPartition({ log, topic: topics.events, topicId, partition: 0, from: 0 })) {
    entries.push(...batches.flatMap(({ bytes }) => entriesOf(Buffer.from(bytes), 0)));
    while (entries.length >= sealEvents) {
      const { text, leaves, next } = makeSeal(origin, topics.events, state, entries.slice(0, sealEvents));
      await append(topics.leaves, [leaves], `${topics.events}/0/${state.nextSeal}`);
      await append(topics.seals, [sealKey.sign(text)]);
      state = next;
      entries = entries.slice(sealEvents);
    }
  }
  appender.drop();
}

const byTwo = (password?: string): Partial<VerifyOptions> => {
  const { sasl } = config;
  if (sasl === undefined) throw new Error('no login');
  const login: KafkaConfig = { ...config, sasl: { ...sasl, password: password ?? sasl.password } };
  return { workers: 2, reopen: { kind: 'kafka', config: login } };
};

async function judge(options: Partial<VerifyOptions> = {}): Promise<Verdict> {
  const key = parseVerifierKey(rootKey.vkey);
  return await withLog(async (log) => await verify({ log, topics, origin, rootKey: key, settleMs: 500, ...options }));
}

/** Does something once, when some of the records were read. */
function inTheMiddle(act: () => void): Pick<VerifyOptions, 'onProgress'> & { readonly at: () => number } {
  let done = 0;
  return {
    at: () => done,
    onProgress: (progress) => {
      if (done > 0 || progress.phase !== 'records' || progress.done === 0) return;
      done = progress.done;
      act();
    },
  };
}

/** Threads of this process that a verification started. */
function threads(): string[] {
  return readdirSync('/proc/self/task')
    .map((task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim())
    .filter((name) => 'tallystick-verify'.startsWith(name) && name !== '');
}

/** What an unavailable broker made of a run, and that it left nothing. */
async function ends(options: Partial<VerifyOptions>): Promise<{ verdict: Verdict; tookMs: number }> {
  const from = performance.now();
  const verdict = await judge(options);
  const tookMs = performance.now() - from;
  expect(readdirSync(temp)).toEqual([]);
  expect(threads()).toEqual([]);
  return { verdict, tookMs };
}

const codes = ({ findings }: Verdict): string[] =>
  findings.filter(({ code }) => code !== 'undecodable').map(({ code, found }) => `${code} ${found}`);

async function reachable(): Promise<void> {
  for (const until = performance.now() + 180_000; performance.now() < until; await sleep(500))
    if ((await judge()).exitCode === 0) return;
  throw new Error('the broker did not come back');
}

function plain({ startedAt: _startedAt, durationMs: _durationMs, rates: _rates, ...verdict }: Verdict): object {
  return verdict;
}

describe('two threads over a broker', () => {
  test('say what one says', async () => {
    const now = () => 1_900_000_000_000;
    const alone = await judge({ now });
    expect(alone).toMatchObject({ exitCode: 0, checked: { events, seals: events / sealEvents } });
    let most = 0;
    const watch = { onProgress: () => void (most = Math.max(most, threads().length)) };
    const { verdict } = await ends({ ...byTwo(), ...watch, now });
    expect(plain(verdict)).toEqual(plain(alone));
    expect(most).toBe(1);
  });

  // The thread that asks reads itself what the other could not: all of it was looked at.
  test('of which one cannot log in say what one says', async () => {
    const now = () => 1_900_000_000_000;
    const { verdict } = await ends({ ...byTwo('wrong'), now });
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events } });
    expect(plain(verdict)).toEqual(plain(await judge({ now })));
  });

  test('of which none can log in', async () => {
    const { sasl } = config;
    const log = connectRecordLog({ ...config, sasl: { ...sasl!, password: 'wrong' } });
    const { verdict } = await ends({ ...byTwo('wrong'), log });
    await log.close();
    expect({ exit: verdict.exitCode, codes: codes(verdict) }).toEqual({
      exit: 3,
      codes: ['unavailable AUTHENTICATION_FAILED'],
    });
  });

  test('are cancelled: nothing is left of them', async () => {
    const stop = new AbortController();
    let from = Infinity;
    const { at, ...middle } = inTheMiddle(() => {
      from = performance.now();
      stop.abort();
    });
    await expect(judge({ ...byTwo(), ...middle, signal: stop.signal })).rejects.toMatchObject({
      code: 'VERIFY_ABORTED',
    });
    // Of the deadline of 30 s that it has otherwise nothing is waited for.
    expect(performance.now() - from).toBeLessThan(25_000);
    expect(at()).toBeLessThan(events / 2);
    expect(threads()).toEqual([]);
    expect(readdirSync(temp)).toEqual([]);
  });

  test('whose broker is frozen in the middle', async () => {
    const [broker] = cluster.brokers;
    const { at, ...middle } = inTheMiddle(() => broker!.freeze());
    try {
      const { verdict, tookMs } = await ends({ ...byTwo(), ...middle, deadlineMs });
      expect({ exit: verdict.exitCode, codes: [...new Set(codes(verdict))] }).toEqual({
        exit: 3,
        codes: ['unavailable TIMED_OUT'],
      });
      expect(at()).toBeLessThan(events / 2);
      expect(tookMs).toBeLessThan(mostMs);
    } finally {
      broker!.thaw();
    }
    await reachable();
  });

  test('whose broker is killed in the middle', async () => {
    const [broker] = cluster.brokers;
    let gone = Promise.resolve();
    const { at, ...middle } = inTheMiddle(() => void (gone = broker!.kill()));
    // Twice as long: what a machine that stalls has not yet heard of is a time-out.
    const { verdict, tookMs } = await ends({ ...byTwo(), ...middle, deadlineMs: 2 * deadlineMs });
    expect({ exit: verdict.exitCode, codes: [...new Set(codes(verdict))] }).toEqual({
      exit: 3,
      codes: ['unavailable UNREACHABLE'],
    });
    expect(at()).toBeLessThan(events / 2);
    expect(tookMs).toBeLessThan(mostMs);
    await gone;
    await broker!.start();
    await reachable();
  });
});
