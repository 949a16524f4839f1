import { checkRecords, type BatchId, type ReadBatch, type ReadPosition } from './batch-checks.ts';
import { type Clock, systemClock } from './clock.ts';
import { KafkaError } from './errors.ts';
import { aborted } from './failures.ts';
import { judgeFetch, type Judgement } from './fetch-judge.ts';
import type { RecordLog } from './record-log.ts';
import { Seam, type SeamFetch } from './seam.ts';
import { ThrottleLimit } from './throttle.ts';
import { backoffMs, pause, withDeadline } from './waiting.ts';

export interface ReadOptions {
  readonly log: RecordLog;
  readonly topic: string;
  /** The id that the topic must have, in Kafka's text form. */
  readonly topicId: string;
  readonly partition: number;
  /** The first offset wanted. */
  readonly from: number;
  /** Leader epoch of the record before `from`, -1 if not known: with it a log that was rewritten below `from` is found. */
  readonly lastEpoch?: number;
  /** Exclusive end. The reader ends there, or fails with OFFSET_OUT_OF_RANGE if the log stays shorter until the deadline. */
  readonly to?: number;
  /** Nothing is fetched while the caller works on what ends at this offset or behind it: it may be content. Default: `to`. */
  readonly lazyFrom?: number;
  /** Go on at the end of the log and wait for more. Empty chunks are yielded too, so that the caller has a clock. */
  readonly follow?: boolean;
  /** Bytes of one fetch. A batch that is larger comes whole all the same. Default 1 MiB. */
  readonly maxBytes?: number;
  /** How long a broker may wait for something new, in milliseconds. Default 500. */
  readonly maxWaitMs?: number;
  /**
   * How long a disturbance (broker gone, leader moving, high watermark behind) may last, in milliseconds. Default 30,000. While a broker
   * says that it throttles it is not silent: that does not count, up to sixty times as long without one answer.
   */
  readonly deadlineMs?: number;
  /** The bytes of a chunk are looked at only until the next one is asked for: their memory is used again. Default false. */
  readonly reuse?: boolean;
  /**
   * Batches that are known to say wrong offsets. A broker looks for an offset by what batches say, so it may serve them in the place
   * of others: they are passed over wherever they come.
   */
  readonly without?: readonly BatchId[];
  /**
   * Read what is stored from batch to batch and not only what is served by offset: what was put between two batches is found wherever
   * a fetch ends. Costs a batch more where an answer ends with a whole one. Default false.
   */
  readonly contiguous?: boolean;
  /** With `contiguous`: the batch that ends before `from`, if it was read (see `ReadChunk.last`). */
  readonly behind?: Uint8Array | null;
  /** In place of `behind`: `ReadChunk.seam` of a reading that ended there. What that saw behind the batch has to be there. */
  readonly seam?: Seam | null;
  readonly signal?: AbortSignal;
}

/** What one fetch gave. */
export interface ReadChunk {
  /** Whole, checked and continuous. The very first may begin before `from`, the last may end after `to`. */
  readonly batches: readonly ReadBatch[];
  /** Exclusive end of what readers may see, at the time of the fetch. */
  readonly highWatermark: number;
  readonly logStart: number;
  /** The offset after the last batch; where the next chunk goes on. */
  readonly nextOffset: number;
  /** With `contiguous`: a copy of the last batch that was read, until the next chunk is asked for. */
  readonly last?: Uint8Array | null;
  /** With `contiguous`: by which another reading goes on behind what this one gave last. */
  readonly seam?: Seam;
}

export type { BatchId, ReadBatch } from './batch-checks.ts';
export { AnswerEnds } from './seam.ts';
export type { Seam } from './seam.ts';
export { digestOf } from './batch-checks.ts';

const defaultMaxBytes = 1024 * 1024;

/** How often in a row a topic must be seen missing or with another id. Brokers learn of topics at different times. */
const doubtsToStop = 3;
/** One who follows hears of a longer pause in between. Milliseconds. */
const longestPauseMs = 2_000;

/**
 * Reads one partition without a consumer group and trusts nothing: every batch is checked (CRC-32C, magic, continuity,
 * leader epoch), nothing is skipped and nothing is ever reset. One fetch is under way while the caller works. What was
 * good before a bad batch is yielded first. Without `to` and `follow` it ends at the high watermark seen at the start.
 *
 * @throws KafkaError with evidence topic, partition, offset, expected, found: TOPIC_RECREATED, TOPIC_MISSING,
 *   LOG_DIVERGED, OFFSET_OUT_OF_RANGE, RECORDS_DELETED, OFFSET_GAP, BATCH_CRC, BATCH_MAGIC, BATCH_INVALID, NOT_AUTHORIZED,
 *   AUTHENTICATION_FAILED, BROKER_ERROR, PROTOCOL; after the deadline UNREACHABLE or TIMED_OUT; ABORTED
 */
