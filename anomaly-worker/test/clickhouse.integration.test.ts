import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect as tcpConnect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { rowColumns } from '@tallystick/schemas/row';
import { ClickHouseRowStore } from '../src/adapters/clickhouse-row-store.ts';
import type { ClickHouseRowStoreOptions } from '../src/adapters/clickhouse-row-store.ts';
import { connectClickHouse } from '../src/clickhouse.ts';
import type { ClickHouse } from '../src/clickhouse.ts';
import { applyMigrations, checkSchema } from '../src/migrations.ts';
import { clickhouseConfig, migrationsDir, removeRows, uniqueDatabase } from './support/clickhouse.ts';
import { until } from './support/ledger.ts';
import { rowStoreContract, rowsOf } from './support/row-store-contract.ts';

const config = clickhouseConfig(inject('stack'));
let clickhouse: ClickHouse;
const opened: ClickHouseRowStore[] = [];

beforeAll(async () => {
  clickhouse = connectClickHouse(config);
  await applyMigrations(config, migrationsDir);
});

afterAll(async () => {
  for (const store of opened) await store.close();
  await clickhouse.command(`DROP DATABASE IF EXISTS ${config.database}`);
  await clickhouse.close();
});

function open(options?: ClickHouseRowStoreOptions, requestTimeoutMs = 30_000): ClickHouseRowStore {
  const store = new ClickHouseRowStore(connectClickHouse({ ...config, requestTimeoutMs }), options);
  opened.push(store);
  return store;
}

rowStoreContract('ClickHouse', () => ({
  connect: () => open(),
  removeRows: async ({ topic, partition }, first, last) => removeRows(clickhouse, { topic, partition }, first, last),
  findingIds: async ({ topic, partition }) => {
    // Every row that there is, also those that a merge has yet to replace.
    const rows = await clickhouse.query(
      `SELECT finding_id FROM ${config.database}.findings WHERE topic = {topic:String} AND partition = {partition:UInt32}`,
      { topic, partition },
    );
    return rows.map(([id]) => String(id));
  },
}));

