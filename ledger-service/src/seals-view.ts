import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import type { Judge, NeededEnd, Outcome, SignedStatement } from '@tallystick/core/judge';
import type { Base64Hash, PartitionStatement, SealStatement } from '@tallystick/core/statement-types';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition, type ReadBatch } from '@tallystick/kafka/strict-reader';
import { canPass } from './alarms.ts';
import { LedgerError } from './errors.ts';
import type { Clock } from './ports/clock.ts';
import { retryPause } from './retry.ts';
import { asSealsLost } from './seals-lost.ts';

/** How many accepted statements of a partition are kept for those who adopt them. */
const keptPerPartition = 256;
const fetchBytes = 256 * 1024;
export interface SealsViewOptions {
  readonly log: RecordLog;
  readonly topic: string;
  readonly topicId: string;
  /** The first offset that is not judged yet. */
  readonly from: number;
  readonly judge: Judge;
  readonly codecs: Codecs;
  readonly maxWaitMs: number;
  readonly deadlineMs: number;
  readonly logger: Logger;
  /** Looks a seal up in the log that is older than what the judge remembers. */
  readonly lookUp: (needs: NeededEnd) => Promise<boolean>;
  /** Called for every note, in the order of the topic, with its bytes. */
  readonly onOutcome: (outcome: Outcome, value: Uint8Array | null) => void;
  /** A disturbance that passes (null: it passed). */
  readonly onTrouble: (error: unknown) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Follows the seals topic and knows at every moment what is accepted. The only reader of it in a ledger. */
export class SealsView {
  readonly #options: SealsViewOptions;
  readonly #recent = new Map<string, SignedStatement<PartitionStatement>[]>();
  readonly #waiters = new Set<{ to: number; since: number; resolve: () => void; reject: (error: unknown) => void }>();
  #nextOffset: number;
  #judged = -1;
  #lastEpoch = -1;
  #ended: { error: unknown } | null = null;

  constructor(options: SealsViewOptions) {
    this.#options = options;
    this.#nextOffset = options.from;
  }

  get judge(): Judge {
    return this.#options.judge;
  }

  /** The offset that is read next: every statement below was judged. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Whether reading has ended: nothing is known of later statements. */
  get ended(): boolean {
    return this.#ended !== null;
  }

