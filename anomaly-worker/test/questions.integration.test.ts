import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { rowColumns, rowOf } from '@tallystick/schemas/row';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { ClickHouseRowStore } from '../src/adapters/clickhouse-row-store.ts';
import { connectClickHouse } from '../src/clickhouse.ts';
import type { ClickHouse } from '../src/clickhouse.ts';
import { Detections } from '../src/domain/detections.ts';
import { applyMigrations } from '../src/migrations.ts';
import { eventOfRow } from '../src/records.ts';
import { clickhouseConfig, migrationsDir } from './support/clickhouse.ts';
import { event } from './support/ledger.ts';

const config = clickhouseConfig(inject('stack'));
const place = { topic: 'audit.events', generation: 0, partition: 0 };
const start = Date.UTC(2026, 0, 1, 9);
let clickhouse: ClickHouse;
let store: ClickHouseRowStore;

/** Statements of the README's `sql` blocks; tables and views are those of the test's database. */
async function questions(): Promise<string[]> {
  const text = await readFile(join(migrationsDir, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/```sql\n([\s\S]*?);\n```/gu)].map(([, sql]) => sql ?? '');
  return blocks.map((sql) => sql.replaceAll(/\bFROM (?=[a-z])/gu, `FROM ${config.database}.`));
}

const ask = async (beginning: string) => {
  const [question] = (await questions()).filter((sql) => sql.startsWith(beginning) || sql.includes(beginning));
  return clickhouse.query(question ?? `no question in the README has ${beginning}`);
};

beforeAll(async () => {
  await applyMigrations(config, migrationsDir);
  clickhouse = connectClickHouse(config);
  store = new ClickHouseRowStore(connectClickHouse(config));
  const at = (minute: number, content: Partial<AuditEvent>) =>
    event({ occurredAtMs: start + minute * 60_000, ...content });
  const alice = { actor: { type: 'user', id: 'alice' }, initiator: { ip: '203.0.113.9' } };
  const mallory = { actor: { type: 'user', id: 'mallory' }, outcome: 'denied', errorCode: 'AccessDenied' };
  const approval = at(3, { ...alice, action: 'invoice:approve', resources: [{ type: 'invoice', id: 'invoice-7' }] });
  const events: (AuditEvent | null)[] = [
    at(1, { ...alice, action: 'invoice:read', resources: [{ id: 'invoice-7' }] }),
    at(2, { ...mallory, action: 'invoice:approve', resources: [{ id: 'other' }, { id: 'invoice-7' }] }),
    approval,
    approval,
    null,
    at(4, { ...mallory, action: 'invoice:delete' }),
    at(4, { ...mallory, action: 'invoice:delete' }),
    at(5, { ...alice, action: 'role.assign' }),
    at(50_000, { ...alice, action: 'invoice:read' }),
  ];
  const rows = events.map((each, offset) => {
    const content =
      each === null
        ? ({ status: 'undecodable', code: 'WIRE_FORMAT', message: 'no event' } as const)
        : ({ status: 'decoded', event: each, pinned: true, schemaHash: '' } as const);
    return {
      offset,
      cells: rowOf({ ...place, offset, timestamp: BigInt(start), key: null, value: Buffer.from('v'), content }),
    };
  });
  await store.insertRows(place, (await store.claim(place, { first: 0, last: rows.length - 1, round: 0 })).run, rows);
  await store.insertFindings(place, new Detections(place).step(rows.map(eventOfRow)));
});

afterAll(async () => {
  await clickhouse.command(`DROP DATABASE IF EXISTS ${config.database}`);
  await clickhouse.close();
  await store.close();
});

describe('the questions of the README', () => {
  test('all of them run', async () => {
    const all = await questions();
    expect(all.length).toBeGreaterThanOrEqual(13);
    for (const question of all) await clickhouse.query(question);
  });

  const column = (rows: unknown[][], index: number) => rows.map((row) => row[index]);

  test('the timeline of an actor, each event once, in order, in its range of time', async () => {
    const rows = await ask('actor_timeline');
    expect(column(rows, 1)).toEqual(['invoice:read', 'invoice:approve', 'role.assign']);
  });
  test('who touched a resource, the main one or another', async () => {
    expect(column(await ask('resource_history'), 1)).toEqual(['alice', 'mallory', 'alice']);
  });
  test('who did an action', async () => {
    expect(column(await ask('action_history'), 1)).toEqual(['mallory', 'alice']);
  });
  test('what was refused, and to whom most', async () => {
    expect(column(await ask('denials('), 2)).toEqual(['invoice:approve', 'invoice:delete', 'invoice:delete']);
    expect(await ask('top_denied')).toEqual([['mallory', '3', ['invoice:delete', 'invoice:approve']]]);
  });
  test('counts by minute, an event delivered twice once', async () => {
    const rows = await ask('events_per_minute');
    expect(rows.map((row) => row.slice(1))).toEqual([
      ['invoice:read', 'success', '1'],
      ['invoice:approve', 'denied', '1'],
      ['invoice:approve', 'success', '1'],
      ['invoice:delete', 'denied', '2'],
      ['role.assign', 'success', '1'],
    ]);
    expect(column(await ask('actor_minutes'), 1)).toEqual(['1', '1', '1']);
  });
  test('where from', async () => {
    expect(await ask("ip = '203.0.113.9'")).toHaveLength(4);
  });
  test('findings and their events', async () => {
    expect(column(await ask('SELECT found_at'), 2)).toEqual(['first-privileged-action']);
    expect((await ask('finding_evidence')).map((row) => row.slice(1, 3))).toEqual([['alice', 'role.assign']]);
  });
  test('duplicates, what is no event, completeness', async () => {
    expect((await ask('.duplicates')).map((row) => row[1])).toEqual(['2']);
    expect((await ask('.not_events')).map((row) => row.slice(0, 3))).toEqual([[0, '4', 'undecodable']]);
    expect((await ask('AS missing'))[0]?.slice(3)).toEqual(['9', '0', '0']);
  });
});

describe('the layout', () => {
  test('the table has the columns of the row mapping, and no other', async () => {
    const columns = await clickhouse.query(
      `SELECT name, type, comment FROM system.columns WHERE database = {database:String} AND table = 'events' ORDER BY position`,
      { database: config.database },
    );
    expect(columns).toEqual(rowColumns.map(({ name, type, comment }) => [name, type, comment]));
  });

  test('a timeline is read from its projection, a resource too', async () => {
    const range = `since = '2026-01-01 00:00:00', until = '2027-01-01 00:00:00'`;
    const plan = async (view: string) =>
      JSON.stringify(
        await clickhouse.query(`EXPLAIN indexes = 1, projections = 1 SELECT * FROM ${config.database}.${view}`),
      );
    await clickhouse.command(
      `INSERT INTO ${config.database}.events (topic, offset, appended_at, decode_status, id, actor_id, resource_id, occurred_at)
       SELECT 'fill', number, now64(3), 'decoded', toString(number), toString(number % 1000), toString(number % 997), now64(3) FROM numbers(100000)`,
    );
    expect(await plan(`actor_timeline(actor = '7', ${range})`)).toContain('by_actor');
    expect(await plan(`resource_history(resource = '7', ${range})`)).toContain('by_resource');
  });
});
