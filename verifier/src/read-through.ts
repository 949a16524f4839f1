import { KafkaError } from '@tallystick/kafka/errors';
import type { KafkaErrorCode } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { digestOf, readPartition } from '@tallystick/kafka/strict-reader';
import type { BatchId, ReadBatch, ReadOptions } from '@tallystick/kafka/strict-reader';
import { bytesBehind, placeOfMisplaced, placeOfOverlong, saysTooMany } from './batch-place.ts';
import type { BatchPlace } from './batch-place.ts';
import type { Patience } from './deadline.ts';

/** One partition as something to read. */
export interface Source extends Patience {
  readonly log: RecordLog;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Nothing looks at the bytes of a piece once the next is asked for. */
  readonly reuse?: boolean;
}

/** Why offsets could not be read as they should be. */
export interface Damage {
  /**
   * `missing`: no batch holds them. `corrupt`: CRC or length wrong. `magic`, `invalid`: not a batch that is ever sealed.
   * `deleted`: below the log start. `truncated`: beyond the end. `repeated`: a batch that goes back behind what was read, of which
   * nobody can tell where it belongs. `misplaced`: a batch that says other offsets than those where its neighbours show it to lie.
   * `parted`: what was read before is not shown any more, so that nobody can say what is stored behind it.
   */
  readonly cause:
    'missing' | 'corrupt' | 'magic' | 'invalid' | 'deleted' | 'truncated' | 'repeated' | 'misplaced' | 'parted';
  /** Offset at which the reader stood: the base offset of the bad batch. Of a `misplaced` one: where it lies. */
  readonly base: number;
  /** Last offset of the bad batch itself, as its header says and what follows it confirms; null if that is not known. */
  readonly batchLast: number | null;
  /** The bad batch takes no offset: it lies before `base`, behind the batch that ends there, and what `base` asks for is good. */
  readonly between?: true;
  readonly error: KafkaError;
}

export type Piece =
  | { readonly kind: 'batches'; readonly batches: readonly ReadBatch[] }
  /** Offsets `first` to `last` hold nothing usable; empty (last = first - 1) for a damage that costs no offset. */
  | { readonly kind: 'hole'; readonly first: number; readonly last: number; readonly damage: Damage };

export type Hole = Extract<Piece, { kind: 'hole' }>;

/** What hangs on the leader epoch that was read before. */
const ofEpoch = new Set<KafkaErrorCode>(['LOG_DIVERGED', 'OFFSET_OUT_OF_RANGE']);
const badBatch = new Map<KafkaErrorCode, Damage['cause']>([
  ['BATCH_CRC', 'corrupt'],
  ['BATCH_MAGIC', 'magic'],
  ['BATCH_INVALID', 'invalid'],
  ['BROKER_ERROR', 'invalid'],
]);

/** Batches that are known to say wrong offsets: beyond so many they are taken as they say. */
const mostMisplaced = 1_000;

/**
 * Reads `[from, to)` with the strict reader and goes on behind what is damaged, so that one run finds all of it. What cannot be
 * read is a hole; what is not about single offsets (no right, no broker, another topic) is thrown on.
 * @throws KafkaError TOPIC_RECREATED, TOPIC_MISSING, NOT_AUTHORIZED, AUTHENTICATION_FAILED, UNREACHABLE, TIMED_OUT, PROTOCOL,
 *   CLOSED, ABORTED
 */
export async function* readThrough(source: Source, from: number, to: number): AsyncGenerator<Piece, void, void> {
  const state: ReadState = { position: from, lastEpoch: -1, retriedAt: -1, behind: null, without: [] };
  while (state.position < to) {
    try {
      const misplaced = yield* readOn(source, state, to);
      if (misplaced === null) return;
      yield passOver(state, misplaced, to);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const piece = await afterError(source, state, error, to);
      if (piece !== 'again') yield piece;
    }
  }
}

/** How far a partition was read. */
interface ReadState {
  /** The next offset. */
  position: number;
  /** Leader epoch of the batch before; -1: it is not asked for. */
  lastEpoch: number;
  /** Where something bad was asked for once more. */
  retriedAt: number;
  /** The batch that ends at `position`. With it a batch that is bad is asked for where it lies: by offset alone a broker may go past it. */
  behind: Uint8Array | null;
  /** Batches that say wrong offsets. */
  readonly without: BatchId[];
}

