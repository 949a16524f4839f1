import { isUtf8 } from 'node:buffer';
import { ClickHouseError, ClickHouseLogLevel, SettingsMap, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { rowColumns } from '@tallystick/schemas/row';
import { VerifierError } from '../errors.ts';
import type { CopiedExtent, CopiedPlace, CopiedRow, CopiedRows, CopiedWatermark } from '../ports/copied-rows.ts';
import type { CopiedCell } from './compare-cells.ts';
import { linesOf } from './lines.ts';
import { shownTopic, shownTopicBytes } from './shown-topic.ts';

export interface ClickHouseCopyConfig {
  /** `http://host:8123` or `https://…`. */
  readonly url: string;
  readonly database: string;
  readonly username?: string;
  readonly password?: string;
  /** Longest wait for an answer, or for more of one, ms; default 30,000. */
  readonly deadlineMs?: number;
}

const ofPlace = 'topic = {topic:String} AND generation = {generation:UInt32} AND partition = {partition:UInt32}';
/** So many rows a request: the server keeps an answer back until it is whole, so that an error in its middle is an error. */
const sliceRows = 20_000;
/** Rows of one offset, or partitions and generations: nobody has so many, so who answers more never ends. */
const mostTies = 1_000_000;
const mostExtents = 100_000;
/** Places of other topics that are looked at: each of them is a finding or counted in one. */
const mostOthers = 10_000;
const mostColumns = 10_000;
/** One table that keeps every row as it was written. Others replace rows, or take them from elsewhere. */
const plainEngine = /^(?:Replicated|Shared)?MergeTree$/;
/** What a settings profile of the user could say to hide rows from it; these are the server's own defaults. */
const everyRow = {
  additional_table_filters: SettingsMap.from({}),
  additional_result_filter: '',
  limit: '0',
  offset: '0',
  final: 0,
  read_overflow_mode: 'throw',
  result_overflow_mode: 'throw',
  group_by_overflow_mode: 'throw',
  sort_overflow_mode: 'throw',
  timeout_overflow_mode: 'throw',
} as const;
/** No row that a worker writes is near it: a record has at most 2 MiB. */
const maxLineBytes = 64 * 1024 * 1024;

const columns = rowColumns
  // A map can hold a key twice in a row, but not in a JSON object.
  .map(({ name, type }) => (type.startsWith('Map') ? `CAST(${name}, 'Array(Tuple(String, String))')` : name))
  .join(', ');
const offsetIndex = rowColumns.findIndex(({ name }) => name === 'offset');

/**
 * The rows in ClickHouse, with SELECT rights only. Connects lazily.
 * @throws VerifierError OPTIONS_INVALID
 */
export function clickHouseRows(config: ClickHouseCopyConfig): CopiedRows {
  if (
    !/^[A-Za-z_][A-Za-z0-9_]{0,127}$/u.test(config.database) ||
    !/^https?:\/\//.test(config.url) ||
    !URL.canParse(config.url)
  )
    throw new VerifierError(
      'OPTIONS_INVALID',
      `The query copy is at ${JSON.stringify(config.url)}, database ${JSON.stringify(config.database)}: give http://host:port or https://host:port, and a name of letters, digits and "_".`,
    );
  const { username, password, deadlineMs = 30_000 } = config;
  const client = createClient({
    url: new URL(config.url).origin,
    database: 'default',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    request_timeout: deadlineMs,
    application: 'tallystick',
    log: { level: ClickHouseLogLevel.OFF },
  });
  return new ClickHouseRows(client, config, deadlineMs);
}

class ClickHouseRows implements CopiedRows {
  readonly place: string;
  private readonly client: ClickHouseClient;
  private readonly db: string;
  private readonly deadlineMs: number;

  constructor(client: ClickHouseClient, { url, database }: ClickHouseCopyConfig, deadlineMs: number) {
    this.client = client;
    this.db = database;
    this.place = `${url} (database ${database})`;
    this.deadlineMs = deadlineMs;
  }

  async extents(topic: string): Promise<CopiedExtent[]> {
    const found: CopiedExtent[] = [];
    const sql = `SELECT generation, partition, count(), min(offset), max(offset) FROM ${this.db}.events WHERE topic = {topic:String} GROUP BY generation, partition ORDER BY partition, generation`;
    for await (const { cells } of this.ask(sql, { topic })) {
      if (found.length >= mostExtents) throw this.unreadable(`more than ${mostExtents} partitions`);
      found.push(this.extent(topic, cells));
    }
    return found;
  }

  async *others(topic: string): AsyncGenerator<CopiedExtent, void, void> {
    // In the order of the table's key, so that the server keeps one place at a time in memory.
    const sql = `SELECT hex(substring(topic, 1, ${shownTopicBytes})), length(topic), generation, partition, count(), min(offset), max(offset) FROM ${this.db}.events WHERE topic != {topic:String} OR isNull(topic) GROUP BY topic, generation, partition ORDER BY topic, generation, partition LIMIT ${mostOthers} SETTINGS optimize_aggregation_in_order = 1`;
    let seen = 0;
    for await (const { cells } of this.ask(sql, { topic })) {
      const [name, length, ...extent] = cells;
      if ((seen += 1) > mostOthers) throw this.unreadable(`more than ${mostOthers} partitions`);
      yield this.extent(shownTopic(Buffer.from(String(name), 'hex'), this.safe(length ?? null)), extent);
    }
  }

  async faults(): Promise<string[]> {
    const faults: string[] = [];
    const engines: string[] = [];
    const sql = `SELECT engine FROM system.tables WHERE database = {database:String} AND name = 'events' LIMIT 2`;
    for await (const { cells } of this.ask(sql, { database: this.db })) engines.push(String(cells[0]));
    const [engine = 'none that its user can see'] = engines;
    if (!plainEngine.test(engine)) faults.push(`events has the engine ${engine}, not MergeTree`);
    const found = new Map<string, readonly CopiedCell[]>();
    for await (const { cells } of this.ask(`DESCRIBE TABLE ${this.db}.events`, {})) {
      if (found.size >= mostColumns) throw this.unreadable(`more than ${mostColumns} columns`);
      found.set(String(cells[0]), cells);
    }
    for (const { name, type } of rowColumns) {
      const [, typeFound = 'none', kind = ''] = (found.get(name) ?? []).map(String);
      if (typeFound !== type) faults.push(`column ${name} has the type ${typeFound}, not ${type}`);
      // What is computed can be computed anew for whoever asks.
      if (kind !== '' && kind !== 'DEFAULT') faults.push(`column ${name} is computed (${kind})`);
    }
    return faults;
  }

  async watermark(place: CopiedPlace): Promise<CopiedWatermark> {
    // A worker claims a run only once all rows below it are there. The claims are read at one moment: first and last are of one run.
    const sql = `SELECT (SELECT max(rows_from) FROM ${this.db}.watermarks WHERE ${ofPlace}), (SELECT max(next_offset) FROM ${this.db}.watermarks WHERE ${ofPlace}), max(first), max(last) + 1, count() FROM ${this.db}.runs WHERE ${ofPlace}`;
    for await (const { cells } of this.ask(sql, { ...place })) {
      const [rowsFrom = 0, writtenTo = 0, claimedFrom = 0, claimedTo = 0, claims = 0] = cells.map((cell) =>
        this.safe(cell),
      );
      return { rowsFrom, nextOffset: Math.max(writtenTo, claimedFrom), claimedTo: claims === 0 ? 0 : claimedTo };
    }
    throw this.unreadable('no row of watermarks and runs');
  }

  async count(place: CopiedPlace, from: number, to: number): Promise<number> {
    const sql = `SELECT count() FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {from:UInt64} AND offset < {to:UInt64}`;
    for await (const { cells } of this.ask(sql, { ...place, from, to })) return this.safe(cells[0] ?? null);
    return 0;
  }

  async *rows(place: CopiedPlace, from: number, to: number): AsyncGenerator<CopiedRow, void, void> {
    // All rows of an offset come in one slice, however many there are.
    const sql = `SELECT ${columns} FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {from:UInt64} AND offset < {to:UInt64} ORDER BY offset LIMIT ${sliceRows} WITH TIES`;
    for (let next = from, slice = 0; next < to; slice++) {
      let count = 0;
      for await (const { cells, malformed } of this.ask(sql, { ...place, from: next, to })) {
        const offset = this.safe(cells[offsetIndex] ?? null);
        if (cells.length !== rowColumns.length || offset < next)
          throw this.unreadable(`a row of ${cells.length} cells`);
        if (count >= sliceRows + mostTies) throw this.unreadable(`more than ${sliceRows + mostTies} rows at once`);
        yield { offset, cells, malformed, slice };
        from = offset;
        count += 1;
      }
      if (count < sliceRows) return;
      next = from + 1;
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  /** Streams an answer; the server sends it only once it is whole. */
  private async *ask(
    sql: string,
    parameters: Record<string, unknown>,
  ): AsyncGenerator<{ cells: CopiedCell[]; malformed: boolean }, void, void> {
    const stop = new AbortController();
    try {
      const { stream } = await this.client.exec({
        query: `${sql} FORMAT JSONCompactEachRow`,
        query_params: parameters,
        abort_signal: stop.signal,
        clickhouse_settings: {
          ...everyRow,
          wait_end_of_query: 1,
          max_execution_time: Math.max(1, Math.ceil(this.deadlineMs / 1000)),
          output_format_json_quote_64bit_integers: 1,
          output_format_json_escape_forward_slashes: 0,
          output_format_json_named_tuples_as_objects: 0,
          date_time_output_format: 'simple',
          describe_compact_output: 0,
          describe_include_subcolumns: 0,
        },
      });
      for await (const line of linesOf(stream, { maxLineBytes, waitMs: this.deadlineMs }))
        yield { cells: this.parse(line), malformed: !isUtf8(line) };
    } catch (error) {
      throw error instanceof VerifierError ? error : this.failure(error);
    } finally {
      stop.abort();
    }
  }

  private parse(line: Buffer): CopiedCell[] {
    try {
      const cells: unknown = JSON.parse(line.toString('utf8'));
      if (Array.isArray(cells)) return cells as CopiedCell[];
    } catch {
      // Said below.
    }
    throw this.unreadable(JSON.stringify(line.toString('utf8').slice(0, 100)));
  }

  private safe(cell: CopiedCell): number {
    const number = Number(cell ?? 0);
    // Larger ones are made up; the nearest that can be compared stands for them.
    return Number.isFinite(number) ? Math.min(number, Number.MAX_SAFE_INTEGER) : 0;
  }

  private extent(topic: string, cells: readonly CopiedCell[]): CopiedExtent {
    const [generation, partition, rows, first, last] = cells.map((cell) => this.integer(String(cell)));
    if (last === undefined) throw this.unreadable(`${cells.length} cells`);
    return {
      topic,
      generation: Number(generation),
      partition: Number(partition),
      rows: Number(rows),
      first: first ?? 0n,
      last,
    };
  }

  private integer(text: string): bigint {
    if (!/^\d{1,20}$/.test(text)) throw this.unreadable(JSON.stringify(text));
    return BigInt(text);
  }

  private unreadable(what: string): VerifierError {
    return new VerifierError(
      'COPY_UNAVAILABLE',
      `${this.place} answered what is no answer of these tables: ${what}. Apply the migrations of this release.`,
    );
  }

  private failure(cause: unknown): VerifierError {
    const said = cause instanceof Error ? cause.message.slice(0, 300) : String(cause);
    const what = cause instanceof ClickHouseError ? `answered ${cause.type ?? cause.code}: ` : 'gave no answer: ';
    const todo =
      cause instanceof ClickHouseError
        ? 'Check the user, its SELECT right on the tables, and that the migrations of this release are applied'
        : 'Check that it runs and that the URL is right';
    return new VerifierError('COPY_UNAVAILABLE', `${this.place} ${what}${said}. ${todo}.`, { cause, retriable: true });
  }
}
