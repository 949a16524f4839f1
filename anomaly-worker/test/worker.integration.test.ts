import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { silentLogger } from '@tallystick/kafka/logger';
import type { RecordLog, RecordToAppend, TopicNames } from '@tallystick/kafka/record-log';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { kafkaConfigFor, makeTopics, registryOf } from '../../test/support/kafka.ts';
import { connectClickHouse } from '../src/clickhouse.ts';
import type { ClickHouse } from '../src/clickhouse.ts';
import { applyMigrations } from '../src/migrations.ts';
import { startWorker } from '../src/worker.ts';
import type { Worker, WorkerOptions } from '../src/worker.ts';
import { clickhouseConfig, migrationsDir, removeRows } from './support/clickhouse.ts';
import { TestLedger, append, event, recordOf, until } from './support/ledger.ts';
import type { ChildArguments } from './support/worker-child.ts';

const stack = inject('stack');
const script = fileURLToPath(new URL('./support/worker-child.ts', import.meta.url));
const children = new Set<ChildProcess>();
let admin: RecordLog;
let workerLog: RecordLog;
let schemaId = 0;

beforeAll(async () => {
  admin = connectRecordLog(kafkaConfigFor(stack, 'admin'));
  workerLog = connectRecordLog(kafkaConfigFor(stack, 'worker'));
  schemaId = await new SchemaRegistry({ url: registryOf(stack) }).register('worker-test-value');
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await admin.close();
  await workerLog.close();
});

/** Topics, a ledger that began, and a database, all of its own. */
async function scene(partitions: number) {
  const topics: TopicNames = await makeTopics(stack, { partitions });
  const ledger = new TestLedger(admin, topics);
  await ledger.begin(Array.from({ length: partitions }, (_, partition) => partition));
  const config = clickhouseConfig(stack);
  await applyMigrations(config, migrationsDir);
  const clickhouse = connectClickHouse(config);
  const one = async (sql: string) => (await clickhouse.query(sql.replaceAll('{db}', config.database)))[0] ?? [];
  const start = (more: Partial<WorkerOptions> = {}): Worker =>
    startWorker({
      log: workerLog,
      topics,
      origin: ledger.origin,
      rootKey: ledger.rootKey,
      registry: { url: registryOf(stack) },
      clickhouse: config,
      logger: silentLogger,
      limits: { rows: 700, ageMs: 50, stateEvents: 1_000 },
      ...more,
    });
  const child = (rows: number): ChildProcess => {
    const { origin, rootKey } = ledger;
    const given: ChildArguments = {
      kafka: kafkaConfigFor(stack, 'worker'),
      topics,
      origin,
      rootKey: rootKey.vkey,
      registry: registryOf(stack),
      clickhouse: config,
      rows,
    };
    const started = spawn(
      process.execPath,
      ['--conditions=@tallystick/source', '--disable-warning=TimeoutNegativeWarning', script, JSON.stringify(given)],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    children.add(started);
    return started;
  };
  const send = (partition: number, records: readonly RecordToAppend[]) =>
    append(admin, topics.events, partition, records);
  const rows = async () => Number((await one('SELECT count() FROM {db}.events'))[0]);
  const drop = async () => {
    await clickhouse.command(`DROP DATABASE ${config.database}`);
    await clickhouse.close();
  };
  return { topics, ledger, config, clickhouse, one, start, child, send, rows, drop };
}

const records = (count: number, content: (i: number) => Parameters<typeof event>[0] = () => ({})) =>
  Array.from({ length: count }, (_, i) => recordOf(event(content(i)), schemaId));

async function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  children.delete(child);
}

async function reached(worker: Worker, offsets: readonly number[]): Promise<void> {
  await until(
    () => worker.status(),
    ({ state, error, partitions }) => {
      if (state === 'failed') throw new Error(JSON.stringify(error));
      return offsets.every(
        (offset, partition) => (partitions.find((each) => each.partition === partition)?.nextOffset ?? 0) >= offset,
      );
    },
    240_000,
  );
}