export async function* readPartition(options: ReadOptions): AsyncGenerator<ReadChunk, void, void> {
  const { topic, partition, from, follow = false, maxWaitMs = 500, deadlineMs = 30_000, signal } = options;
  checkOffset('from', from);
  if (options.to !== undefined) checkOffset('to', options.to);
  let position: ReadPosition = { topic, partition, offset: from, lastEpoch: options.lastEpoch ?? -1, midBatch: true };
  let end = options.to ?? (follow ? Infinity : null);
  let known: { highWatermark: number; logStart: number } | null = null;
  const clock = options.log.clock ?? systemClock;
  const trouble = new Trouble(deadlineMs, clock);
  if (end !== null && from >= end) return;
  const { contiguous = false, behind = null, maxBytes = defaultMaxBytes } = options;
  const seam = contiguous ? (options.seam ?? new Seam(behind, maxBytes, options.log.random)) : null;
  seam?.again();
  let how: SeamFetch = { offset: from, maxBytes, back: false };
  let doubted = -1;
  const begin = (waitMs: number): Promise<Outcome> => {
    how = seam?.next(position.offset) ?? { ...how, offset: position.offset };
    return start(options, position, how, waitMs, trouble.left());
  };
  // What is bad may have been changed on its way only. Asked for in another way, something else may come in its place.
  const doubts = (error: KafkaError | null): boolean => {
    if (seam === null || doubted === position.offset || !isOfBatch(error)) return false;
    doubted = position.offset;
    return true;
  };

  // Nothing is waited for where the end is still to be seen: an empty partition answers at once.
  let attempt = begin(end === null ? 0 : maxWaitMs);
  for (;;) {
    const { judgement, startedAt, settledAt } = await attempt;
    if (signal?.aborted === true) throw aborted('Reading', signal.reason);
    if (judgement.kind === 'stop' && how.back && seam?.lower(isTooLow(judgement.error)) === true) {
      attempt = begin(maxWaitMs);
      continue;
    }
    if (judgement.kind !== 'good') {
      for (let waitMs = trouble.note(judgement, startedAt, settledAt); waitMs > 0; waitMs -= longestPauseMs) {
        if (follow && known !== null) yield { batches: [], ...known, nextOffset: position.offset };
        await pause(Math.min(waitMs, longestPauseMs), signal, clock);
      }
      attempt = begin(maxWaitMs);
      continue;
    }
    const { highWatermark, logStart, release } = judgement.answer;
    known = { highWatermark, logStart };
    end ??= highWatermark;
    const records = seam === null ? judgement.answer.records : seam.take(how, judgement.answer);
    if (records === null) {
      if (seam?.isLost === true) throw parted(position);
      if (options.reuse === true) release?.();
      attempt = begin(maxWaitMs);
      continue;
    }
    const checked = checkRecords(records, position, end, options.without);
    if (doubts(checked.error)) {
      if (options.reuse === true) release?.();
      attempt = start(options, position, how, maxWaitMs, trouble.left());
      continue;
    }
    position = checked.position;
    const last = checked.batches.at(-1);
    if (last !== undefined) seam?.advance(last.bytes, records.subarray(checked.used));
    const done = position.offset >= end;
    const nothing = !done && checked.error === null && checked.batches.length === 0;
    // Nothing came although there must be something: wait for it, but not for ever.
    if (nothing && highWatermark > position.offset)
      trouble.note({ kind: 'again', error: heldBack(position, known) }, startedAt, settledAt);
    else if (nothing && !follow)
      trouble.note({ kind: 'again', error: tooShort(position, end, known) }, startedAt, settledAt);
    else trouble.clear();
    const isLazy = position.offset >= (options.lazyFrom ?? Infinity);
    if (!done && checked.error === null && !isLazy) {
      attempt = begin(maxWaitMs);
      attempt.catch(() => undefined);
    }
    if (checked.batches.length > 0 || follow || done)
      yield {
        batches: checked.batches,
        ...known,
        nextOffset: position.offset,
        ...(seam !== null && { last: seam.last, seam }),
      };
    if (checked.error !== null) throw checked.error;
    if (done) return;
    if (options.reuse === true) release?.();
    if (isLazy) attempt = begin(maxWaitMs);
  }
}

interface Outcome {
  readonly judgement: Judgement;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
  readonly settledAt: number;
}

/** One fetch and its judgement; errors that can pass are an outcome, others are thrown. */
async function start(
  options: ReadOptions,
  due: ReadPosition,
  { offset, maxBytes }: SeamFetch,
  maxWaitMs: number,
  leftMs: number,
): Promise<Outcome> {
  const { log, topic, topicId, partition } = options;
  const position = { ...due, offset };
  const clock = log.clock ?? systemClock;
  const startedAt = clock.monotonic();
  const { lastEpoch: lastFetchedEpoch } = position;
  let judgement: Judgement;
  try {
    const judged = log
      .fetch({ topic, topicId, partition, offset, lastFetchedEpoch, maxBytes, maxWaitMs })
      .then((answer) => judgeFetch(log, topicId, position, answer));
    // The last try before the deadline gets a moment of its own too: its answer says more than a time-out does.
    const ms = maxWaitMs + Math.max(leftMs, 1_000);
    judgement = await withDeadline(judged, ms, () => late(position, ms), options.signal, clock);
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'TOPIC_MISSING') judgement = { kind: 'doubt', error };
    else if (error instanceof KafkaError && error.retriable) judgement = { kind: 'again', error };
    else if (error instanceof KafkaError && error.code === 'NOT_INCLUDED') judgement = { kind: 'stop', error };
    else throw error;
  }
  return { judgement, startedAt, settledAt: clock.monotonic() };
}

