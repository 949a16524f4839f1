import { rowColumns } from '@tallystick/schemas/row';
import type { ClickHouse } from '../clickhouse.ts';
import { requestTimeoutOf } from '../clickhouse.ts';
import type { Detection, DetectionEvent } from '../domain/detection.ts';
import { holesIn } from '../domain/runs.ts';
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

const lateMessage = 'tallystick: this insert comes too late';
const supersededMessage = 'tallystick: a later round of this run is claimed';
const sliceRows = 20_000;

export interface ClickHouseRowStoreOptions {
  /** For tests of long-lived deployments: after how many inserts a token counts as forgotten. Default: half of the window. */
  readonly rememberedInserts?: number;
  /** How long after its claim (or a look at the tables) the server may begin to carry out an insert. Default 60,000. */
  readonly fenceMs?: number;
}

/**
 * Rows in ClickHouse. Exactly once rests on four things: a token in each insert (the table knows the last 10,000, and looks
 * the token up and adds the part under one lock, so that whoever is told "done" finds the rows there, also where another
 * insert brought them); claims, which make everybody use the same runs and so the same tokens; a time limit that the server
 * itself enforces, so that an insert held up anywhere on its way cannot arrive after its token was forgotten; and the
 * server's refusal of a round once a later one is claimed.
 */
export class ClickHouseRowStore implements RowStore {
  private readonly clickhouse: ClickHouse;
  private readonly db: string;
  private readonly remembered: number;
  private readonly fenceMs: number;
  /** Server times (unix ms) until which the inserts of own claims may begin. */
  private readonly fences = new Map<string, number>();

  constructor(clickhouse: ClickHouse, options: ClickHouseRowStoreOptions = {}) {
    this.clickhouse = clickhouse;
    this.db = clickhouse.config.database;
    this.remembered = options.rememberedInserts ?? deduplicationWindow / 2;
    this.fenceMs = options.fenceMs ?? 60_000;
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
    if (own) this.fences.set(runToken(place, claimed), Number(winner[2]) + this.fenceMs);
    return { run: claimed, own };
  }

  async claimFrom(place: Place, offset: number): Promise<Run | null> {
    const [row] = await this.clickhouse.query(
      `SELECT first, last, round FROM ${this.db}.runs WHERE ${ofPlace} AND last >= {offset:UInt64}
       ORDER BY greatest(first, {offset:UInt64}), round DESC, first DESC, claimed_at LIMIT 1`,
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
           WHERE NOT throwIf(toUnixTimestamp64Milli(now64(3)) > {fence:Int64}, '${lateMessage}')
             AND NOT throwIf((SELECT count() FROM ${this.db}.runs
               WHERE ${ofPlace} AND first = {first:UInt64} AND round > {round:UInt32}) > 0, '${supersededMessage}')
           FORMAT JSONCompactEachRow`,
          data,
          { fence, ...where(place), first: run.first, round: run.round },
          { ...insertSettings, insert_deduplication_token: insertToken },
        );
        this.fences.delete(insertToken);
        return;
      } catch (error) {
        const refusal = refusalIn(error);
        if (refusal === null) throw error;
        this.fences.delete(insertToken);
        if (refusal === supersededMessage) return;
      }
    }
  }

  /**
   * Until when an insert of a run that was claimed earlier may begin; null where nothing can come of the run any more. While
   * the table knows the token the insert is sent in any case: it adds no row twice, and a materialized view that a crash cut
   * off gets its part. Once the token may be forgotten nobody sends the insert any more. Then the run is settled as soon as
   * those that were let begin before are over, by the server's clock: what has no row by then gets it in the next round.
   */
  private async look(place: Place, run: Run): Promise<number | null> {
    // Nobody can know how long the requests of other workers may take: twice our own.
    const overMs = this.fenceMs + 2 * requestTimeoutOf(this.clickhouse.config);
    const [row] = await this.clickhouse.query(
      `SELECT toUnixTimestamp64Milli(now64(3)),
         count(), countIf(claimed_at < now64(6) - toIntervalMillisecond({overMs:UInt32})),
         (SELECT uniqExact(offset) FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {first:UInt64} AND offset <= {last:UInt64})
       FROM ${this.db}.runs WHERE claimed_at >= (SELECT min(claimed_at) FROM ${this.db}.runs
         WHERE ${ofPlace} AND first = {first:UInt64} AND round = {round:UInt32})`,
      { ...where(place), ...bounds(run), round: run.round, overMs },
    );
    const [now, later, laterAndOver, present] = (row ?? []).map(Number);
    if (now === undefined || later === undefined || laterAndOver === undefined || present === undefined) {
      throw new WorkerError('CLICKHOUSE_FAILED', `ClickHouse at ${this.clickhouse.config.url} gave an empty answer.`, {
        retriable: true,
      });
    }
    if (later <= this.remembered) return now + this.fenceMs;
    if (laterAndOver > this.remembered || present === run.last - run.first + 1) return null;
    const evidence = { ...where(place), ...bounds(run), round: run.round };
    const message =
      `An insert of ${place.topic}/${place.partition}, offsets ${run.first} to ${run.last}, could still be under way though its token ` +
      `may be forgotten: it is waited for, ${overMs} ms at most.`;
    throw new WorkerError('CLICKHOUSE_FAILED', message, { retriable: true, evidence });
  }

  async missing(place: Place, { first, last }: OffsetRange): Promise<readonly OffsetRange[]> {
    // One statement, which is one moment: two would see an insert that comes in between as a removal.
    const present = await this.clickhouse.query(
      `SELECT min(offset), max(offset) FROM
         (SELECT offset, offset - row_number() OVER (ORDER BY offset) AS island FROM
           (SELECT DISTINCT offset FROM ${this.db}.events WHERE ${ofPlace} AND offset >= {first:UInt64} AND offset <= {last:UInt64}))
       GROUP BY island ORDER BY island`,
      { ...where(place), first, last },
    );
    return holesIn(
      present.map(([from, to]) => ({ first: Number(from), last: Number(to) })),
      first,
      last + 1,
    );
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
      `SELECT groupUniqArray(finding_id), toUnixTimestamp64Milli(now64(3)) FROM ${this.db}.findings WHERE finding_id IN {ids:Array(String)}`,
      { ids },
    );
    const [stored, now] = known[0] ?? [];
    const present = new Set(stored as string[]);
    for (const finding of findings) {
      if (present.has(finding.id)) continue;
      present.add(finding.id);
      await insertFinding(this.clickhouse, place, finding, Number(now) + this.fenceMs);
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

/** Which of its conditions the server refused an insert for. The first one named counts: a whole statement may follow it. */
function refusalIn(error: unknown): string | null {
  const first = error instanceof WorkerError ? /tallystick: [a-z ]+/u.exec(error.message)?.[0] : undefined;
  return first === lateMessage || first === supersededMessage ? first : null;
}

/** The name of an insert: the same for everybody who inserts the same rows. */
function token(kind: string, { topic, generation, partition }: Place, ...parts: readonly number[]): string {
  return JSON.stringify([kind, topic, generation, partition, ...parts]);
}

function runToken(place: Place, { first, last, round }: Run): string {
  return token('rows', place, first, last, round);
}