describe('rows in ClickHouse', () => {
  const place = { topic: 'rows', generation: 0, partition: 0 };
  const count = async (table: string, what = 'count()') =>
    Number((await clickhouse.query(`SELECT ${what} FROM ${config.database}.${table}`))[0]?.[0]);

  test('one insert is one part, in the view too, and every cell arrives as it was', async () => {
    const store = open();
    const rows = rowsOf(place, 0, 4_999);
    const { run } = await store.claim(place, { first: 0, last: 4_999, round: 0 });
    const before = await count('minutes', 'uniqExactMerge(ids)');
    await store.insertRows(place, run, rows);
    await store.insertRows(place, run, rows);
    const parts = await clickhouse.query(`SELECT uniqExact(_part) FROM ${config.database}.events WHERE topic = 'rows'`);
    expect(parts).toEqual([['1']]);
    expect((await count('minutes', 'uniqExactMerge(ids)')) - before).toBe(4_000);
    const names = rowColumns.map(({ name }) => name).join(', ');
    const back = await clickhouse.query(
      `SELECT ${names} FROM ${config.database}.events WHERE topic = 'rows' AND offset IN (3, 4) ORDER BY offset SETTINGS date_time_output_format = 'simple', output_format_json_quote_64bit_integers = 0`,
    );
    expect(back).toEqual([rows[3]?.cells, rows[4]?.cells]);
  });

  test('a run of long ago, whose token is forgotten, is not inserted again', async () => {
    const forgetful = open({ rememberedInserts: 0 });
    const of = { ...place, partition: 1 };
    const { run } = await forgetful.claim(of, { first: 0, last: 9, round: 0 });
    await forgetful.insertRows(of, run, rowsOf(of, 0, 9));
    await clickhouse.command(
      `ALTER TABLE ${config.database}.events MODIFY SETTING non_replicated_deduplication_window = 1`,
    );
    await forgetful.insertRows(
      of,
      (await forgetful.claim(of, { first: 10, last: 10, round: 0 })).run,
      rowsOf(of, 10, 10),
    );
    await forgetful.insertRows(
      of,
      (await forgetful.claim(of, { first: 11, last: 11, round: 0 })).run,
      rowsOf(of, 11, 11),
    );
    await forgetful.insertRows(of, run, rowsOf(of, 0, 9));
    await clickhouse.command(
      `ALTER TABLE ${config.database}.events MODIFY SETTING non_replicated_deduplication_window = 10000`,
    );
    expect(await forgetful.coverage(of)).toEqual({ present: [{ first: 0, last: 11 }], doubled: [] });
  });

  test('once a token may be forgotten its round ends with the inserts that were let begin, not before', async () => {
    const of = { ...place, partition: 4 };
    const forgetful = open({ rememberedInserts: 0, fenceMs: 3_000 }, 6_000);
    const { run } = await forgetful.claim(of, { first: 0, last: 9, round: 0 });
    await forgetful.insertRows(of, run, rowsOf(of, 0, 9));
    await removeRows(clickhouse, of, 3, 5);
    const again = () => forgetful.insertRows(of, run, rowsOf(of, 3, 5));
    await expect(again()).rejects.toMatchObject({ code: 'CLICKHOUSE_FAILED', retriable: true });
    await until(
      () =>
        again().then(
          () => true,
          () => false,
        ),
      (settled) => settled,
    );
    expect(await forgetful.missing(of, run)).toEqual([{ first: 3, last: 5 }]);
    const { run: next } = await forgetful.claim(of, { ...run, round: 1 });
    await forgetful.insertRows(of, next, rowsOf(of, 3, 5));
    expect(await forgetful.coverage(of)).toEqual({ present: [{ first: 0, last: 9 }], doubled: [] });
  });

  test('a finding that comes too late is refused, and can be stored again', async () => {
    const of = { ...place, partition: 5 };
    const words = { actorId: 'a', actorType: 'user', subject: 's', title: 't', explanation: 'e', details: {} };
    const late = {
      id: randomUUID(),
      rule: 'r',
      severity: 'low',
      occurredAtMs: 0,
      offset: 1,
      evidence: [1],
      ...words,
    } as const;
    await expect(open({ fenceMs: -60_000 }).insertFindings(of, [late])).rejects.toMatchObject({ retriable: true });
    expect(await count('findings', `countIf(finding_id = '${late.id}')`)).toBe(0);
    await open().insertFindings(of, [late]);
    expect(await count('findings', `countIf(finding_id = '${late.id}')`)).toBe(1);
  });

  test('the server refuses an insert that comes too late; then it is looked whether it is still needed', async () => {
    const of = { ...place, partition: 3 };
    const connected = connectClickHouse(config);
    const fences: unknown[] = [];
    const late: ClickHouse = {
      config,
      query: (sql, parameters) => connected.query(sql, parameters),
      command: (sql, parameters, settings) => connected.command(sql, parameters, settings),
      insert: (sql, data, parameters, settings) => {
        fences.push(parameters['fence']);
        // As if the first one had been held up somewhere for long.
        return connected.insert(
          sql,
          data,
          fences.length === 1 ? { ...parameters, fence: 1_000 } : parameters,
          settings,
        );
      },
      close: () => connected.close(),
    };
    const store = new ClickHouseRowStore(late);
    opened.push(store);
    const { run } = await store.claim(of, { first: 0, last: 9, round: 0 });
    await store.insertRows(of, run, rowsOf(of, 0, 9));
    expect(fences).toHaveLength(2);
    expect(await store.coverage(of)).toEqual({ present: [{ first: 0, last: 9 }], doubled: [] });
  });

  test('an insert that is cut off on its way adds nothing', async () => {
    const url = new URL(config.url);
    const before = await count('runs');
    const query = `INSERT INTO ${config.database}.runs (topic, first, last) FORMAT JSONCompactEachRow\n`;
    const data = Array.from({ length: 50 }, (_, i) => `["cut",${i},${i}]\n`).join('');
    for (const head of [
      `Content-Length: ${(query + data).length * 2}\r\n\r\n`,
      `Transfer-Encoding: chunked\r\n\r\n${(query + data).length.toString(16)}\r\n`,
    ]) {
      const socket = tcpConnect(Number(url.port), url.hostname);
      socket.write(`POST /?async_insert=0 HTTP/1.1\r\nHost: x\r\n${head}${query}${data}`);
      await new Promise((resolve) => socket.write('\r\n', resolve));
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.destroy();
      await closed;
    }
    const inFlight = `SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO ${config.database}.runs%'`;
    await until(
      async () => (await clickhouse.query(inFlight))[0]?.[0],
      (running) => running === '0',
    );
    expect(await count('runs')).toBe(before);
  });

  test('many inserters of the same and of overlapping claims leave no double', async () => {
    const of = { ...place, partition: 2 };
    const stores = Array.from({ length: 4 }, () => open());
    await Promise.all(
      stores.map(async (store, index) => {
        for (let next = 0; next < 200;) {
          const { run } = await store.claim(of, { first: next, last: next + 5 + 3 * index, round: 0 });
          await store.insertRows(of, run, rowsOf(of, run.first, run.last));
          next = run.last + 1;
        }
      }),
    );
    const { present, doubled } = await open().coverage(of);
    expect(doubled).toEqual([]);
    expect(present).toHaveLength(1);
  });
});

