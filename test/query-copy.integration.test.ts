// The query copy, filled by the real worker in a real ClickHouse, held against real Kafka.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectClickHouse } from '@tallystick/anomaly-worker/clickhouse';
import { applyMigrations } from '@tallystick/anomaly-worker/migrations';
import { startWorker } from '@tallystick/anomaly-worker/worker';
import type { Worker } from '@tallystick/anomaly-worker/worker';
import { verdictOf } from '@tallystick/core/finding';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { silentLogger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { rowColumns } from '@tallystick/schemas/row';
import type { RowColumn } from '@tallystick/schemas/row';
import { clickHouseRows } from '@tallystick/verifier/clickhouse-rows';
import { compareQueryCopy } from '@tallystick/verifier/query-copy';
import type { QueryCopyOptions, QueryCopyResult } from '@tallystick/verifier/query-copy';
import { clickhouseConfig, migrationsDir } from '../anomaly-worker/test/support/clickhouse.ts';
import { TestLedger, append, event, recordOf, until } from '../anomaly-worker/test/support/ledger.ts';
import { kafkaConfigFor, makeTopics, registryOf } from './support/kafka.ts';

const stack = inject('stack');
let admin: RecordLog;
let verifierLog: RecordLog;
let workerLog: RecordLog;
let registry: SchemaRegistry;
let schemaId = 0;

beforeAll(async () => {
  admin = connectRecordLog(kafkaConfigFor(stack, 'admin'));
  verifierLog = connectRecordLog(kafkaConfigFor(stack, 'verifier'));
  workerLog = connectRecordLog(kafkaConfigFor(stack, 'worker'));
  registry = new SchemaRegistry({ url: registryOf(stack) });
  schemaId = await registry.register('query-copy-test-value');
});

afterAll(async () => {
  await Promise.all([admin, verifierLog, workerLog].map(async (log) => await log.close()));
});

const rich = (i: number): Partial<AuditEvent> => ({
  reason: i % 3 === 0 ? null : `because\u0000 "${i}" \\ ünï 😀\n`,
  labels: i % 2 === 0 ? {} : { team: `t${i}`, '7': 'seven', __proto__x: 'p' },
  resources: [{ type: 'invoice', id: `r${i}`, name: null }, { id: 'other' }],
  readOnly: i % 4 === 0 ? null : i % 4 === 1,
  authentication: {
    method: 'password',
    mfa: i % 2 === 0,
    sessionStartedAtMs: i % 2 === 0 ? null : 1_700_000_000_123 + i,
  },
  actor: { type: 'user', id: `a${i % 5}`, roles: ['x', 'y'].slice(0, i % 3) },
});

/** `count` events and some records that are none, in each partition, all in the copy. */
async function scene(count: number, partitions = 1) {
  const topics = await makeTopics(stack, { partitions });
  const ledger = new TestLedger(admin, topics);
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  await ledger.begin(numbers);
  const config = clickhouseConfig(stack);
  await applyMigrations(config, migrationsDir);
  const clickhouse = connectClickHouse(config);
  const { topicId } = await admin.describeTopic(topics.events);
  const send = async (partition: number, events: number): Promise<void> => {
    const records = Array.from({ length: events }, (_, i) => recordOf(event(rich(i)), schemaId));
    for (let at = 0; at < events; at += 500) await append(admin, topics.events, partition, records.slice(at, at + 500));
  };
  for (const partition of numbers) {
    await send(partition, count);
    await append(admin, topics.events, partition, [
      { key: null, value: null },
      { key: Buffer.from('k'), value: Buffer.from('no event at all') },
    ]);
  }
  const worker = (): Worker =>
    startWorker({
      log: workerLog,
      topics,
      origin: ledger.origin,
      rootKey: ledger.rootKey,
      registry: { url: registryOf(stack) },
      clickhouse: config,
      logger: silentLogger,
    });
  const fill = async (to: number): Promise<void> => {
    const running = worker();
    const { stop, status, done } = { stop: () => running.stop(), status: () => running.status(), done: running.done };
    await until(status, ({ state, error, partitions: seen }) => {
      if (state === 'failed') throw new Error(JSON.stringify(error));
      return numbers.every((n) => (seen.find(({ partition }) => partition === n)?.nextOffset ?? 0) >= to);
    });
    await stop();
    await done;
  };
  await fill(count + 2);
  const rows = clickHouseRows(config);
  const compare = async (more: Partial<QueryCopyOptions> = {}): Promise<QueryCopyResult> =>
    await compareQueryCopy({
      rows,
      log: verifierLog,
      topic: topics.events,
      segments: numbers.map((partition) => ({ partition, generation: 0, topicId, firstOffset: 0 })),
      schemas: registry,
      settleMs: 300,
      ...more,
    });
  const sql = async (text: string): Promise<void> =>
    await clickhouse.command(
      text.replaceAll('{db}', config.database),
      {},
      { mutations_sync: '2', insert_deduplicate: 0 },
    );
  const query = async (text: string): Promise<unknown[][]> =>
    await clickhouse.query(text.replaceAll('{db}', config.database));
  const end = async (): Promise<void> => {
    await sql('DROP DATABASE {db}');
    await Promise.all([clickhouse.close(), rows.close()]);
  };
  return { topics, topicId, config, ledger, rows, compare, sql, query, send, fill, end };
}

const columnNames = rowColumns.map(({ name }) => name).join(', ');

/** Puts the row of an offset in once more, with these columns changed. */
function forge(offset: number | string, change: Readonly<Record<string, string>>): string {
  const values = rowColumns.map(({ name }) => change[name] ?? name).join(', ');
  return `INSERT INTO {db}.events (${columnNames}) SELECT ${values} FROM {db}.events WHERE offset = ${offset} AND partition = 0 AND generation = 0`;
}

const codesOf = ({ findings }: QueryCopyResult) => findings.map(({ code, place }) => `${code} ${place ?? '-'}`);

/** An expression that is never the column's value. */
function changed({ name, type }: RowColumn): string {
  switch (type) {
    case 'String':
    case 'LowCardinality(String)':
      return `concat(${name}, 'x')`;
    case 'UInt32':
    case 'UInt64':
    case 'Int64':
      return `${name} + 1`;
    case 'Nullable(Int64)':
      return `if(isNull(${name}), 0, NULL)`;
    case 'Bool':
      return `not ${name}`;
    case 'Nullable(Bool)':
      return `if(isNull(${name}), false, NULL)`;
    case "DateTime64(3, 'UTC')":
      return `addMilliseconds(${name}, 1)`;
    case 'Array(String)':
      return `arrayPushBack(${name}, '')`;
    case 'Map(String, String)':
      return `mapConcat(${name}, map('team', 'somebody'))`;
  }
}

describe('a copy that somebody changed', () => {
  test('equal as the worker wrote it; then every column altered is named, one row each', async () => {
    const { compare, sql, end } = await scene(120, 2);
    const clean = await compare();
    expect(clean.findings).toEqual([]);
    expect(clean.counts).toEqual({ compared: 244, altered: 0, extra: 0, missing: 0, notYet: 0, uncheckable: 0 });

    // What the table is ordered and partitioned by cannot be updated: such rows are extra and missing, below.
    const fixed = new Set(['topic', 'generation', 'partition', 'offset', 'appended_at']);
    const columns = rowColumns.filter(({ name }) => !fixed.has(name));
    const updates = columns.map(
      (column, i) => `${column.name} = if(offset = ${i + 10}, ${changed(column)}, ${column.name})`,
    );
    await sql(`ALTER TABLE {db}.events UPDATE ${updates.join(', ')} WHERE partition = 1`);
    const altered = await compare();
    expect(altered.counts).toMatchObject({ compared: 244, altered: columns.length, extra: 0, missing: 0 });
    expect(altered.findings.map(({ place, detail }) => [place, detail])).toEqual(
      columns.map(({ name }, i) => [
        `offsets ${i + 10}-${i + 10}`,
        { columns: [expect.objectContaining({ column: name })] },
      ]),
    );
    await end();
  });

  test('rows removed, doubled, made up, moved', async () => {
    const { compare, sql, end, topics } = await scene(60);
    await sql(forge(5, {}));
    await sql(forge(6, { offset: '90' }));
    await sql(forge(6, { offset: '18446744073709551615' }));
    await sql(forge(7, { partition: '3' }));
    await sql(forge(8, { generation: '2' }));
    await sql(forge(9, { appended_at: 'addMonths(appended_at, -2)' }));
    // The newest row too: the watermark says that there was one.
    await sql('ALTER TABLE {db}.events DELETE WHERE offset IN (20, 21, 22, 30, 61) AND partition = 0');
    const result = await compare();
    expect(codesOf(result).sort()).toEqual(
      [
        'copy-extra offsets 8-8',
        'copy-extra offsets 7-7',
        'copy-extra offsets 5-5',
        'copy-altered offsets 9-9',
        'copy-extra offsets 9-9',
        'copy-missing offsets 20-22',
        'copy-missing offsets 30-30',
        'copy-missing offsets 61-61',
        'copy-extra offsets 90-90',
        `copy-extra offsets ${Number.MAX_SAFE_INTEGER}-${Number.MAX_SAFE_INTEGER}`,
      ]
        // Which of two rows of an offset comes first is the server's choice.
        .filter((each) => each !== 'copy-altered offsets 9-9' || codesOf(result).includes(each))
        .sort(),
    );
    expect(result.counts).toMatchObject({ missing: 5, notYet: 0 });
    expect(result.findings.every(({ topic }) => topic === topics.events)).toBe(true);
    await end();
  });

  test('a row of another topic with the id of an event, which the views show in its place', async () => {
    const { compare, sql, query, end } = await scene(20);
    const shown = async () => await query('SELECT topic, action FROM {db}.events_once WHERE offset = 5');
    await sql(forge(5, { topic: `'a'`, action: `'forged'` }));
    expect(await shown()).toEqual([['a', 'forged']]);
    await sql(forge(6, { topic: `concat(topic, ' ')`, generation: '4', partition: '9' }));
    const result = await compare();
    expect(verdictOf(result.findings).exitCode).toBe(1);
    expect(result.findings).toMatchObject([
      { code: 'copy-extra', topic: 'a', generation: 0, partition: 0, place: 'offsets 5-5', found: '1' },
      { code: 'copy-extra', topic: expect.stringMatching(/ "$/), generation: 4, partition: 9, place: 'offsets 6-6' },
    ]);
    expect(result.counts).toMatchObject({ compared: 22, extra: 2 });
    const elsewhere = [{ topic: 'a', partition: 0, generation: 0 }];
    expect((await compare({ elsewhere })).findings).toMatchObject([
      { code: 'archive-unchecked', topic: 'a', found: '1' },
      { code: 'copy-extra', generation: 4 },
    ]);
    // Names that no topic can have, and more of them than are named.
    await sql(forge(7, { topic: `unhex('00ff0a')` }));
    await sql(
      forge(8, { topic: `concat('t', toString(n))` }).replace(
        '{db}.events WHERE',
        '{db}.events, (SELECT number AS n FROM numbers(12000)) AS m WHERE',
      ),
    );
    const many = await compare();
    expect(many.findings).toHaveLength(101);
    expect(many.findings[0]).toMatchObject({ topic: String.raw`"\x00\xff\x0a"` });
    expect(many.findings.at(-1)).toMatchObject({
      code: 'copy-extra',
      found: expect.stringMatching(/^9900 in 9900 \(SHA-256 .{44}\)$/) as string,
    });
    await end();
  }, 60_000);

  test('a key twice in a map, and text that is no UTF-8', async () => {
    const { compare, sql, end } = await scene(20);
    await sql(
      `ALTER TABLE {db}.events UPDATE labels = CAST((['team', 'team'], ['t3', 't3']), 'Map(String, String)') WHERE offset = 3`,
    );
    await sql(`ALTER TABLE {db}.events UPDATE actor_name = unhex('ff') WHERE offset = 4`);
    const result = await compare();
    expect(result.findings.map(({ place, detail }) => [place, detail])).toEqual([
      ['offsets 3-3', { columns: [expect.objectContaining({ column: 'labels' })] }],
      ['offsets 4-4', { columns: [expect.objectContaining({ column: 'actor_name' })] }],
    ]);
    await end();
  });
});

describe('a copy that is not all there', () => {
  test('is behind, not wrong; and inconclusive where it is behind for long', async () => {
    const { compare, send, end } = await scene(30);
    await send(0, 7);
    const soon = await compare();
    expect(soon.counts).toMatchObject({ compared: 32, missing: 0, notYet: 7 });
    expect(soon.findings).toEqual([]);
    const late = await compare({ maxLagMs: 1, now: () => Date.now() + 1_000 });
    expect(late.findings).toMatchObject([{ code: 'copy-behind' }]);
    await end();
  });

  test('newest rows: missing where the watermark or a later claim says that they were written, else not there yet', async () => {
    const { compare, sql, topics, end } = await scene(30);
    await sql('ALTER TABLE {db}.events DELETE WHERE offset >= 30');
    expect(codesOf(await compare())).toEqual(['copy-missing offsets 30-31']);
    // As of a worker that died, or waits, between the claim of its run and the insert.
    for (const table of ['runs', 'watermarks']) await sql(`TRUNCATE TABLE {db}.${table}`);
    const claim = async (first: number, last: number) =>
      await sql(
        `INSERT INTO {db}.runs (topic, generation, partition, first, last, round, worker) VALUES ('${topics.events}', 0, 0, ${first}, ${last}, 0, 'w')`,
      );
    await claim(30, 31);
    const soon = await compare();
    expect(soon.findings).toEqual([]);
    expect(soon.counts).toMatchObject({ compared: 30, missing: 0, notYet: 2 });
    const late = await compare({ maxLagMs: 1, now: () => Date.now() + 1_000 });
    expect(late.findings).toMatchObject([{ code: 'copy-behind' }]);
    expect(verdictOf(late.findings).exitCode).toBe(3);
    await claim(32, 40);
    expect(codesOf(await compare())).toEqual(['copy-missing offsets 30-31']);
    await end();
  });

  test('rows that a retention job removes while they are compared are not missing', async () => {
    const { rows, compare, sql, topics, end } = await scene(30);
    let jobs = 0;
    const watermark = async (place: Parameters<typeof rows.watermark>[0]) => {
      const before = await rows.watermark(place);
      if ((jobs += 1) > 1) return before;
      await sql(
        `INSERT INTO {db}.watermarks (topic, generation, partition, rows_from, next_offset) VALUES ('${topics.events}', 0, 0, 10, 0)`,
      );
      await sql('ALTER TABLE {db}.events DELETE WHERE offset < 10');
      return before;
    };
    const during = Object.assign(Object.create(rows) as typeof rows, { watermark });
    const result = await compare({ rows: during, minRetentionMs: 0 });
    expect(result.findings).toEqual([]);
    expect(result.partitions).toMatchObject([{ rowsFrom: 10, expired: 10, compared: 22 }]);
    await end();
  });

  test('is as far behind where only some offsets are asked for', async () => {
    const { compare, sql, end } = await scene(30);
    const range = () => ({ first: 10, last: 19 });
    expect((await compare({ range })).counts).toMatchObject({ compared: 10, notYet: 0 });
    // As if the worker never ran.
    for (const table of ['events', 'runs', 'watermarks']) await sql(`TRUNCATE TABLE {db}.${table}`);
    const none = await compare({ range, maxLagMs: 1, now: () => Date.now() + 1_000 });
    expect(none.counts).toMatchObject({ compared: 0, notYet: 10 });
    expect(none.findings).toMatchObject([{ code: 'copy-behind' }]);
    await end();
  });

  test('rows that the database says expired are missing, unless the limit allows it; those that are left are compared', async () => {
    const { compare, sql, end, topics } = await scene(30);
    await sql(
      `INSERT INTO {db}.watermarks (topic, generation, partition, rows_from, next_offset) VALUES ('${topics.events}', 0, 0, 10, 32)`,
    );
    await sql('ALTER TABLE {db}.events DELETE WHERE offset < 8');
    const hidden = await compare();
    expect(codesOf(hidden)).toEqual(['copy-missing offsets 0-7']);
    expect(verdictOf(hidden.findings).exitCode).toBe(1);
    expect(hidden.partitions).toMatchObject([{ rowsFrom: 10, expired: 0 }]);
    // An hour is not over.
    const young = await compare({ minRetentionMs: 3_600_000 });
    expect(codesOf(young)).toEqual(['copy-missing offsets 0-7']);
    const inAnHour = { minRetentionMs: 3_600_000, now: () => Date.now() + 3_600_000 };
    const allowed = await compare(inAnHour);
    expect(verdictOf(allowed.findings).exitCode).toBe(0);
    expect(allowed.counts).toMatchObject({ compared: 24, missing: 0 });
    expect(allowed.partitions).toMatchObject([{ from: 0, to: 32, rowsFrom: 10, expired: 8, compared: 24 }]);
    await sql(`ALTER TABLE {db}.events UPDATE action = 'x' WHERE offset = 9`);
    await sql('ALTER TABLE {db}.events DELETE WHERE offset = 12');
    expect(codesOf(await compare(inAnHour))).toEqual(['copy-altered offsets 9-9', 'copy-missing offsets 12-12']);
    await end();
  });

  test('rows of a generation whose topic is gone cannot be checked', async () => {
    const { compare, topicId, end } = await scene(10);
    const segments = [
      { partition: 0, generation: 0, topicId: 'gone', firstOffset: 0 },
      { partition: 0, generation: 1, topicId, firstOffset: 12 },
    ];
    const result = await compare({ segments });
    expect(result.findings).toMatchObject([{ code: 'archive-unchecked', generation: 0, found: '12' }]);
    expect(result.counts).toMatchObject({ compared: 0, uncheckable: 12 });
    await end();
  });

  test('what stands in the place of the table, and can answer each user another thing, is said', async () => {
    const { compare, sql, end } = await scene(5);
    await sql(`ALTER TABLE {db}.events DROP COLUMN user_agent`);
    await sql(`ALTER TABLE {db}.events ADD COLUMN user_agent String ALIAS if(currentUser() = 'somebody', 'x', '')`);
    const computed = await compare();
    expect(verdictOf(computed.findings).exitCode).toBe(3);
    expect(computed.findings).toMatchObject([
      { code: 'unavailable', message: expect.stringContaining('user_agent is computed (ALIAS)') as string },
    ]);
    await sql(`ALTER TABLE {db}.events DROP COLUMN user_agent`);
    await sql(`ALTER TABLE {db}.events ADD COLUMN user_agent Nullable(String)`);
    expect((await compare()).findings[0]).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('user_agent has the type Nullable(String), not String') as string,
    });
    await sql(`ALTER TABLE {db}.events DROP COLUMN user_agent`);
    await sql(`ALTER TABLE {db}.events ADD COLUMN user_agent String`);
    await sql('RENAME TABLE {db}.events TO {db}.others');
    await sql('CREATE VIEW {db}.events AS SELECT * FROM {db}.others');
    const view = await compare();
    expect(view.findings).toMatchObject([
      { code: 'unavailable', message: expect.stringContaining('has the engine View') as string },
    ]);
    await end();
  });

  test('tables that are not there are no answer', async () => {
    const { compare, sql, end } = await scene(5);
    await sql('DROP TABLE {db}.watermarks');
    expect((await compare()).findings).toMatchObject([{ code: 'unavailable', found: 'COPY_UNAVAILABLE' }]);
    await end();
  });
});
