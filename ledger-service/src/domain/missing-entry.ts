import { equalBytes } from '@tallystick/core/encoding';

/**
 * Looks for the entries of the log, in their order, among the records of the seals topic: what lies between them means nothing. Both are
 * read once, side by side, and nothing of either is kept.
 * @param from the index of the first entry given
 * @returns the index of the first entry that the topic lacks behind the one before it; null where it holds them all
 */
export async function firstMissingEntry(
  entries: AsyncIterable<Uint8Array>,
  records: AsyncIterable<Uint8Array>,
  from: number,
): Promise<number | null> {
  const topic = records[Symbol.asyncIterator]();
  let index = from;
  try {
    for await (const entry of entries) {
      let met: IteratorResult<Uint8Array>;
      do met = await topic.next();
      while (met.done !== true && !equalBytes(met.value, entry));
      if (met.done === true) return index;
      index += 1;
    }
    return null;
  } finally {
    await topic.return?.();
  }
}