/** Reads up to the end, or to a batch that does not lie where it says. */
async function* readOn(source: Source, state: ReadState, to: number): AsyncGenerator<Piece, Misplaced | null, void> {
  const { position: from, lastEpoch, behind, without } = state;
  const told = isTold(state);
  const options: ReadOptions = { ...base(source, without), from, to, lastEpoch, contiguous: true, behind };
  for await (const chunk of readPartition(options)) {
    const misplaced = told ? await firstOverlong(source, chunk.batches) : null;
    const batches = chunk.batches.slice(0, misplaced?.at);
    const last = batches.at(-1);
    if (last !== undefined) {
      state.position = last.header.lastOffset + 1;
      state.lastEpoch = last.header.leaderEpoch;
      state.behind = misplaced === null ? (chunk.last ?? null) : null;
      yield { kind: 'batches', batches };
    }
    if (misplaced !== null) return misplaced;
  }
  return null;
}

/** @throws the error, where it is not about offsets */
async function afterError(source: Source, state: ReadState, error: KafkaError, to: number): Promise<Piece | 'again'> {
  const { position, lastEpoch, behind, without } = state;
  const misplaced = isTold(state) ? await misplacedAt(source, error, position, without) : null;
  if (misplaced !== null) return passOver(state, misplaced, to);
  const goesBack = error.code === 'OFFSET_GAP' && (numberIn(error, 'found') ?? position) < position;
  // What is bad is asked for once more: it may have been changed on its way only. And without the leader epoch read before: the
  // stored epoch is no part of what the CRC covers, and the content decides.
  const bad = badBatch.has(error.code) && !error.retriable;
  state.lastEpoch = -1;
  if (state.retriedAt !== position && (goesBack || bad || (ofEpoch.has(error.code) && lastEpoch >= 0))) {
    state.retriedAt = position;
    if (!goesBack) return 'again';
    state.behind = null;
    return hole(position, position - 1, 'repeated', error);
  }
  const { piece, next } = await judge(source, error, position, to, behind !== null);
  if (piece === null) throw error;
  state.position = next;
  state.behind = null;
  return piece;
}

/** Takes note of a batch that does not lie where it says, and goes on behind it. */
function passOver(state: ReadState, { id, place, error }: Misplaced, to: number): Piece {
  const first = state.position;
  const next = Math.max(first, Math.min(place.last + 1, to));
  state.without.push(id);
  state.position = next;
  state.lastEpoch = -1;
  state.behind = null;
  const damage: Damage = { cause: 'misplaced', base: place.first, batchLast: place.last, error };
  return { kind: 'hole', first, last: next - 1, damage };
}

function isTold({ without }: ReadState): boolean {
  return without.length < mostMisplaced;
}

/** A batch that does not lie where it says. */
interface Misplaced {
  readonly id: BatchId;
  readonly place: BatchPlace;
  readonly error: KafkaError;
  /** Its index in the chunk that it came in. */
  readonly at?: number;
}

async function firstOverlong(source: Source, batches: readonly ReadBatch[]): Promise<Misplaced | null> {
  for (const [at, { bytes, header }] of batches.entries()) {
    if (!saysTooMany(header)) continue;
    const place = await placeOfOverlong(source, header);
    if (place === null) continue;
    const { topic, partition } = source;
    const { baseOffset, lastOffset } = header;
    const message = `The record batch at offset ${baseOffset} of ${topic}/${partition} says that it reaches to offset ${lastOffset}, but holds ${header.count} records, and the next one begins at offset ${place.last + 1}.`;
    const evidence = {
      topic,
      partition,
      offset: baseOffset,
      expected: place.last,
      found: lastOffset,
      sha256: digestOf(bytes),
    };
    return { id: header, place, at, error: new KafkaError('BATCH_INVALID', message, { evidence }) };
  }
  return null;
}

async function misplacedAt(
  source: Source,
  error: KafkaError,
  position: number,
  known: readonly BatchId[],
): Promise<Misplaced | null> {
  const { evidence } = error;
  const baseOffset = numberIn(error, 'baseOffset');
  const lastOffset = numberIn(error, 'lastOffset');
  const crc = numberIn(error, 'crc');
  if (error.code !== 'OFFSET_GAP' || evidence['found'] !== baseOffset) return null;
  if (baseOffset === null || lastOffset === null || crc === null) return null;
  const id = { baseOffset, crc };
  const place = await placeOfMisplaced(source, position, { ...id, lastOffset }, known);
  return place === null ? null : { id, place, error };
}

