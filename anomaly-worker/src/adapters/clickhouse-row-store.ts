import { rowColumns } from '@tallystick/schemas/row';
import type { ClickHouse } from '../clickhouse.ts';
import type { Detection, DetectionEvent } from '../domain/detection.ts';
import { WorkerError } from '../errors.ts';
import { deduplicationWindow } from '../migrations.ts';
import type { Claim, Coverage, OffsetRange, Place, RowStore, Run, StoredRow, Watermark } from '../ports/row-store.ts';
import { bucketOffsets, coverageOf } from './clickhouse-coverage.ts';
import { insertFinding } from './clickhouse-findings.ts';
import { eventColumnNames, eventOf } from './clickhouse-events.ts';

const ofPlace = 'topic = {topic:String} AND generation = {generation:UInt32} AND partition = {partition:UInt32}';
const columnNames = rowColumns.map(({ name }) => name).join(', ');
const inputStructure = rowColumns
  .map(({ name, type }) => `${name} ${type}`)
  .join(', ')
  .replaceAll("'", String.raw`\'`);

// One insert is one block, one part: the server neither queues it nor cuts it, and knows it again by its token.
const insertSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  input_format_parallel_parsing: 0,
  max_insert_threads: '1',
} as const;

/** How long after its claim (or a look at the table) the server may begin to carry out an insert, milliseconds. */
const fenceMs = 60_000;
const fenceMessage = 'tallystick: this insert comes too late';
const sliceRows = 20_000;

export interface ClickHouseRowStoreOptions {
  /** For tests of long-lived deployments: after how many inserts a token counts as forgotten. Default: half of the window. */
  readonly rememberedInserts?: number;
}

/**
 * Rows in ClickHouse. Exactly once rests on three things: a token in each insert (the table knows the last 10,000), claims,
 * which make everybody use the same runs and so the same tokens, and a time limit that the server itself enforces, so that
 * an insert held up anywhere on its way cannot arrive after its token was forgotten.
 */
export class ClickHouseRowStore implements RowStore {
  private readonly clickhouse: ClickHouse;
  private readonly db: string;
  private readonly remembered: number;
  /** Server times (unix ms) until which the inserts of own claims may begin. */
  private readonly fences = new Map<string, number>();

  constructor(clickhouse: ClickHouse, options: ClickHouseRowStoreOptions = {}) {
    this.clickhouse = clickhouse;
    this.db = clickhouse.config.database;
    this.remembered = options.rememberedInserts ?? deduplicationWindow / 2;
  }

  async coverage(place: Place): Promise<Coverage> {
    const buckets = await this.clickhouse.query(
      `SELECT intDiv(offset, ${bucketOffsets}) AS bucket, min(offset), max(offset), count(), uniqExact(offset) FROM ${this.db}.events
       WHERE ${ofPlace} GROUP BY bucket ORDER BY bucket SETTINGS optimize_aggregation_in_order = 1`,
      where(place),
    );
    return coverageOf(buckets, (bucket) =>
      this.clickhouse.query(
        `SELECT offset, count() FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {from:UInt64} AND offset < {to:UInt64}
         GROUP BY offset ORDER BY offset`,
        { ...where(place), from: bucket * bucketOffsets, to: (bucket + 1) * bucketOffsets },
      ),
    );
  }

  async watermark(place: Place): Promise<Watermark | null> {
    const sql = `SELECT max(rows_from), max(next_offset), count() FROM ${this.db}.watermarks WHERE ${ofPlace}`;
    const [row] = await this.clickhouse.query(sql, where(place));
    return row === undefined || row[2] === '0' ? null : { rowsFrom: Number(row[0]), nextOffset: Number(row[1]) };
  }

  async raiseWatermark(place: Place, { rowsFrom, nextOffset }: Watermark): Promise<void> {
    await this.clickhouse.command(
      `INSERT INTO ${this.db}.watermarks (topic, generation, partition, rows_from, next_offset)
       SELECT {topic:String}, {generation:UInt32}, {partition:UInt32}, {rowsFrom:UInt64}, {nextOffset:UInt64}`,
      { ...where(place), rowsFrom, nextOffset },
      { async_insert: 0 },
    );
  }