/** Every offset of a partition has one row, and the view counts each id once. Else it says what the workers set out to do. */
async function expectExact(
  { one, clickhouse, config }: Awaited<ReturnType<typeof scene>>,
  ends: readonly number[],
  ids: number,
): Promise<void> {
  for (const [partition, end] of ends.entries()) {
    const seen = await one(
      `SELECT count(), uniqExact(offset), min(offset), max(offset) FROM {db}.events WHERE partition = ${partition}`,
    );
    const runs = async () =>
      clickhouse.query(
        `SELECT first, last, round, claimed_at, worker FROM ${config.database}.runs WHERE partition = ${partition} ORDER BY claimed_at`,
      );
    const parts = async () =>
      clickhouse.query(
        `SELECT _part, min(offset), max(offset), count() FROM ${config.database}.events WHERE partition = ${partition} GROUP BY _part`,
      );
    const exact = JSON.stringify(seen.map(Number)) === JSON.stringify([end, end, 0, end - 1]);
    const evidence = exact ? '' : `; runs ${JSON.stringify(await runs())}; parts ${JSON.stringify(await parts())}`;
    expect(seen.map(Number), `partition ${partition}${evidence}`).toEqual([end, end, 0, end - 1]);
  }
  expect((await one(`SELECT uniqExactMerge(ids) FROM {db}.minutes`))[0]).toBe(String(ids));
}

