import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rowColumns } from '@tallystick/schemas/row';
import { connectClickHouse } from './clickhouse.ts';
import type { ClickHouse, ClickHouseConfig } from './clickhouse.ts';
import { WorkerError } from './errors.ts';

export interface AppliedMigrations {
  /** File names, in order: applied now. */
  readonly applied: readonly string[];
  /** File names: applied before, unchanged since. */
  readonly present: readonly string[];
}

interface Migration {
  readonly name: string;
  readonly sha256: string;
  readonly statements: readonly string[];
}

/**
 * Brings the database to the state that the files `NNNN_name.sql` of a folder describe, and checks it afterwards. Makes
 * the database where it is missing. Applied files are recorded with their SHA-256; calling it again does nothing; two
 * callers at once do no harm, because every statement can be repeated. A statement ends with ";" at the end of a line,
 * and `{database}` in it is replaced by the database's name: nothing else is templated.
 * @throws WorkerError MIGRATION_CHANGED, MIGRATION_INVALID, MIGRATION_UNKNOWN, CLICKHOUSE_SCHEMA, CLICKHOUSE_REFUSED,
 *   CLICKHOUSE_UNREACHABLE, CLICKHOUSE_FAILED
 */
export async function applyMigrations(config: ClickHouseConfig, dir: string): Promise<AppliedMigrations> {
  const migrations = await readMigrations(dir);
  const clickhouse = connectClickHouse(config);
  try {
    const { database } = config;
    await clickhouse.command(`CREATE DATABASE IF NOT EXISTS ${database}`);
    await clickhouse.command(
      `CREATE TABLE IF NOT EXISTS ${database}.migrations (name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
       ENGINE = MergeTree ORDER BY name SETTINGS non_replicated_deduplication_window = 1000`,
    );
    const recorded = await recordedMigrations(clickhouse);
    checkRecorded(migrations, recorded, database);
    const applied: string[] = [];
    for (const migration of migrations.filter(({ name }) => !recorded.has(name))) {
      for (const statement of migration.statements) {
        await clickhouse.command(statement.replaceAll('{database}', database));
      }
      const { name, sha256 } = migration;
      const settings = { async_insert: 0 as const, insert_deduplication_token: `migration/${name}/${sha256}` };
      const record = `INSERT INTO ${database}.migrations (name, sha256) SELECT {name:String}, {sha256:String}`;
      await clickhouse.command(record, { name, sha256 }, settings);
      applied.push(name);
    }
    await checkSchema(clickhouse);
    return { applied, present: migrations.map(({ name }) => name).filter((name) => !applied.includes(name)) };
  } finally {
    await clickhouse.close();
  }
}

/**
 * Compares what ClickHouse has with what the worker needs: the columns of `events` in name and type, the tables beside
 * it, and a deduplication window on everything that an insert reaches.
 * @throws WorkerError CLICKHOUSE_SCHEMA
 */
export async function checkSchema(clickhouse: ClickHouse): Promise<void> {
  const { database } = clickhouse.config;
  const tables = await clickhouse.query(
    'SELECT name, create_table_query FROM system.tables WHERE database = {database:String}',
    { database },
  );
  const definitions = new Map(tables.map(([name, definition]) => [String(name), String(definition)]));
  for (const name of ['events', 'minutes', 'findings', 'runs']) {
    const window = /non_replicated_deduplication_window = (\d+)/u.exec(definitions.get(name) ?? '');
    if (window === null || Number(window[1]) < deduplicationWindow) {
      throw wrongSchema(
        database,
        `table ${name} with a deduplication window of at least ${deduplicationWindow}`,
        definitions.get(name) ?? 'nothing',
      );
    }
  }
  for (const name of ['watermarks', 'detector_states', 'minutes_of_events']) {
    if (!definitions.has(name)) throw wrongSchema(database, `table ${name}`, 'nothing');
  }
  const columns = await clickhouse.query(
    "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = 'events' ORDER BY position",
    { database },
  );
  const types = new Map(columns.map(([name, type]) => [String(name), String(type)]));
  for (const { name, type } of rowColumns) {
    if (types.get(name) !== type)
      throw wrongSchema(database, `column events.${name} of type ${type}`, types.get(name) ?? 'nothing');
  }
}

/** How many inserts back ClickHouse knows a repeated one; the migrations set it. */
export const deduplicationWindow = 10_000;

async function readMigrations(dir: string): Promise<Migration[]> {
  let names: string[];
  try {
    names = (await readdir(dir)).filter((name) => name.endsWith('.sql')).sort();
  } catch (cause) {
    throw new WorkerError('MIGRATION_INVALID', `The folder of migrations ${dir} cannot be read.`, {
      cause,
      evidence: { dir },
    });
  }
  if (names.length === 0)
    throw new WorkerError('MIGRATION_INVALID', `The folder ${dir} holds no migrations.`, { evidence: { dir } });
  return Promise.all(
    names.map(async (name, index) => {
      const number = String(index + 1).padStart(4, '0');
      if (!/^\d{4}_[a-z0-9_]+\.sql$/u.test(name) || !name.startsWith(`${number}_`)) {
        const message = `Migration ${name} in ${dir} is out of turn: the next one is to be named ${number}_name.sql.`;
        throw new WorkerError('MIGRATION_INVALID', message, {
          evidence: { dir, expected: `${number}_name.sql`, found: name },
        });
      }
      const text = await readFile(join(dir, name), 'utf8');
      return { name, sha256: createHash('sha256').update(text).digest('hex'), statements: statementsOf(text) };
    }),
  );
}

/** The statements of a migration: each ends with ";" at the end of a line. Comment lines are left out. */
export function statementsOf(text: string): string[] {
  return text
    .replaceAll(/^[ \t]*--.*$/gmu, '')
    .split(/;[ \t]*(?:\r?\n|$)/u)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

async function recordedMigrations(clickhouse: ClickHouse): Promise<Map<string, string>> {
  const rows = await clickhouse.query(
    `SELECT name, sha256 FROM ${clickhouse.config.database}.migrations ORDER BY applied_at DESC`,
  );
  return new Map(rows.map(([name, sha256]) => [String(name), String(sha256)]));
}

function checkRecorded(
  migrations: readonly Migration[],
  recorded: ReadonlyMap<string, string>,
  database: string,
): void {
  const files = new Map(migrations.map(({ name, sha256 }) => [name, sha256]));
  for (const [name, sha256] of recorded) {
    const found = files.get(name);
    const evidence = { database, migration: name, expected: sha256, found: found ?? null };
    if (found === undefined) {
      const message = `Database ${database} was set up with migration ${name}, which this release does not have. Use the release that it belongs to, or a newer one.`;
      throw new WorkerError('MIGRATION_UNKNOWN', message, { evidence });
    }
    if (found !== sha256) {
      const message = `Migration ${name} was applied to database ${database} with other content. Restore the file, and put the change into a new migration.`;
      throw new WorkerError('MIGRATION_CHANGED', message, { evidence });
    }
  }
}

function wrongSchema(database: string, expected: string, found: string): WorkerError {
  const message = `ClickHouse database ${database} lacks ${expected} (found: ${found.slice(0, 80)}). Apply the migrations of this release.`;
  return new WorkerError('CLICKHOUSE_SCHEMA', message, {
    evidence: { database, expected, found: found.slice(0, 500) },
  });
}