/** How long a disturbance lasts, and when it has lasted too long. */
class Trouble {
  private count = 0;
  private doubts = 0;
  private since: number | null = null;
  private readonly deadlineMs: number;

  private readonly clock: Clock;
  private readonly throttle: ThrottleLimit;

  constructor(deadlineMs: number, clock: Clock) {
    this.deadlineMs = deadlineMs;
    this.throttle = new ThrottleLimit(deadlineMs);
    this.clock = clock;
  }

  clear(): void {
    this.since = null;
    this.count = 0;
    this.doubts = 0;
    this.throttle.clear();
  }

  left(): number {
    return this.since === null ? this.deadlineMs : this.deadlineMs - (this.clock.monotonic() - this.since);
  }

  /**
   * @returns how long to wait before the next attempt, in milliseconds
   * @throws the judgement's error where it stops the reader or has lasted too long
   */
  note(judgement: Exclude<Judgement, { kind: 'good' }>, startedAt: number, settledAt: number): number {
    const throttleMs = this.throttle.wait(judgement.error, settledAt);
    if (throttleMs !== null) return this.untilServed(throttleMs, startedAt, settledAt);
    // From the start of the first failed attempt to the end of the last: not what the caller spent in between.
    this.since ??= this.clock.monotonic() - (settledAt - startedAt);
    this.count += 1;
    this.doubts = judgement.kind === 'doubt' ? this.doubts + 1 : 0;
    if (judgement.kind === 'stop' || this.doubts >= doubtsToStop || this.left() <= 0) throw judgement.error;
    return Math.min(backoffMs(this.count - 1), Math.max(this.left(), 1));
  }

  /** The broker is there: what lasts already is given as much longer. */
  private untilServed(throttleMs: number, startedAt: number, settledAt: number): number {
    const until = settledAt + throttleMs;
    if (this.since !== null) this.since += until - startedAt;
    return until - this.clock.monotonic();
  }
}

/** Whether it says that a stored batch is bad. */
function isOfBatch(error: KafkaError | null): boolean {
  return error?.code === 'BATCH_CRC' || error?.code === 'BATCH_MAGIC' || error?.code === 'BATCH_INVALID';
}

/** Whether an offset lies below what can be asked for. */
function isTooLow({ code }: KafkaError): boolean {
  return code === 'RECORDS_DELETED' || code === 'NOT_INCLUDED';
}

function parted({ topic, partition, offset }: ReadPosition): KafkaError {
  const message = `What was read of ${topic}/${partition} up to offset ${offset - 1} is not shown any more as it was: what is stored behind it cannot be looked at.`;
  const evidence = { topic, partition, offset, expected: `the batch that ends at offset ${offset - 1}`, found: null };
  return new KafkaError('LOG_DIVERGED', message, { evidence });
}

function late({ topic, partition, offset }: ReadPosition, ms: number): KafkaError {
  const message = `No answer to a fetch of ${topic}/${partition} at ${offset} within ${Math.round(ms)} ms.`;
  return new KafkaError('TIMED_OUT', message, { evidence: { topic, partition, offset }, retriable: true });
}

function tooShort(
  { topic, partition, offset }: ReadPosition,
  end: number,
  { highWatermark, logStart }: { highWatermark: number; logStart: number },
): KafkaError {
  const message = `${topic}/${partition} ends at offset ${highWatermark}, but was to be read up to ${end}. Records were lost, or never written.`;
  const evidence = { topic, partition, offset, expected: end, found: highWatermark, highWatermark, logStart };
  return new KafkaError('OFFSET_OUT_OF_RANGE', message, { evidence });
}

function heldBack(
  { topic, partition, offset }: ReadPosition,
  { highWatermark, logStart }: { highWatermark: number; logStart: number },
): KafkaError {
  const message = `The broker sends nothing from offset ${offset} of ${topic}/${partition}, although its high watermark is ${highWatermark}: offsets are missing.`;
  const evidence = { topic, partition, offset, expected: offset, found: null, highWatermark, logStart };
  return new KafkaError('OFFSET_GAP', message, { evidence });
}

function checkOffset(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new KafkaError(
    'CONFIG_INVALID',
    `Option ${name} of readPartition is ${value}: it must be a whole number from 0 to 2^53-1.`,
  );
}
