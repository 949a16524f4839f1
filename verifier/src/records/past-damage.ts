import { KafkaError } from '@tallystick/kafka/errors';
import type { KafkaErrorCode } from '@tallystick/kafka/errors';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { BatchId } from '@tallystick/kafka/strict-reader';
import { bytesBehind, numberIn } from './batch-place.ts';
import type { Damage, Piece, Source } from './read-through.ts';
import { withDigest } from './stored-batch.ts';

const badBatch = new Map<KafkaErrorCode, Damage['cause']>([
  ['BATCH_CRC', 'corrupt'],
  ['BATCH_MAGIC', 'magic'],
  ['BATCH_INVALID', 'invalid'],
  ['BROKER_ERROR', 'invalid'],
]);

/**
 * The hole that the error means and where to go on; no piece if the error is not about offsets.
 * @param joined what is bad was met right behind the batch before, not by its offset
 */
export async function whatItMeans(
  source: Source,
  error: KafkaError,
  position: number,
  to: number,
  joined: boolean,
): Promise<{ piece: Piece | null; next: number }> {
  const until = (offset: number, cause: Damage['cause'], batchLast: number | null = null, why = error) => {
    const next = Math.min(offset, to);
    return { piece: holeOf(position, next - 1, cause, why, batchLast), next };
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
      if (cause === undefined || !isBad(error)) return notOffsets;
      const bad = await withDigest(source, error, position);
      if (joined && (await look(source, position)) === 'good') {
        const damage: Damage = { cause, base: position, batchLast: null, between: true, error: bad };
        return { piece: { kind: 'hole', first: position, last: position - 1, damage }, next: position };
      }
      const next = await behindBad(source, position, to);
      return next === null ? until(to, cause, null, bad) : until(next, cause, next - 1, bad);
    }
  }
}

export function holeOf(
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

/** Whether an error says that a stored batch is bad, whoever asks. */
export function isBad({ code, retriable }: KafkaError): boolean {
  return badBatch.has(code) && !retriable;
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
    for await (const chunk of readPartition({ ...readerOptions(source), from: offset, to: offset + 1 })) {
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

/** How a source is read, whatever part of it. @param without batches that are passed over */
export function readerOptions(source: Source, without: readonly BatchId[] = []) {
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
