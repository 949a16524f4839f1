import { joinIds, mostHeld } from '../content/id-join.ts';
import type { IdPair } from '../content/id-join.ts';
import { buckets } from '../content/id-spill.ts';
import type { SpilledIds } from '../content/id-spill.ts';
import { VerifierError } from '../errors.ts';
import type { JoinTask } from './shard-message.ts';

/** Buckets that one thread joins at a time. */
const bucketsAtOnce = 4;
/** Pairs that are sent from thread to thread; where there are more, who asked finds them itself, and settles them as it goes. */
const mostSent = 16_384;
/** So few ids are joined sooner than they are sent around. */
const leastShared = 50_000;

/** Who joins ids elsewhere. */
export interface IdJoiner {
  /** How many are joined at once. */
  readonly size: number;
  /**
   * @returns null where the pairs are too many, or something cannot be read: then the caller joins them
   * @throws VerifierError WORKER_FAILED; VERIFY_ABORTED
   */
  join(task: Omit<JoinTask, 'id'>): Promise<readonly IdPair[] | null>;
}

/** As `joinIds`, with the buckets shared out among threads; what they cannot do is done here. */
export async function joinShared(
  pool: IdJoiner,
  lists: readonly SpilledIds[],
  each: (pair: IdPair) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  if (lists.reduce((sum, { count }) => sum + count, 0) < leastShared) {
    await joinIds(lists, each, { signal });
    return;
  }
  const parts: { readonly lists: readonly SpilledIds[]; readonly pairs: Promise<readonly IdPair[] | null> }[] = [];
  for (let from = 0; from < buckets; from += bucketsAtOnce) {
    const part = lists.map((list) => bucketsOf(list, from, from + bucketsAtOnce));
    const pairs = pool.join({ lists: part, held: Math.ceil(mostHeld / pool.size) });
    // It is awaited in its turn.
    pairs.catch(() => undefined);
    parts.push({ lists: part, pairs });
  }
  for (const part of parts) {
    const pairs = await foundElsewhere(part.pairs);
    if (pairs === null) await joinIds(part.lists, each, { signal });
    else for (const pair of pairs) await each(pair);
  }
}

/** All pairs of a part of the ids; null where they are too many, or cannot be had. */
export async function pairsOf(
  { lists, held }: Omit<JoinTask, 'id'>,
  signal?: AbortSignal,
): Promise<readonly IdPair[] | null> {
  const pairs: IdPair[] = [];
  try {
    await joinIds(
      lists,
      (pair) => {
        if (pairs.push(pair) > mostSent) throw new TooMany();
      },
      { held, signal },
    );
    return pairs;
  } catch (error) {
    if (error instanceof TooMany || (error instanceof Error && 'code' in error)) return null;
    throw error;
  }
}

class TooMany extends Error {}

async function foundElsewhere(pairs: Promise<readonly IdPair[] | null>): Promise<readonly IdPair[] | null> {
  try {
    return await pairs;
  } catch (error) {
    // Nothing is lost with the threads: the ids lie in files.
    if (error instanceof VerifierError && error.code === 'WORKER_FAILED') return null;
    throw error;
  }
}

function bucketsOf({ memory, chunks, ...list }: SpilledIds, from: number, to: number): SpilledIds {
  return { ...list, memory: memory.slice(from, to), chunks: chunks.slice(from, to) };
}