describe('migrations', () => {
  const fresh = { ...config, database: uniqueDatabase() };
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tallystick-migrations-'));
    await cp(migrationsDir, dir, { recursive: true });
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
    await clickhouse.command(`DROP DATABASE IF EXISTS ${fresh.database}`);
  });
  const codeOf = async (work: Promise<unknown>) =>
    work.then(
      () => 'no error',
      (error: unknown) => (error as { code?: unknown }).code,
    );

  test('are applied once, by two at the same time too', async () => {
    const both = await Promise.all([applyMigrations(fresh, dir), applyMigrations(fresh, dir)]);
    expect(both.some(({ applied }) => applied.length > 0)).toBe(true);
    const again = await applyMigrations(fresh, dir);
    expect(again.applied).toEqual([]);
    expect(again.present[0]).toBe('0001_events.sql');
    const recorded = await clickhouse.query(`SELECT count(), uniqExact(name) FROM ${fresh.database}.migrations`);
    expect(recorded).toEqual([[String(again.present.length), String(again.present.length)]]);
  });

  test('that were changed, removed, doubled or left out are refused', async () => {
    const file = join(dir, '0003_findings.sql');
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text}\n-- changed`);
    expect(await codeOf(applyMigrations(fresh, dir))).toBe('MIGRATION_CHANGED');
    await writeFile(file, text);
    const last = join(dir, '0007_verification_ages.sql');
    const lastText = await readFile(last, 'utf8');
    await rm(last);
    expect(await codeOf(applyMigrations(fresh, dir))).toBe('MIGRATION_UNKNOWN');
    await writeFile(join(dir, '0008_verification_ages.sql'), lastText);
    expect(await codeOf(applyMigrations(fresh, dir))).toBe('MIGRATION_INVALID');
    await rm(join(dir, '0008_verification_ages.sql'));
    await writeFile(last, lastText);
    expect(await codeOf(applyMigrations(fresh, join(dir, 'none')))).toBe('MIGRATION_INVALID');
    expect((await applyMigrations(fresh, dir)).applied).toEqual([]);
  });

  test('are checked: a column or a deduplication window that is not as it must be is named', async () => {
    const connected = connectClickHouse(fresh);
    await clickhouse.command(
      `ALTER TABLE ${fresh.database}.minutes MODIFY SETTING non_replicated_deduplication_window = 0`,
    );
    await expect(checkSchema(connected)).rejects.toMatchObject({
      code: 'CLICKHOUSE_SCHEMA',
      message: expect.stringContaining('minutes') as string,
    });
    await clickhouse.command(
      `ALTER TABLE ${fresh.database}.minutes MODIFY SETTING non_replicated_deduplication_window = 10000`,
    );
    await checkSchema(connected);
    await clickhouse.command(`ALTER TABLE ${fresh.database}.events DROP COLUMN coordinates`);
    await expect(checkSchema(connected)).rejects.toMatchObject({
      code: 'CLICKHOUSE_SCHEMA',
      message: expect.stringContaining('coordinates') as string,
    });
    await connected.close();
  });

  test('fail with a code where ClickHouse cannot be used', async () => {
    expect(await codeOf(applyMigrations({ ...fresh, url: 'http://127.0.0.1:1' }, dir))).toBe('CLICKHOUSE_UNREACHABLE');
    expect(await codeOf(applyMigrations({ ...fresh, username: 'nobody', password: 'wrong' }, dir))).toBe(
      'CLICKHOUSE_REFUSED',
    );
    expect(await codeOf(applyMigrations({ ...fresh, database: 'a; DROP DATABASE b' }, dir))).toBe(
      'WORKER_CONFIG_INVALID',
    );
    expect(await codeOf(applyMigrations({ ...fresh, url: 'ftp://x' }, dir))).toBe('WORKER_CONFIG_INVALID');
  });

  test('give up on a server that never answers', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    expect(
      await codeOf(applyMigrations({ ...fresh, url: `http://127.0.0.1:${port}`, requestTimeoutMs: 200 }, dir)),
    ).toBe('CLICKHOUSE_UNREACHABLE');
    silent.closeAllConnections();
    silent.close();
  });
});