  async claim(place: Place, run: Run): Promise<Claim> {
    const key = `${ofPlace} AND first = {first:UInt64} AND round = {round:UInt32}`;
    const parameters = { ...where(place), ...bounds(run), round: run.round, worker: crypto.randomUUID() };
    // The token settles races between workers, the condition whatever is older than the window.
    await this.clickhouse.command(
      `INSERT INTO ${this.db}.runs (topic, generation, partition, first, last, round, worker)
       SELECT {topic:String}, {generation:UInt32}, {partition:UInt32}, {first:UInt64}, {last:UInt64}, {round:UInt32}, {worker:String}
       WHERE (SELECT count() FROM ${this.db}.runs WHERE ${key}) = 0`,
      parameters,
      {
        async_insert: 0,
        insert_deduplicate: 1,
        insert_deduplication_token: token('claim', place, run.first, run.round),
      },
    );
    const [winner] = await this.clickhouse.query(
      `SELECT last, worker, toUnixTimestamp64Milli(claimed_at) FROM ${this.db}.runs WHERE ${key} ORDER BY claimed_at, worker LIMIT 1`,
      parameters,
    );
    if (winner === undefined) {
      const evidence = { ...where(place), ...bounds(run) };
      const message = `ClickHouse keeps no claim of offset ${run.first} in ${this.db}.runs: somebody removes rows there. Let runs be written by workers only.`;
      throw new WorkerError('CLICKHOUSE_SCHEMA', message, { evidence });
    }
    const own = winner[1] === parameters.worker;
    const claimed = { first: run.first, last: Number(winner[0]), round: run.round };
    if (own) this.fences.set(runToken(place, claimed), Number(winner[2]) + fenceMs);
    return { run: claimed, own };
  }

  async claimOver(place: Place, offset: number): Promise<Run | null> {
    const [row] = await this.clickhouse.query(
      `SELECT first, last, round FROM ${this.db}.runs WHERE ${ofPlace} AND first <= {offset:UInt64} AND last >= {offset:UInt64}
       ORDER BY round DESC, first DESC, claimed_at LIMIT 1`,
      { ...where(place), offset },
    );
    return row === undefined ? null : { first: Number(row[0]), last: Number(row[1]), round: Number(row[2]) };
  }

  async claimedEnd(place: Place): Promise<number | null> {
    const [row] = await this.clickhouse.query(
      `SELECT max(last), count() FROM ${this.db}.runs WHERE ${ofPlace}`,
      where(place),
    );
    return row === undefined || row[1] === '0' ? null : Number(row[0]) + 1;
  }

  async insertRows(place: Place, run: Run, rows: readonly StoredRow[]): Promise<void> {
    const insertToken = runToken(place, run);
    const data = rows.map(({ cells }) => JSON.stringify(cells)).join('\n');
    for (;;) {
      const fence = this.fences.get(insertToken) ?? (await this.look(place, run));
      if (fence === null) return;
      try {
        await this.clickhouse.insert(
          `INSERT INTO ${this.db}.events (${columnNames}) SELECT ${columnNames} FROM input('${inputStructure}')
           WHERE NOT throwIf(toUnixTimestamp64Milli(now64(3)) > {fence:Int64}, '${fenceMessage}') FORMAT JSONCompactEachRow`,
          data,
          { fence },
          { ...insertSettings, insert_deduplication_token: insertToken },
        );
        this.fences.delete(insertToken);
        return;
      } catch (error) {
        if (!(error instanceof WorkerError) || !error.message.includes(fenceMessage)) throw error;
        this.fences.delete(insertToken);
      }
    }
  }

