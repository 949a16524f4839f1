import { holesIn, runLength } from './domain/runs.ts';
import type { RunLimits } from './domain/runs.ts';
import { WorkerError } from './errors.ts';
import type { FeedOptions } from './partition-feed.ts';
import type { OffsetRange, Run, StoredRow } from './ports/row-store.ts';

const attemptsAtOnePlace = 4;

type Retry = <T>(what: string, work: () => Promise<T>) => Promise<T>;

export interface Recovered {
  /** First offset that is to have a row. */
  readonly rowsFrom: number;
  /** Every offset from there to below this one has a row now. */
  readonly nextOffset: number;
  /** Rows that were missing and were written. */
  readonly filled: number;
}

/**
 * Finds, from the rows alone, which offsets are missing below the end of what anybody ever set out to insert, and fills
 * them: the run that a crash cut off, and rows that somebody removed.
 */
export class Recovery {
  private readonly options: FeedOptions;
  private readonly limits: RunLimits;
  private readonly readRows: (range: OffsetRange) => Promise<StoredRow[]>;
  private readonly retry: Retry;

  constructor(
    options: FeedOptions,
    limits: RunLimits,
    readRows: (range: OffsetRange) => Promise<StoredRow[]>,
    retry: Retry,
  ) {
    this.options = options;
    this.limits = limits;
    this.readRows = readRows;
    this.retry = retry;
  }

  /** @throws WorkerError ROWS_DOUBLED, ROWS_MISSING, RECORDS_LOST, and what reading and storing throw */
  async run(): Promise<Recovered> {
    const { place, store, log, logger } = this.options;
    const { topic, partition } = place;
    const { logStart } = await this.retry('Asking for the bounds', () => log.bounds(topic, partition));
    const watermark = await this.retry('Reading the watermark', () => store.watermark(place));
    const rowsFrom = watermark?.rowsFrom ?? Math.max(this.options.firstOffset, logStart);
    if (watermark === null) {
      if (rowsFrom > this.options.firstOffset) {
        const message = `${topic}/${partition} begins at offset ${rowsFrom}: older records are not in Kafka any more and get no rows`;
        logger.warn(message, { ...place, firstOffset: this.options.firstOffset, logStart });
      }
      await this.retry('Writing the first watermark', () =>
        store.raiseWatermark(place, { rowsFrom, nextOffset: rowsFrom }),
      );
    }
    const claimedEnd = await this.retry('Reading the claims', () => store.claimedEnd(place));
    const { present, doubled } = await this.retry('Counting rows', () => store.coverage(place));
    if (doubled.length > 0) throw this.doubledRows(doubled);
    const nextOffset = Math.max(
      rowsFrom,
      watermark?.nextOffset ?? 0,
      claimedEnd ?? 0,
      (present.at(-1)?.last ?? -1) + 1,
    );
    let filled = 0;
    for (const hole of holesIn(present, rowsFrom, nextOffset)) {
      const { first, last } = hole;
      logger.warn(`Rows of ${topic}/${partition} are missing at offsets ${first} to ${last}: they are written now`, {
        ...place,
        first,
        last,
      });
      if (first < logStart) throw this.lostRecords(hole, logStart);
      await this.fill(hole);
      filled += last - first + 1;
    }
    return { rowsFrom, nextOffset, filled };
  }

  /** Writes the rows of a range that are missing; does nothing where none are. */
  async fill(range: OffsetRange): Promise<void> {
    const { place, store } = this.options;
    if ((await this.count(range)) === size(range)) return;
    let attempts = 0;
    for (let next = range.first; next <= range.last;) {
      if ((await this.count({ first: next, last: next })) === 1) {
        next += 1;
        continue;
      }
      if (attempts === attemptsAtOnePlace) throw this.missingRows(next);
      attempts += 1;
      const { run, rows: read } = await this.nextRun(next, range.last, attempts > 1);
      const rows = read.length === size(run) ? read : await this.readRows(run);
      await this.retry('Inserting rows', () => store.insertRows(place, run, rows));
      if ((await this.count(run)) < size(run)) continue;
      next = run.last + 1;
      attempts = 0;
    }
  }

  private count(range: OffsetRange): Promise<number> {
    return this.retry('Counting rows', () => this.options.store.countRows(this.options.place, range));
  }

  /**
   * The run to insert at a missing offset. One that was claimed and of which nothing is there was cut off: the same again,
   * under the same token. If that adds nothing its token is spent, for its rows were there once: a new round.
   */
  private async nextRun(
    at: number,
    last: number,
    spent: boolean,
  ): Promise<{ readonly run: Run; readonly rows: readonly StoredRow[] }> {
    const { place, store } = this.options;
    const before = await this.retry('Reading the claims', () => store.claimOver(place, at));
    if (before !== null && before.first === at && !spent && (await this.count(before)) === 0)
      return { run: before, rows: [] };
    const rows = await this.readRows({ first: at, last: Math.min(last, at + this.limits.rows - 1) });
    const wanted = {
      first: at,
      last: at + runLength(rows, this.limits) - 1,
      round: before === null ? 0 : before.round + 1,
    };
    const { run } = await this.retry('Claiming offsets', () => store.claim(place, wanted));
    return { run, rows: rows.slice(0, size(run)) };
  }

  private doubledRows(offsets: readonly number[]): WorkerError {
    const { place } = this.options;
    const message =
      `ClickHouse holds more than one row for ${offsets.length} or more offsets of ${place.topic}/${place.partition}, generation ` +
      `${place.generation}, first at ${offsets[0]}. Somebody else writes into the table: find out who, delete those rows, start again.`;
    return new WorkerError('ROWS_DOUBLED', message, { evidence: { ...place, offsets }, fatal: true });
  }

  private lostRecords({ first, last }: OffsetRange, logStart: number): WorkerError {
    const { place } = this.options;
    const message =
      `Rows of ${place.topic}/${place.partition}, offsets ${first} to ${last}, are missing in ClickHouse, and Kafka begins at ${logStart}. ` +
      `If they were removed on purpose, insert a row with rows_from ${logStart} into the table watermarks; otherwise restore them.`;
    return new WorkerError('RECORDS_LOST', message, { evidence: { ...place, first, last, logStart }, fatal: true });
  }

  private missingRows(offset: number): WorkerError {
    const { place } = this.options;
    const message =
      `The row of ${place.topic}/${place.partition}, offset ${offset}, was written ${attemptsAtOnePlace} times and is not there. ` +
      `Somebody removes rows, or a row policy hides them from this user.`;
    return new WorkerError('ROWS_MISSING', message, { evidence: { ...place, offset }, fatal: true });
  }
}

function size({ first, last }: OffsetRange): number {
  return last - first + 1;
}
