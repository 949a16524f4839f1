import type { Judge } from '@tallystick/core/judge';
import type { Codecs } from '@tallystick/core/codecs';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { SafeWriter } from '@tallystick/kafka/safe-writer';
import { firstMissingEntry } from '../domain/missing-entry.ts';
import { LedgerError } from '../errors.ts';
import type { LogReader, PublishedLog } from '../ports/published-log.ts';
import type { Clock } from '../ports/clock.ts';
import { topicStatements } from './topic-statements.ts';

/** How far behind the topic's start the log's first entry is looked for, how far before the position its last ones, and what is judged again. */
const lookBack = 4_096;
/**
 * The last entries of the log that are looked for, in their order: what was pending in a topic that lost statements, and was published before
 * its place behind them was mended, lies before what it continues.
 */
const lastEntries = 256;
/** Entries that are produced at once. */
const atOnce = 256;
/** How often in a row the topic may lose what was produced again, before the session is given up. */
const rounds = 3;

export interface RestoreOptions {
  readonly published: LogReader;
  readonly log: RecordLog;
  readonly topic: string;
  readonly topicId: string;
  readonly codecs: Codecs;
  readonly seals: SafeWriter;
  /** Also for how long a topic that seems to end too early is waited for. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** The topic is known to have lost statements: only a comparison of all of it counts. */
  readonly distrust: boolean;
  /** Told of a loss before anything is produced. */
  readonly onLost: (error: LedgerError) => void;
}

/** What sealing begins from. */
export interface Whole {
  /** Was offered every entry of the log, and no record of the seals topic from `from` on. */
  readonly judge: Judge;
  /** How many statements of a partition it remembers. */
  readonly remembered: number;
  /** Entries of the log that it was offered. */
  readonly size: number;
  readonly from: number;
  /** Where the topic began. */
  readonly logStart: number;
  /** Where what was produced again ends; null where nothing was. */
  readonly producedTo: number | null;
}

/**
 * What a checkpoint holds beats the seals topic: where the topic lacks statements that the log holds, the first lost one and every later
 * one, in log order, are produced again byte for byte (protocol, section 5). Then the log is again a part of the topic, in order. Any
 * number of ledgers may do it at once: what is there twice is ignored by every reader. A crash in between leaves a loss, which the next
 * one mends.
 *
 * Whether something is missing is seen from the log's first entry, near the topic's start, and its last ones, near the position of the
 * snapshot: a start costs what is new. Only where the start is gone or one of them is not there, or not in order, are log and topic compared from the
 * beginning, side by side.
 *
 * @throws KafkaError of reader and writer; LedgerError of the log; SEALS_LOST where what is produced is lost again and again
 */
export async function restoreStatements(options: RestoreOptions): Promise<Whole> {
  const { published, log, topic, topicId, clock, deadlineMs, logger, signal } = options;
  const startedAt = clock.monotonic();
  let producedTo: number | null = null;
  for (let round = 0; ;) {
    const state = await published.open();
    const bounds = await log.bounds(topic, 0);
    const position = placeOf(state, topicId, bounds);
    const { judge, size, remembered } = state;
    const { logStart } = bounds;
    // A topic that was cut may have been written on below the position: what was, is pending, and not to be missed.
    const from = position === null || producedTo !== null ? logStart : Math.max(logStart, position - lookBack);
    const whole = { judge, size, remembered, from, logStart, producedTo };
    if (state.size === 0) return whole;
    // What was pending in a topic that lost statements may be published meanwhile, and lie before what was produced: not in its order.
    if (position !== null && bounds.logStart === 0 && !options.distrust && producedTo === null) {
      if (await hasBothEnds(state, position, bounds.highWatermark, options)) return whole;
    }
    const missing = await firstMissingEntry(
      state.entries(0, state.size),
      records(options, bounds.logStart, bounds.highWatermark),
      0,
    );
    if (missing === null) return whole;
    // After a failover a new leader may show an older end for a moment, with nothing lost (KIP-207).
    const mayBeLate = state.position?.topicId === topicId && state.position.offset >= bounds.logStart;
    if (mayBeLate && clock.monotonic() - startedAt < deadlineMs) {
      await clock.sleep(Math.min(1_000, deadlineMs / 4), signal);
      continue;
    }
    const lost = sealsLost(topic, missing, state);
    options.onLost(lost);
    if (round === rounds) throw lost;
    logger.error('The seals topic lacks statements that the log holds: they are produced again.', {
      code: lost.code,
      topic,
      from: missing,
      to: state.size,
    });
    producedTo = await produce(state.entries(missing, state.size), options.seals);
    round += 1;
  }
}

/** Where the topic is to be read on; null where the log's position is not one of this topic. */
function placeOf(
  { position }: PublishedLog,
  topicId: string,
  { logStart, highWatermark }: { readonly logStart: number; readonly highWatermark: number },
): number | null {
  if (position === null || position.topicId !== topicId) return null;
  return position.offset >= logStart && position.offset <= highWatermark ? position.offset : null;
}

/** Does the topic hold the log's first entry near its start and the last ones not long before the position? It was whole up to there before. */
async function hasBothEnds(
  published: PublishedLog,
  position: number,
  highWatermark: number,
  options: RestoreOptions,
): Promise<boolean> {
  const { size } = published;
  const start = records(options, 0, Math.min(highWatermark, lookBack));
  if ((await firstMissingEntry(published.entries(0, 1), start, 0)) !== null) return false;
  const near = records(options, Math.max(0, position - lookBack), highWatermark);
  const last = Math.max(0, size - lastEntries);
  return (await firstMissingEntry(published.entries(last, size), near, last)) === null;
}

function records(options: RestoreOptions, from: number, to: number): AsyncGenerator<Uint8Array, void, void> {
  const { log, topic, topicId, codecs, deadlineMs, signal } = options;
  return topicStatements({ log, topic, topicId, codecs, deadlineMs, signal, from, to });
}

/** @returns the offset behind the last one */
async function produce(entries: AsyncIterable<Uint8Array>, writer: SafeWriter): Promise<number> {
  let end = 0;
  let values: { key: null; value: Uint8Array }[] = [];
  const write = async () => {
    const { runs } = await writer.append(0, values);
    for (const { baseOffset, count } of runs) end = baseOffset + count;
    values = [];
  };
  for await (const value of entries) {
    values.push({ key: null, value });
    if (values.length === atOnce) await write();
  }
  if (values.length > 0) await write();
  return end;
}

function sealsLost(topic: string, missing: number, { size }: PublishedLog): LedgerError {
  const message = `The seals topic ${topic} lacks statements that the log holds (entry ${missing} of ${size} and later ones, or their order): it was emptied, created anew or rolled back. They are produced again, byte for byte.`;
  return new LedgerError('SEALS_LOST', message, {
    evidence: { topic, expected: `entries up to ${size - 1}`, found: missing === 0 ? 'none' : `up to ${missing - 1}` },
    fatal: true,
  });
}