describe('exactly once, on the real thing', () => {
  test('kill -9 at any moment, again and again, leaves no hole and no double; findings too', async () => {
    const it = await scene(2);
    const perRound = 1_500;
    const rounds = 4;
    const privileged = (round: number, partition: number) => (i: number) =>
      i === 700 ? { action: 'role.assign', actor: { type: 'user', id: `p${partition}r${round}` } } : {};
    for (let round = 0; round < rounds; round++) {
      for (const partition of [0, 1]) await it.send(partition, records(perRound, privileged(round, partition)));
      const before = await it.rows();
      const victim = it.child(150 + 90 * round);
      // In the middle of its work: some rows of this round are there, not all.
      await until(it.rows, (rows) => rows > before + 100 * round, 120_000);
      await killed(victim);
    }
    const ends = [perRound * rounds, perRound * rounds];
    const last = it.start();
    await reached(last, ends);
    await last.stop();
    await expectExact(it, ends, 2 * perRound * rounds);
    const found = await it.one('SELECT count(), uniqExact(finding_id), uniqExact(actor_id) FROM {db}.findings');
    expect(found.map(Number)).toEqual([2 * rounds, 2 * rounds, 2 * rounds]);
    await it.drop();
  });

  test('two workers at once, one of them killed and started again', async () => {
    const it = await scene(2);
    const worker = it.start({ limits: { rows: 333, ageMs: 20, stateEvents: 1_000 } });
    let other = it.child(211);
    let sent = 0;
    for (let round = 0; round < 6; round++) {
      for (const partition of [0, 1])
        await it.send(
          partition,
          records(500, (i) => (i === 9 ? { action: 'key:rotate', actor: { id: `a${round}p${partition}` } } : {})),
        );
      sent += 500;
      if (round === 2) {
        await until(it.rows, (rows) => rows > 1_000, 120_000);
        await killed(other);
        other = it.child(500);
      }
    }
    await reached(worker, [sent, sent]);
    await worker.stop();
    await killed(other);
    await expectExact(it, [sent, sent], 2 * sent);
    expect((await it.one('SELECT count(), uniqExact(finding_id) FROM {db}.findings')).map(Number)).toEqual([12, 12]);
    await it.drop();
  });

  test('workers that start while another one inserts', { timeout: 900_000 }, async () => {
    const it = await scene(2);
    const worker = it.start({ limits: { rows: 333, ageMs: 5, stateEvents: 200 } });
    let sent = 0;
    let failure: unknown = null;
    const over = new AbortController();
    // Small and often: an insert is nearly always under way.
    const sending = (async () => {
      while (!over.signal.aborted) {
        for (const partition of [0, 1]) await it.send(partition, records(40));
        sent += 40;
      }
    })();
    try {
      for (let round = 0; round < 10 && failure === null; round++) {
        const others = [211, 500].map((rows) => it.start({ limits: { rows, ageMs: 20, stateEvents: 300 } }));
        for (const other of others) {
          await until(
            () => other.status(),
            ({ error, partitions }) => {
              failure ??= error;
              return (
                failure !== null || (partitions.length === 2 && partitions.every((each) => each.state === 'following'))
              );
            },
            120_000,
          );
        }
        for (const other of others) await other.stop();
      }
    } finally {
      over.abort();
      await sending;
    }
    await reached(worker, [sent, sent]);
    await worker.stop();
    await expectExact(it, [sent, sent], 2 * sent);
    expect(failure).toBeNull();
    await it.drop();
  });

  test('events delivered twice are two rows and one event; what does not decode has a row', async () => {
    const it = await scene(1);
    const twice = event({ action: 'once', occurredAtMs: Date.UTC(2026, 2, 3, 4, 5) });
    await it.send(0, [
      recordOf(twice, schemaId),
      { key: null, value: null },
      recordOf(event(), 987_654, []),
      { key: null, value: Buffer.from('x') },
    ]);
    await it.send(0, [recordOf(twice, schemaId), recordOf(event({ action: 'unpinned' }), schemaId, [])]);
    const worker = it.start();
    await reached(worker, [6]);
    await worker.stop();
    expect(await it.one(`SELECT count() FROM {db}.events WHERE action = 'once'`)).toEqual(['2']);
    expect(await it.one(`SELECT count() FROM {db}.events_once WHERE action = 'once'`)).toEqual(['1']);
    expect(
      await it.one(
        `SELECT events FROM {db}.events_per_minute(since = '2026-03-03 00:00:00', until = '2026-03-04 00:00:00')`,
      ),
    ).toEqual(['1']);
    expect(
      await it.one('SELECT groupArray(decode_status) FROM (SELECT decode_status FROM {db}.events ORDER BY offset)'),
    ).toEqual([['decoded', 'undecodable', 'undecodable', 'undecodable', 'decoded', 'decoded']]);
    expect(await it.one(`SELECT schema_pinned FROM {db}.events WHERE action = 'unpinned'`)).toEqual([false]);
    await it.drop();
  });

  test('rows that somebody deleted are found and written again', async () => {
    const it = await scene(1);
    await it.send(0, records(900));
    const first = it.start();
    await reached(first, [900]);
    await first.stop();
    await removeRows(it.clickhouse as ClickHouse, { topic: it.topics.events, partition: 0 }, 250, 760);
    expect(await it.rows()).toBe(389);
    const second = it.start();
    await reached(second, [900]);
    await second.stop();
    await expectExact(it, [900], 900);
    await it.drop();
  });
});

test('a worker without ClickHouse, or with the wrong password, says so', async () => {
  const it = await scene(1);
  const refused = it.start({ clickhouse: { ...it.config, username: 'nobody', password: 'wrong' } });
  await expect(refused.done).rejects.toMatchObject({ code: 'CLICKHOUSE_REFUSED' });
  const unmigrated = it.start({ clickhouse: { ...it.config, database: 'no_such_database' } });
  await expect(unmigrated.done).rejects.toMatchObject({ code: 'CLICKHOUSE_SCHEMA' });
  const logged: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => logged.push(message) };
  const waiting = it.start({ clickhouse: { ...it.config, url: 'http://127.0.0.1:1' }, logger });
  await until(
    () => logged.length,
    (count) => count > 0,
  );
  expect(logged[0]).toContain('does not answer');
  expect(waiting.status().state).toBe('running');
  await waiting.stop();
  await it.drop();
});
