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
    for (let next = range.first; next <= range.last;) {
      const [hole] = await this.missing({ first: next, last: range.last });
      if (hole === undefined) return;
      next = await this.fillRun(hole.first, hole.last);
    }
  }

  /**
   * Fills the run that covers an offset, as far as `last`; resolves to the next offset.
   *
   * That a row is not there does not say that it was removed: the insert of somebody who is alive, or was killed a moment
   * ago, may be under way. So a round is settled first, by an insert under its own token, after which nothing can come of it
   * any more, whoever sent it. Only what is missing after that was removed, and only then is the next round claimed. Rounds
   * of a run keep its bounds, so that they follow each other and no two of them are open at once.
   */
  private async fillRun(at: number, last: number): Promise<number> {
    const { place, store } = this.options;
    let run = await this.runAt(at, last);
    const range = { first: at, last: Math.min(run.last, last) };
    // Looked at after the claim was read: rounds before it are settled, and what is there stays.
    let missing = await this.missing(range);
    for (let attempt = 0; missing.length > 0; attempt++) {
      if (attempt === attemptsAtOnePlace) throw this.missingRows(missing[0]?.first ?? at);
      if (attempt > 0) {
        const wanted = { ...run, round: run.round + 1 };
        run = (await this.retry('Claiming offsets', () => store.claim(place, wanted))).run;
      }
      const given = { run, rows: await this.readMissing(missing) };
      await this.retry('Inserting rows', () => store.insertRows(place, given.run, given.rows));
      missing = await this.missing(range);
    }
    return range.last + 1;
  }

  /** The run that was claimed for an offset; a new one where nobody did, which does not reach into the next one. */
  private async runAt(at: number, last: number): Promise<Run> {
    const { place, store } = this.options;
    const claimed = await this.retry('Reading the claims', () => store.claimFrom(place, at));
    if (claimed !== null && claimed.first <= at) return claimed;
    const end = Math.min(last, at + this.limits.rows - 1, (claimed?.first ?? Infinity) - 1);
    const length = runLength(await this.readRows({ first: at, last: end }), this.limits);
    const wanted = { first: at, last: at + length - 1, round: 0 };
    return (await this.retry('Claiming offsets', () => store.claim(place, wanted))).run;
  }

  private async readMissing(missing: readonly OffsetRange[]): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    for (const range of missing) for (const row of await this.readRows(range)) rows.push(row);
    return rows;
  }

  private missing(range: OffsetRange): Promise<readonly OffsetRange[]> {
    return this.retry('Looking for missing rows', () => this.options.store.missing(this.options.place, range));
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
