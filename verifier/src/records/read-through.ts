import { KafkaError } from '@tallystick/kafka/errors';
import type { KafkaErrorCode } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { BatchId, ReadBatch, ReadOptions, Seam } from '@tallystick/kafka/strict-reader';
import type { Patience } from '../deadline.ts';
import { firstOverlong, misplacedAt, numberIn } from './batch-place.ts';
import type { Misplaced } from './batch-place.ts';
import { holeOf, isBad, readerOptions, whatItMeans } from './past-damage.ts';

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
/** What the reader asked for again already, in the same way: it was not changed on its way. */
const wasAskedTwice = new Set<KafkaErrorCode>(['BATCH_CRC', 'BATCH_MAGIC']);
/** Batches that are known to say wrong offsets: beyond so many they are taken as they say. */
const mostMisplaced = 1_000;

/**
 * Reads `[from, to)` with the strict reader and goes on behind what is damaged, so that one run finds all of it. What cannot be
 * read is a hole; what is not about single offsets (no right, no broker, another topic) is thrown on.
 * @param lazyFrom nothing is fetched ahead from this offset on: who reads may be content before `to`
 * @throws KafkaError TOPIC_RECREATED, TOPIC_MISSING, NOT_AUTHORIZED, AUTHENTICATION_FAILED, UNREACHABLE, TIMED_OUT, PROTOCOL,
 *   CLOSED, ABORTED
 */
export async function* readThrough(
  source: Source,
  from: number,
  to: number,
  lazyFrom = to,
): AsyncGenerator<Piece, void, void> {
  const state: ReadState = { position: from, lastEpoch: -1, retriedAt: -1, seam: null, without: [] };
  while (state.position < to) {
    try {
      const misplaced = yield* readOn(source, state, to, lazyFrom);
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
  /**
   * What was seen of the batch that ends at `position` and behind it. With it a batch that is bad is asked for where it lies: by offset alone a
   * broker may go past it.
   */
  seam: Seam | null;
  /** Batches that say wrong offsets. */
  readonly without: BatchId[];
}

/** Reads up to the end, or to a batch that does not lie where it says. */
async function* readOn(
  source: Source,
  state: ReadState,
  to: number,
  lazyFrom: number,
): AsyncGenerator<Piece, Misplaced | null, void> {
  const { position: from, lastEpoch, seam, without } = state;
  const told = isTold(state);
  const range = { from, to, lazyFrom, lastEpoch };
  const options: ReadOptions = { ...readerOptions(source, without), ...range, contiguous: true, seam };
  for await (const chunk of readPartition(options)) {
    const misplaced = told ? await firstOverlong(source, chunk.batches) : null;
    const batches = chunk.batches.slice(0, misplaced?.at);
    const last = batches.at(-1);
    if (last !== undefined) {
      state.position = last.header.lastOffset + 1;
      state.lastEpoch = last.header.leaderEpoch;
      state.seam = misplaced === null ? (chunk.seam ?? null) : null;
      yield { kind: 'batches', batches };
    }
    if (misplaced !== null) return misplaced;
  }
  return null;
}

/** @throws the error, where it is not about offsets */
async function afterError(source: Source, state: ReadState, error: KafkaError, to: number): Promise<Piece | 'again'> {
  const { position, lastEpoch, seam, without } = state;
  const misplaced = isTold(state) ? await misplacedAt(source, error, position, without) : null;
  if (misplaced !== null) return passOver(state, misplaced, to);
  const goesBack = error.code === 'OFFSET_GAP' && (numberIn(error, 'found') ?? position) < position;
  // Without the leader epoch read before: the stored epoch is no part of what the CRC covers, and the content decides.
  state.lastEpoch = -1;
  const hangsOnEpoch = ofEpoch.has(error.code) && lastEpoch >= 0 && !isParted(error);
  const isDoubted = isBad(error) && !wasAskedTwice.has(error.code);
  if (state.retriedAt !== position && (goesBack || isDoubted || hangsOnEpoch)) {
    state.retriedAt = position;
    if (!goesBack) return 'again';
    state.seam = null;
    return holeOf(position, position - 1, 'repeated', error);
  }
  const { piece, next } = await whatItMeans(source, error, position, to, seam !== null);
  if (piece === null) throw error;
  state.position = next;
  state.seam = null;
  return piece;
}

/** Takes note of a batch that does not lie where it says, and goes on behind it. */
function passOver(state: ReadState, { id, place, error }: Misplaced, to: number): Piece {
  const first = state.position;
  const next = Math.max(first, Math.min(place.last + 1, to));
  state.without.push(id);
  state.position = next;
  state.lastEpoch = -1;
  state.seam = null;
  const damage: Damage = { cause: 'misplaced', base: place.first, batchLast: place.last, error };
  return { kind: 'hole', first, last: next - 1, damage };
}

/** Whether it is no matter of epochs: something else lies behind a batch than was seen there. That was asked for often enough. */
function isParted({ code, evidence }: KafkaError): boolean {
  return code === 'LOG_DIVERGED' && evidence['found'] === null;
}

function isTold({ without }: ReadState): boolean {
  return without.length < mostMisplaced;
}