/**
 * The hole that the error means and where to go on; no piece if the error is not about offsets.
 * @param joined what is bad was met right behind the batch before, not by its offset
 */
async function judge(
  source: Source,
  error: KafkaError,
  position: number,
  to: number,
  joined: boolean,
): Promise<{ piece: Piece | null; next: number }> {
  const until = (offset: number, cause: Damage['cause'], batchLast: number | null = null) => {
    const next = Math.min(offset, to);
    return { piece: hole(position, next - 1, cause, error, batchLast), next };
  };
  const notOffsets = { piece: null, next: position };
  switch (error.code) {
    case 'RECORDS_DELETED': {
      const logStart = numberIn(error, 'logStart');
      return logStart !== null && logStart > position ? until(logStart, 'deleted') : notOffsets;
    }
    case 'OFFSET_OUT_OF_RANGE':
      return until(to, 'truncated');
    case 'LOG_DIVERGED':
      return joined ? until(position, 'parted') : notOffsets;
    case 'OFFSET_GAP': {
      const found = numberIn(error, 'found');
      // Nothing was sent until the deadline: every further place would cost as long.
      if (found === null) return until(to, 'missing');
      if (found > position && found < to) return until(found, 'missing');
      // That batch says an offset beyond the end, or one behind us for a second time: what it says of itself is wrong.
      return until((await behindBad(source, position, to)) ?? to, 'missing');
    }
    default: {
      const cause = badBatch.get(error.code);
      if (cause === undefined || error.retriable) return notOffsets;
      if (joined && (await look(source, position)) === 'good') {
        const damage: Damage = { cause, base: position, batchLast: null, between: true, error };
        return { piece: { kind: 'hole', first: position, last: position - 1, damage }, next: position };
      }
      const next = await behindBad(source, position, to);
      return next === null ? until(to, cause) : until(next, cause, next - 1);
    }
  }
}

function hole(
  first: number,
  last: number,
  cause: Damage['cause'],
  error: KafkaError,
  batchLast: number | null = null,
): Piece {
  const batchBase = numberIn(error, 'baseOffset');
  const base =
    batchBase !== null && cause !== 'missing' && cause !== 'repeated' && batchBase < first ? batchBase : first;
  return { kind: 'hole', first, last, damage: { cause, base, batchLast, error } };
}

/**
 * The first offset at which another batch is served than the bad one at `position`, by galloping and halving: its header cannot be
 * trusted to say where it ends. null if there is none before `to`.
 */
async function behindBad(source: Source, position: number, to: number): Promise<number | null> {
  const bad = await look(source, position);
  if (bad === 'nothing') return null;
  if (bad === 'good') return position + 1;
  let low = position;
  let high = position + 1;
  for (let step = 1; ; step *= 2) {
    if (high >= to) {
      high = to;
      break;
    }
    const seen = await look(source, high);
    if (seen === 'nothing') return null;
    if (seen !== bad) break;
    low = high;
    high += step;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await look(source, middle)) === bad) low = middle;
    else high = middle;
  }
  return high;
}

/** What is served at an offset: something good, nothing in time, or a bad batch, told apart by what is wrong with it. */
async function look(source: Source, offset: number): Promise<string> {
  try {
    for await (const chunk of readPartition({ ...base(source), from: offset, to: offset + 1 })) {
      if (chunk.batches.length > 0) return 'good';
    }
    return 'nothing';
  } catch (error) {
    if (!(error instanceof KafkaError) || error.retriable) throw error;
    const { expected, found } = error.evidence;
    if (error.code === 'OFFSET_GAP') {
      if (found === null) return 'nothing';
      return typeof found === 'number' && found > offset ? 'good' : `${error.code} ${JSON.stringify(found)}`;
    }
    if (!badBatch.has(error.code)) throw error;
    return `${error.code} ${JSON.stringify([expected, found])}`;
  }
}

function base(source: Source, without: readonly BatchId[] = []) {
  const { log, topic, topicId, partition, deadlineMs, signal, reuse = false } = source;
  const maxWaitMs = Math.min(500, deadlineMs);
  return {
    log,
    topic,
    topicId,
    partition,
    deadlineMs,
    maxWaitMs,
    reuse,
    without,
    ...(without.length === 0 ? {} : { maxBytes: bytesBehind }),
    ...(signal === undefined ? {} : { signal }),
  };
}

function numberIn(error: KafkaError, name: string): number | null {
  const value = error.evidence[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
