import { batchBytesAtMost, encodeBatch, recordBytesAtMost } from './batch-encoder.ts';
import { type Clock, systemClock } from './clock.ts';
import { KafkaError } from './errors.ts';
import { closed, messageTooLarge } from './failures.ts';
import { type Logger, silentLogger } from './logger.ts';
import type { Appender, RecordLog, RecordToAppend } from './record-log.ts';
import { backoffMs, pause, withDeadline } from './waiting.ts';

export interface SafeWriterOptions {
  readonly log: RecordLog;
  readonly topic: string;
  /** The topic's `max.message.bytes`, which limits a whole batch. Default 2 MiB. */
  readonly maxBatchBytes?: number;
  /** How long one append may be tried, in milliseconds. Default 30,000. */
  readonly deadlineMs?: number;
  readonly logger?: Logger;
}

/** Where records were stored: `count` consecutive offsets from `baseOffset`. */
export interface StoredRun {
  readonly baseOffset: number;
  readonly count: number;
}

export interface Appended {
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** One run for each batch that was needed; other writers' records may lie between them. */
  readonly runs: readonly StoredRun[];
}

/** Bytes of a batch's header, and of a record's fields beside key, value and headers, at most. */
const batchOverhead = batchBytesAtMost([]);

/**
 * Appends to one topic so that nothing acknowledged is lost and the order of first occurrences holds: one append in
 * flight, a new producer after any rejection, the same records again for as long as that can pass. A rejection whose
 * records were stored all the same leads to duplicates, which readers know by their ids.
 */
export class SafeWriter {
  private readonly log: RecordLog;
  private readonly topic: string;
  private readonly maxBatchBytes: number;
  private readonly deadlineMs: number;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly stopping = new AbortController();
  private appender: Appender | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private open = true;
  /** Counts what was given up, so that a late connection is recognised. */
  private drops = 0;

  constructor(options: SafeWriterOptions) {
    this.log = options.log;
    this.topic = options.topic;
    this.maxBatchBytes = options.maxBatchBytes ?? 2 * 1024 * 1024;
    this.deadlineMs = options.deadlineMs ?? 30_000;
    this.logger = options.logger ?? silentLogger;
    this.clock = options.log.clock ?? systemClock;
  }

  /**
   * Appends the records in order. Calls are served one after the other. More bytes than one batch takes are cut into
   * several; if a later one fails for good, evidence `stored` names the runs that are in the log.
   * @throws KafkaError at once for what cannot pass (MESSAGE_TOO_LARGE, NOT_AUTHORIZED, INVALID_RECORD, TOPIC_MISSING,
   *   AUTHENTICATION_FAILED, CLOSED); the last error (UNREACHABLE, TIMED_OUT, BROKER_ERROR) after the deadline: the
   *   records may be stored all the same then
   */
  async append(partition: number, records: readonly RecordToAppend[]): Promise<Appended> {
    if (!this.open) throw closed('This writer');
    if (records.length === 0) throw new KafkaError('INVALID_RECORD', 'An append needs at least one record.');
    const batches = this.split(partition, records);
    const turn = this.last.then(() => this.appendAll(partition, batches));
    this.last = turn.catch(() => undefined);
    return await turn;
  }

  /** Takes nothing more, waits until what it took is stored or given up, then disconnects. */
  async close(): Promise<void> {
    this.open = false;
    await this.last;
    this.dropAppender();
  }

  /** Gives up at once: appends that wait or are under way are rejected as ABORTED, and may be stored all the same. */
  drop(): void {
    this.open = false;
    this.stopping.abort();
    this.dropAppender();
  }

  private split(partition: number, records: readonly RecordToAppend[]): RecordToAppend[][] {
    const batches: RecordToAppend[][] = [];
    let bytes = Infinity;
    for (const record of records) {
      const size = recordBytesAtMost(record);
      if (batchOverhead + size > this.maxBatchBytes) {
        const exact = encodeBatch([record], 0).length;
        if (exact > this.maxBatchBytes) throw messageTooLarge(this.topic, partition, exact, this.maxBatchBytes);
      }
      if (bytes + size > this.maxBatchBytes) {
        batches.push([]);
        bytes = batchOverhead;
      }
      batches.at(-1)?.push(record);
      bytes += size;
    }
    return batches;
  }

  private async appendAll(partition: number, batches: readonly (readonly RecordToAppend[])[]): Promise<Appended> {
    const runs: StoredRun[] = [];
    const deadline = this.clock.monotonic() + this.deadlineMs;
    for (const batch of batches) {
      try {
        const { baseOffset } = await this.appendOne(partition, batch, deadline);
        runs.push({ baseOffset, count: batch.length });
      } catch (error) {
        if (runs.length === 0 || !(error instanceof KafkaError)) throw error;
        const { code, message, retriable } = error;
        throw new KafkaError(code, `${message} (${runs.length} of ${batches.length} batches are stored.)`, {
          cause: error,
          retriable,
          evidence: { ...error.evidence, stored: runs },
        });
      }
    }
    return { baseOffset: runs[0]?.baseOffset ?? -1, runs };
  }

  private async appendOne(
    partition: number,
    records: readonly RecordToAppend[],
    deadline: number,
  ): Promise<{ baseOffset: number }> {
    for (let attempt = 0; ; attempt += 1) {
      const left = deadline - this.clock.monotonic();
      try {
        return await withDeadline(
          this.tryOnce(partition, records),
          left,
          () => this.late(partition),
          this.stopping.signal,
          this.clock,
        );
      } catch (error) {
        this.dropAppender();
        const wait = backoffMs(attempt);
        if (!(error instanceof KafkaError) || !error.retriable || this.clock.monotonic() + wait >= deadline)
          throw error;
        this.logger.warn('An append failed and is tried again.', {
          topic: this.topic,
          partition,
          attempt,
          code: error.code,
          error: error.message,
        });
        await pause(wait, this.stopping.signal, this.clock);
      }
    }
  }

  private async tryOnce(partition: number, records: readonly RecordToAppend[]): Promise<{ baseOffset: number }> {
    const appender = this.appender ?? (await this.newAppender());
    return await appender.append(this.topic, partition, records);
  }

  private async newAppender(): Promise<Appender> {
    const { drops } = this;
    const appender = await this.log.createAppender();
    if (drops !== this.drops) {
      // It came after this try was given up: nothing may be sent on it any more.
      appender.drop();
      throw closed('This try');
    }
    this.appender = appender;
    return appender;
  }

  private dropAppender(): void {
    this.drops += 1;
    this.appender?.drop();
    this.appender = null;
  }

  private late(partition: number): KafkaError {
    const message = `An append to ${this.topic}/${partition} was not answered within ${this.deadlineMs} ms. The records may be stored all the same.`;
    return new KafkaError('TIMED_OUT', message, { retriable: true, evidence: { topic: this.topic, partition } });
  }
}