  /**
   * Whether a run that was claimed earlier is still to be inserted; until when its insert may begin. While the table knows
   * the token the insert is sent in any case: it adds no row twice, and a materialized view that a crash cut off gets its part.
   */
  private async look(place: Place, run: Run): Promise<number | null> {
    const [row] = await this.clickhouse.query(
      `SELECT toUnixTimestamp64Milli(now64(3)),
         (SELECT count() FROM ${this.db}.runs WHERE claimed_at >= (SELECT min(claimed_at) FROM ${this.db}.runs
            WHERE ${ofPlace} AND first = {first:UInt64} AND round = {round:UInt32})),
         (SELECT uniqExact(offset) FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {first:UInt64} AND offset <= {last:UInt64})`,
      { ...where(place), ...bounds(run), round: run.round },
    );
    const [now, later, present] = (row ?? []).map(Number);
    if (now === undefined || later === undefined || present === undefined) {
      throw new WorkerError('CLICKHOUSE_FAILED', `ClickHouse at ${this.clickhouse.config.url} gave an empty answer.`, {
        retriable: true,
      });
    }
    return later > this.remembered && present > 0 ? null : now + fenceMs;
  }

  async countRows(place: Place, range: OffsetRange): Promise<number> {
    const [row] = await this.clickhouse.query(
      `SELECT uniqExact(offset) FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {first:UInt64} AND offset <= {last:UInt64}`,
      { ...where(place), ...bounds(range) },
    );
    return Number(row?.[0]);
  }

  async *readEvents(place: Place, from: number, to: number): AsyncGenerator<readonly DetectionEvent[]> {
    for (let next = from; next < to;) {
      const rows = await this.clickhouse.query(
        `SELECT ${eventColumnNames.join(', ')} FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {next:UInt64} AND offset < {to:UInt64}
         ORDER BY offset LIMIT ${sliceRows}`,
        { ...where(place), next, to },
      );
      const events = rows.map(eventOf);
      const last = events.at(-1);
      if (last === undefined) return;
      yield events;
      next = last.offset + 1;
    }
  }

  async insertFindings(place: Place, findings: readonly Detection[]): Promise<void> {
    if (findings.length === 0) return;
    const ids = findings.map(({ id }) => id);
    const known = await this.clickhouse.query(
      `SELECT finding_id FROM ${this.db}.findings WHERE finding_id IN {ids:Array(String)}`,
      { ids },
    );
    const present = new Set(known.map(([id]) => id));
    for (const finding of findings) {
      if (present.has(finding.id)) continue;
      present.add(finding.id);
      await insertFinding(this.clickhouse, place, finding);
    }
  }

  async loadState(place: Place, rules: string, atMost: number): Promise<{ nextOffset: number; state: string } | null> {
    const [row] = await this.clickhouse.query(
      `SELECT next_offset, state FROM ${this.db}.detector_states
       WHERE ${ofPlace} AND rules = {rules:String} AND next_offset <= {atMost:UInt64} ORDER BY next_offset DESC LIMIT 1`,
      { ...where(place), rules, atMost },
    );
    return row === undefined ? null : { nextOffset: Number(row[0]), state: String(row[1]) };
  }

  async saveState(place: Place, rules: string, nextOffset: number, state: string): Promise<void> {
    const row = { ...where(place), rules, next_offset: nextOffset, state };
    const sql = `INSERT INTO ${this.db}.detector_states (topic, generation, partition, rules, next_offset, state) FORMAT JSONEachRow`;
    await this.clickhouse.insert(sql, JSON.stringify(row), {}, { async_insert: 0 });
  }

  async close(): Promise<void> {
    await this.clickhouse.close();
  }
}

// Member by member: what a caller's object holds besides must not travel to the server.
function where({ topic, generation, partition }: Place): { topic: string; generation: number; partition: number } {
  return { topic, generation, partition };
}

function bounds({ first, last }: OffsetRange): OffsetRange {
  return { first, last };
}

/** The name of an insert: the same for everybody who inserts the same rows. */
function token(kind: string, { topic, generation, partition }: Place, ...parts: readonly number[]): string {
  return JSON.stringify([kind, topic, generation, partition, ...parts]);
}

function runToken(place: Place, { first, last, round }: Run): string {
  return token('rows', place, first, last, round);
}
