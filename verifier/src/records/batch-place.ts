import { batchHeaderLength, readBatchHeader } from '@tallystick/core/batch';
import type { BatchHeader } from '@tallystick/core/batch';
import { CoreError } from '@tallystick/core/errors';
import { KafkaError } from '@tallystick/kafka/errors';
import { digestOf } from '@tallystick/kafka/strict-reader';
import type { BatchId, ReadBatch } from '@tallystick/kafka/strict-reader';
import { fetchAt } from '../ask-broker.ts';
import type { Source } from './read-through.ts';

/**
 * Bytes of a fetch that looks behind a batch. Brokers find an offset by what batches say, at most some 4 KiB (`index.interval.bytes`) and
 * one batch of at most 2 MiB (`max.message.bytes`) before it, so that what follows is in it.
 */
export const bytesBehind = 8 * 1024 * 1024;

/** Offsets, both inclusive. */
interface BatchPlace {
  readonly first: number;
  readonly last: number;
}

/** A batch that does not lie where it says. */
export interface Misplaced {
  readonly id: BatchId;
  readonly place: BatchPlace;
  readonly error: KafkaError;
  /** Its index in the chunk that it came in. */
  readonly at?: number;
}

/** The first of these batches that says too many offsets, where it is known which ones it takes. @throws VerifierError */
export async function firstOverlong(source: Source, batches: readonly ReadBatch[]): Promise<Misplaced | null> {
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

/**
 * The batch that an error of the reader is about, where that only says other offsets than those where it lies.
 * @param known as `placeOfMisplaced` takes them
 * @throws VerifierError
 */
export async function misplacedAt(
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
 * Whether a batch says more offsets than it holds records. A broker takes no such batch, and only compaction makes one: the stored bytes
 * were changed.
 */
function saysTooMany({ count, lastOffsetDelta }: BatchHeader): boolean {
  return count >= 1 && count < lastOffsetDelta + 1;
}

/** How many batches in a row may say wrong offsets for it to be told where each of them lies. */
const mostInARow = 64;

/**
 * Where a batch that says too many offsets ends: before the next one that is stored inside the range that it says.
 * @returns null where there is none, so that nothing is hidden behind it
 * @throws VerifierError
 */
async function placeOfOverlong(source: Source, header: BatchHeader): Promise<BatchPlace | null> {
  const { baseOffset, lastOffset, count } = header;
  for (const offset of [baseOffset, baseOffset + count]) {
    const [next] = behind((await served(source, offset)).batches, [header]);
    if (next === undefined) continue;
    const { baseOffset: end } = next;
    return end > baseOffset && end <= lastOffset ? { first: baseOffset, last: end - 1 } : null;
  }
  return null;
}

/**
 * Where a batch lies that says another base offset than the one that is due: there, if what is stored behind it goes on as if it lay there,
 * at once or behind others that say wrong offsets too. Then only what it says is wrong, and nothing was taken out or put in.
 * @param offset that is due
 * @param known batches before it that say wrong offsets
 * @returns null where what follows does not tell
 * @throws VerifierError
 */
async function placeOfMisplaced(
  source: Source,
  offset: number,
  batch: BatchId & { readonly lastOffset: number },
  known: readonly BatchId[],
): Promise<BatchPlace | null> {
  const last = offset + batch.lastOffset - batch.baseOffset;
  const seen: BatchId[] = [...known, batch];
  const most = seen.length + mostInARow;
  let due = last + 1;
  for (let at = offset; seen.length < most; at = due) {
    const { batches, highWatermark } = await served(source, at);
    const before = due;
    for (const header of behind(batches, seen)) {
      if (header.baseOffset === due) return { first: offset, last };
      if (header.baseOffset === offset) return null;
      seen.push(header);
      due += header.lastOffsetDelta + 1;
    }
    if (due === highWatermark) return { first: offset, last };
    // What was asked for last gave nothing new.
    if (due === before && at === due) return null;
  }
  return null;
}

interface Served {
  readonly batches: readonly BatchHeader[];
  /** null where it is not known. */
  readonly highWatermark: number | null;
}

/** The headers of what one fetch serves. What cannot be asked or read tells nothing. */
async function served(source: Source, offset: number): Promise<Served> {
  try {
    const { error, records, highWatermark } = await fetchAt(source, offset, bytesBehind);
    if (error !== 0) return { batches: [], highWatermark: null };
    return { batches: headersOf(records), highWatermark };
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code === 'ABORTED') throw error;
    return { batches: [], highWatermark: null };
  }
}

/** Up to the first that is none. The CRC covers no base offset, so it is not asked. */
function headersOf(records: Uint8Array): BatchHeader[] {
  const headers: BatchHeader[] = [];
  for (let at = 0; records.length - at >= batchHeaderLength && headers.length <= mostInARow;) {
    try {
      const header = readBatchHeader(records, at);
      if (header.magic !== 2 || header.lastOffsetDelta < 0) break;
      headers.push(header);
      at += header.totalLength;
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      break;
    }
  }
  return headers;
}

/** Those that come behind the last of the batches that are known; all where none of them is there. */
function behind(batches: readonly BatchHeader[], known: readonly BatchId[]): readonly BatchHeader[] {
  return batches.slice(batches.findLastIndex((batch) => known.some((each) => isSame(each, batch))) + 1);
}

function isSame(one: BatchId, other: BatchId): boolean {
  return one.baseOffset === other.baseOffset && one.crc === other.crc;
}

/** A whole number of an error's evidence; null where it has none of that name. */
export function numberIn(error: KafkaError, name: string): number | null {
  const value = error.evidence[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