  /** Reads until the signal ends it. Rejects where it cannot go on: then nothing is known of later statements. */
  async run(): Promise<void> {
    const { signal, logger, onTrouble, clock } = this.#options;
    let attempt = 0;
    const onGood = () => {
      if (attempt > 0) onTrouble(null);
      attempt = 0;
    };
    try {
      while (!signal.aborted) {
        try {
          await this.#follow(onGood);
        } catch (error) {
          if (signal.aborted || !canPass(error)) throw error;
          logger.warn('Reading the seals topic failed and is tried again.', { error: String(error) });
          onTrouble(error);
          await retryPause(attempt, signal, clock);
          attempt += 1;
        }
      }
      throw signal.reason;
    } catch (cause) {
      const error = signal.aborted ? cause : asSealsLost(cause, this.#options.topic);
      this.#ended = { error };
      for (const waiter of this.#waiters) waiter.reject(error);
      this.#waiters.clear();
      if (!signal.aborted) throw error;
    }
  }

  /** Resolves when everything below `to` was judged; rejects when reading ends before. */
  async readTo(to: number): Promise<void> {
    if (this.#nextOffset >= to) return;
    if (this.#ended !== null) throw this.#ended.error;
    const since = this.#options.clock.monotonic();
    await new Promise<void>((resolve, reject) => this.#waiters.add({ to, since, resolve, reject }));
  }

  /** Resolves when everything that the topic holds now was judged. */
  async catchUp(): Promise<void> {
    const { highWatermark } = await this.#options.log.bounds(this.#options.topic, 0);
    await this.readTo(highWatermark);
  }

  /** The accepted statements of a partition after the one with this hash, oldest first; null where it is too long ago. */
  since(topic: string, partition: number, hash: Base64Hash): readonly SignedStatement<PartitionStatement>[] | null {
    const recent = this.#recent.get(`${partition}/${topic}`) ?? [];
    const first = recent.findIndex(({ statement }) => statement.previous === hash);
    if (first >= 0) return recent.slice(first);
    return this.judge.partition(topic, partition)?.hash === hash ? [] : null;
  }

  /** The last accepted seals of the partition's current generation, newest last. */
  lastSeals(topic: string, partition: number, count: number): SealStatement[] {
    const recent = this.#recent.get(`${partition}/${topic}`) ?? [];
    const generation = this.judge.partition(topic, partition)?.generation;
    const seals: SealStatement[] = [];
    for (const { statement } of recent) {
      if (statement.kind === 'seal' && statement.generation === generation) seals.push(statement);
    }
    return seals.slice(-count);
  }

  async #follow(onGood: () => void): Promise<void> {
    const { log, topic, topicId, maxWaitMs, deadlineMs, signal } = this.#options;
    const from = this.#nextOffset;
    const lastEpoch = this.#lastEpoch;
    const options = {
      log,
      topic,
      topicId,
      partition: 0,
      from,
      lastEpoch,
      follow: true,
      maxBytes: fetchBytes,
      maxWaitMs,
      deadlineMs,
      signal,
    };
    for await (const chunk of readPartition(options)) {
      for (const batch of chunk.batches) await this.#take(batch);
      this.#nextOffset = chunk.nextOffset;
      this.#lastEpoch = chunk.batches.at(-1)?.header.leaderEpoch ?? this.#lastEpoch;
      for (const waiter of this.#waiters) {
        if (waiter.to > this.#nextOffset) {
          this.#checkEnd(waiter, chunk.highWatermark);
          continue;
        }
        this.#waiters.delete(waiter);
        waiter.resolve();
      }
      onGood();
    }
  }

  /**
   * Whoever waits for an offset was told that it is there. What was cut off before it was read is never seen to go: the topic ends before
   * it, for longer than a new leader needs to show its end (KIP-207).
   * @throws LedgerError SEALS_LOST
   */
  #checkEnd({ to, since }: { readonly to: number; readonly since: number }, highWatermark: number): void {
    const { topic, clock, deadlineMs } = this.#options;
    if (highWatermark >= to || clock.monotonic() - since < deadlineMs) return;
    const message = `The seals topic ${topic} held records up to offset ${to - 1} and ends at ${highWatermark} now: statements were cut off before they were read.`;
    throw new LedgerError('SEALS_LOST', message, {
      evidence: { topic, expected: to, found: highWatermark },
      fatal: true,
    });
  }

  async #take({ bytes, header }: ReadBatch): Promise<void> {
    // Records of control batches are no statements.
    if (header.control) return;
    const parsed = parseBatch(bytes, header, this.#options.codecs);
    if (!parsed.parsed) {
      await this.#offer(null, Math.max(header.baseOffset, this.#nextOffset));
      return;
    }
    for (const { offset, value } of recordsOf(parsed)) if (offset >= this.#nextOffset) await this.#offer(value, offset);
  }

  async #offer(value: Uint8Array | null, offset: number): Promise<void> {
    // What was judged before a disturbance is not judged again.
    if (offset <= this.#judged) return;
    let outcome = this.judge.offer(value, { in: 'seals', offset });
    if (outcome.outcome === 'needsHistory') {
      this.judge.answer(outcome.needs, await this.#options.lookUp(outcome.needs));
      outcome = this.judge.offer(value, { in: 'seals', offset });
    }
    this.#judged = offset;
    if (outcome.outcome === 'accepted') this.#remember(outcome.signed);
    this.#options.onOutcome(outcome, value);
  }

  #remember(signed: SignedStatement): void {
    const { statement } = signed;
    if (statement.kind === 'key') return;
    const id = `${statement.partition}/${statement.topic}`;
    let recent = this.#recent.get(id);
    if (recent === undefined) this.#recent.set(id, (recent = []));
    recent.push({ ...signed, statement });
    if (recent.length > keptPerPartition) recent.shift();
  }
}
