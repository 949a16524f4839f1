import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { canPass } from '../alarms.ts';
import type { Clock } from '../ports/clock.ts';
import { retryPause } from '../retry.ts';
import { asSealsLost } from '../seals-lost.ts';

const fetchBytes = 256 * 1024;

export interface SealsFeedOptions {
  readonly log: RecordLog;
  readonly topic: string;
  readonly topicId: string;
  /** The first offset that is read. */
  readonly from: number;
  readonly codecs: Codecs;
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Takes one record's value (null also for a batch that does not parse). While it has not resolved nothing more is read. */
  readonly take: (value: Uint8Array | null, offset: number) => Promise<void> | undefined;
  /** A disturbance that passes; null: it passed. */
  readonly onTrouble: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Reads the seals topic from an offset on and hands out its records one by one, never faster than they are taken. */
export class SealsFeed {
  readonly #options: SealsFeedOptions;
  #nextOffset: number;
  #lastEpoch = -1;
  #highWatermark = 0;

  constructor(options: SealsFeedOptions) {
    this.#options = options;
    this.#nextOffset = options.from;
  }

  /** Every record below was taken. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Exclusive end of the topic when it was last read. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  /**
   * Reads until the signal ends it, then it resolves.
   * @throws LedgerError SEALS_LOST; KafkaError that cannot pass; what `take` throws
   */
  async run(): Promise<void> {
    const { signal, logger, onTrouble, clock, topic } = this.#options;
    let attempt = 0;
    const onGood = () => {
      if (attempt > 0) onTrouble(null);
      attempt = 0;
    };
    while (!signal.aborted) {
      try {
        await this.#follow(onGood);
      } catch (error) {
        if (signal.aborted) return;
        if (!canPass(error)) throw asSealsLost(error, topic);
        logger.warn('Reading the seals topic failed and is tried again.', { error: String(error) });
        onTrouble(error);
        await retryPause(attempt, signal, clock).catch(() => undefined);
        attempt += 1;
      }
    }
  }

  async #follow(onGood: () => void): Promise<void> {
    const { log, topic, topicId, deadlineMs, signal } = this.#options;
    const where = { log, topic, topicId, partition: 0, deadlineMs, signal };
    const from = this.#nextOffset;
    for await (const chunk of readPartition({
      ...where,
      from,
      lastEpoch: this.#lastEpoch,
      follow: true,
      maxBytes: fetchBytes,
    })) {
      this.#highWatermark = chunk.highWatermark;
      for (const { bytes, header } of chunk.batches) {
        // Records of control batches are no statements.
        if (!header.control) {
          const parsed = parseBatch(bytes, header, this.#options.codecs);
          const records = parsed.parsed ? recordsOf(parsed) : [{ offset: header.baseOffset, value: null }];
          for (const { value, offset } of records) {
            if (offset < this.#nextOffset) continue;
            const taken = this.#options.take(value, offset);
            if (taken !== undefined) await taken;
            this.#nextOffset = offset + 1;
          }
        }
        this.#lastEpoch = header.leaderEpoch;
      }
      this.#nextOffset = chunk.nextOffset;
      onGood();
    }
  }
}
