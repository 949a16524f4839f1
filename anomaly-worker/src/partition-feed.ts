import type { Codecs } from '@tallystick/core/codecs';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { Detections } from './domain/detections.ts';
import { runLength } from './domain/runs.ts';
import type { RunLimits } from './domain/runs.ts';
import { Recovery } from './recovery.ts';
import type { OffsetRange, Place, RowStore, StoredRow } from './ports/row-store.ts';
import { eventOfRow, rowsOfBatch } from './records.ts';
import type { Decoder } from './records.ts';
import { canPass, untilItWorks } from './retry.ts';

export interface FeedLimits extends RunLimits {
  /** Rows wait so long for more before they are inserted, milliseconds. */
  readonly ageMs: number;
  /** Events between two saved states of the detections. */
  readonly stateEvents: number;
}

export const feedLimits: FeedLimits = { rows: 20_000, bytes: 8 * 1024 * 1024, ageMs: 500, stateEvents: 100_000 };

export interface FeedOptions {
  readonly place: Place;
  readonly topicId: string;
  /** The generation's first offset. */
  readonly firstOffset: number;
  readonly log: RecordLog;
  readonly store: RowStore;
  readonly decoder: Decoder;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly limits?: FeedLimits;
}

export type FeedState = 'recovering' | 'following' | 'stopped';

/**
 * Brings the events of one partition into the row store, exactly once, and runs the detections over them in order. What it
 * knows it takes from the store: it can be killed at any moment, and several may run on one partition.
 */
export class PartitionFeed {
  state: FeedState = 'recovering';
  /** Every offset below has a row. */
  nextOffset = 0;
  highWatermark = 0;
  rowsWritten = 0;
  findings = 0;
  readonly options: FeedOptions;
  private readonly limits: FeedLimits;
  private readonly detections: Detections;
  private stateAt = 0;
  private rowsFrom = 0;
  private buffer: StoredRow[] = [];
  private flushedAt = 0;
  private committing: Promise<void> | null = null;
  private failure: { readonly error: unknown } | null = null;
  // Apart, for reading goes on while an insert waits.
  private readingTrouble: string | null = null;
  private writingTrouble: string | null = null;

  constructor(options: FeedOptions) {
    this.options = options;
    this.limits = options.limits ?? feedLimits;
    this.detections = new Detections(options.place);
  }

  /** What is being waited for; null when nothing is. */
  get trouble(): string | null {
    return this.writingTrouble ?? this.readingTrouble;
  }

  /**
   * Runs until the signal is aborted; then it resolves, with everything that it began finished or given up safely.
   * @throws KafkaError of the strict reader's stops; WorkerError ROWS_DOUBLED, ROWS_MISSING, RECORDS_LOST, CLICKHOUSE_…;
   *   SchemasError REGISTRY_NOT_AUTHORIZED
   */
  async run(): Promise<void> {
    let recovered = false;
    try {
      await this.recover();
      recovered = true;
      this.state = 'following';
      await this.follow();
    } catch (error) {
      if (!this.options.signal.aborted) throw error;
    } finally {
      await this.committing?.catch(() => undefined);
      this.state = 'stopped';
    }
    if (this.failure !== null && !this.options.signal.aborted) throw this.failure.error;
    // Only spares the next start some reading, so it is no reason to fail.
    if (recovered && this.failure === null && this.nextOffset > this.stateAt)
      await this.saveState().catch(() => undefined);
  }

  private async recover(): Promise<void> {
    const { place, store, logger } = this.options;
    const { rowsFrom, nextOffset, filled } = await this.recovery().run();
    this.rowsFrom = rowsFrom;
    this.rowsWritten += filled;
    const saved = await this.retry('Loading the state of the detections', () =>
      store.loadState(place, this.detections.rules, nextOffset),
    );
    if (saved !== null) this.detections.restore(saved.state);
    const from = saved?.nextOffset ?? rowsFrom;
    const replay = async (): Promise<void> => {
      // A retry goes on where the last slice ended: the detections have seen what lies below.
      for await (const events of store.readEvents(place, this.nextOffset, nextOffset)) {
        await this.keepFindings(this.detections.step(events));
        this.nextOffset = (events.at(-1)?.offset ?? this.nextOffset) + 1;
      }
    };
    this.nextOffset = from;
    this.stateAt = from;
    await this.retry('Reading rows back for the detections', replay);
    this.nextOffset = nextOffset;
    logger.info(`${place.topic}/${place.partition} goes on at offset ${nextOffset}`, {
      ...place,
      nextOffset,
      filled,
      replayedFrom: from,
    });
  }

  private async follow(): Promise<void> {
    const { log, topicId, place, signal, logger } = this.options;
    let lastEpoch = -1;
    let from = this.nextOffset;
    while (!signal.aborted) {
      try {
        const { topic, partition } = place;
        for await (const chunk of readPartition({
          log,
          topic,
          topicId,
          partition,
          from,
          lastEpoch,
          follow: true,
          signal,
        })) {
          this.highWatermark = chunk.highWatermark;
          for (const batch of chunk.batches) {
            const rows = await this.retry('Decoding records', () =>
              this.rowsOf(batch, from, batch.header.lastOffset + 1),
            );
            for (const row of rows) this.buffer.push(row);
            from = batch.header.lastOffset + 1;
            lastEpoch = batch.header.leaderEpoch;
          }
          this.readingTrouble = null;
          await this.maybeCommit(chunk.nextOffset >= chunk.highWatermark);
        }
      } catch (error) {
        if (signal.aborted || this.failure !== null || !canPass(error)) throw error;
        const message = error instanceof Error ? error.message : String(error);
        this.readingTrouble = message;
        logger.warn(`Reading ${place.topic}/${place.partition} goes on after a disturbance: ${message}`, {
          ...place,
          offset: from,
        });
      }
    }
  }

