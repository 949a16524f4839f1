import { connectClickHouse, type ClickHouse } from '@tallystick/anomaly-worker/clickhouse';
import { importCloudTrail, type ImportCounts, type ImportProblem } from '@tallystick/producers/cloudtrail';
import type { ImportedEvent } from '@tallystick/producers/producer';
import { type Context, deploymentOf } from './context.ts';
import { openProducer } from './open-producer.ts';

export interface ImportResult extends ImportCounts {
  /** Records whose events were in the query copy before this import; null where it could not be asked. */
  readonly known: number | null;
}

export interface ImportFlags {
  readonly onProblem?: (problem: ImportProblem) => void;
  readonly onProgress?: (records: number) => void;
  readonly signal?: AbortSignal;
}

/** Imports CloudTrail files as the configuration and the stack say; resolves when every event has its receipt. */
export async function importFiles(
  context: Context,
  files: readonly string[],
  flags: ImportFlags = {},
): Promise<ImportResult> {
  const deployment = deploymentOf(context);
  const producer = await openProducer(deployment, 'cloudtrail-import');
  const known = new KnownIds(deployment.clickhouse === null ? null : connectClickHouse(deployment.clickhouse));
  let records = 0;
  try {
    const counts = await importCloudTrail({
      files,
      key: deployment.importKey,
      emit: async (event: ImportedEvent) => {
        await known.look(event.id);
        flags.onProgress?.((records += 1));
        return producer.emit(event);
      },
      ...(flags.onProblem === undefined ? {} : { onProblem: flags.onProblem }),
      ...(flags.signal === undefined ? {} : { signal: flags.signal }),
    });
    return { ...counts, known: await known.count() };
  } finally {
    await producer.close({ deadlineMs: 30_000 });
    await known.close();
  }
}

/**
 * Counts ids that the query copy held before. It only informs: what was imported before is sent again all the same, because the
 * copy is no evidence, and readers know a repeated event by its id.
 */
class KnownIds {
  readonly #clickhouse: ClickHouse | null;
  /** SQL that is true for the rows that were there when the import began; null where the copy could not be asked. */
  readonly #before: Promise<string | null>;
  #waiting: string[] = [];
  #known = 0;
  #failed = false;

  constructor(clickhouse: ClickHouse | null) {
    this.#clickhouse = clickhouse;
    this.#before = clickhouse === null ? Promise.resolve(null) : rowsOfNow(clickhouse).catch(() => null);
  }

  async look(id: string): Promise<void> {
    await this.#before;
    this.#waiting.push(id);
    if (this.#waiting.length >= 1000) await this.#ask();
  }

  async count(): Promise<number | null> {
    await this.#ask();
    return this.#failed || (await this.#before) === null ? null : this.#known;
  }

  async close(): Promise<void> {
    await this.#before;
    await this.#clickhouse?.close();
  }

  async #ask(): Promise<void> {
    const ids = this.#waiting;
    this.#waiting = [];
    const before = await this.#before;
    if (this.#clickhouse === null || before === null || this.#failed || ids.length === 0) return;
    try {
      const sql = `SELECT uniqExact(id) FROM ${this.#clickhouse.config.database}.events WHERE id IN {ids:Array(String)} AND (${before})`;
      const [row] = await this.#clickhouse.query(sql, { ids });
      this.#known += Number(row?.[0] ?? 0);
    } catch {
      this.#failed = true; // the import does not depend on the query copy
    }
  }
}

async function rowsOfNow(clickhouse: ClickHouse): Promise<string> {
  const sql = `SELECT generation, partition, max(offset) FROM ${clickhouse.config.database}.events GROUP BY generation, partition`;
  const rows = await clickhouse.query(sql);
  const parts = rows
    .map((row) => row.map(Number))
    .map(
      ([generation, partition, offset]) =>
        `generation = ${generation} AND partition = ${partition} AND offset <= ${offset}`,
    );
  return parts.length === 0 ? '0' : parts.map((part) => `(${part})`).join(' OR ');
}