  /** Inserts beside the reading; waits only where too much has piled up. */
  private async maybeCommit(caughtUp: boolean): Promise<void> {
    if (this.failure !== null) throw this.failure.error;
    const full = this.buffer.length >= this.limits.rows;
    const due = caughtUp && performance.now() - this.flushedAt >= this.limits.ageMs;
    if (this.committing === null && this.buffer.length > 0 && (full || due)) {
      this.committing = this.commitAll(due)
        .catch((error: unknown) => {
          this.failure = { error };
        })
        .finally(() => {
          this.committing = null;
        });
    }
    if (this.buffer.length >= 2 * this.limits.rows) await this.committing;
    // Reading and decoding need not yield otherwise, and the insert needs its turns.
    else await new Promise<void>((resolve) => setImmediate(resolve));
  }

  private async commitAll(flush: boolean): Promise<void> {
    while (
      this.buffer.length > 0 &&
      (flush || this.buffer.length >= this.limits.rows) &&
      !this.options.signal.aborted
    ) {
      await this.commitRun();
    }
    this.flushedAt = performance.now();
  }

  /** One run: claim, rows, findings, in this order. What is cut off anywhere is done again at the next start. */
  private async commitRun(): Promise<void> {
    const { place, store } = this.options;
    this.dropWritten();
    const length = runLength(this.buffer, this.limits);
    if (length === 0) return;
    const wanted = { first: this.nextOffset, last: this.nextOffset + length - 1, round: 0 };
    const { run } = await this.retry('Claiming offsets', () => store.claim(place, wanted));
    let rows = this.buffer.slice(0, run.last - run.first + 1);
    if (run.last > wanted.last) rows = await this.readRows(run);
    await this.retry('Inserting rows', () => store.insertRows(place, run, rows));
    // The insert adds nothing where somebody settled the run: then it is looked whether its rows are there.
    await this.recovery().fill(run);
    await this.keepFindings(this.detections.step(rows.map(eventOfRow)));
    this.nextOffset = run.last + 1;
    this.rowsWritten += rows.length;
    this.dropWritten();
    if (this.nextOffset - this.stateAt >= this.limits.stateEvents) await this.saveState();
  }

  /** Another worker's longer run may reach into what the reader had added, or adds still. */
  private dropWritten(): void {
    let written = 0;
    while ((this.buffer[written]?.offset ?? Infinity) < this.nextOffset) written += 1;
    this.buffer.splice(0, written);
  }

  private recovery(): Recovery {
    return new Recovery(
      this.options,
      this.limits,
      (range) => this.readRows(range),
      (what, work) => this.retry(what, work),
    );
  }

  private async keepFindings(found: Awaited<ReturnType<Detections['step']>>): Promise<void> {
    const { place, store, logger } = this.options;
    if (found.length === 0) return;
    await this.retry('Storing findings', () => store.insertFindings(place, found));
    this.findings += found.length;
    for (const { id, rule, severity, title, offset } of found) {
      if (severity !== 'low') logger.warn(`Finding: ${title}`, { ...place, finding: id, rule, severity, offset });
    }
  }

  private async saveState(): Promise<void> {
    const { place, store } = this.options;
    const { nextOffset, rowsFrom } = this;
    const state = this.detections.save();
    await this.retry('Saving the state of the detections', () =>
      store.saveState(place, this.detections.rules, nextOffset, state),
    );
    await this.retry('Raising the watermark', () => store.raiseWatermark(place, { rowsFrom, nextOffset }));
    this.stateAt = nextOffset;
  }

  /** The rows of a range of offsets, read from Kafka. */
  private async readRows({ first, last }: OffsetRange): Promise<StoredRow[]> {
    const { log, topicId, place, signal } = this.options;
    const { topic, partition } = place;
    return this.retry('Reading records again', async () => {
      const rows: StoredRow[] = [];
      for await (const { batches } of readPartition({
        log,
        topic,
        topicId,
        partition,
        from: first,
        to: last + 1,
        signal,
      })) {
        for (const batch of batches) rows.push(...(await this.rowsOf(batch, first, last + 1)));
      }
      return rows;
    });
  }

  private async rowsOf(batch: Parameters<typeof rowsOfBatch>[1], from: number, to: number): Promise<StoredRow[]> {
    const { place, decoder, codecs } = this.options;
    return rowsOfBatch(place, batch, from, to, decoder, codecs);
  }

  private retry<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { logger, signal, place } = this.options;
    const onTrouble = (message: string | null): void => {
      this.writingTrouble = message;
    };
    return untilItWorks(`${what} of ${place.topic}/${place.partition}`, work, { logger, signal, onTrouble });
  }
}
