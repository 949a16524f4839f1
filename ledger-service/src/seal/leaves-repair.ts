import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { decodeUtf8, encodeBase64 } from '@tallystick/core/encoding';
import { rootInPlace } from '@tallystick/core/merkle';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { leavesKey } from '../leaves-key.ts';
import type { RecomputeOptions } from '../recompute.ts';

/** How many of the newest seals of a partition are looked after at a start, and how far back in the leaves topic. */
export const repairedSeals = 4;
const recordsLookedAt = 16;

/**
 * Which of the seals have no right leaves among the last records of the leaves topic. A record counts if its root is the seal's.
 * @throws KafkaError as the strict reader
 */
export async function sealsWithoutLeaves(
  seals: readonly SealStatement[],
  {
    log,
    leavesTopic,
    codecs,
    sha256,
    deadlineMs,
    signal,
  }: RecomputeOptions & { readonly log: RecordLog; readonly leavesTopic: string },
): Promise<SealStatement[]> {
  const missing = new Map(seals.map((seal) => [leavesKey(seal), seal]));
  const [{ partition } = { partition: 0 }] = seals;
  const { topicId } = await log.describeTopic(leavesTopic);
  const { logStart, highWatermark } = await log.bounds(leavesTopic, partition);
  const from = Math.max(logStart, highWatermark - recordsLookedAt);
  if (from === highWatermark || missing.size === 0) return [...missing.values()];
  const reader = readPartition({
    log,
    topic: leavesTopic,
    topicId,
    partition,
    from,
    to: highWatermark,
    deadlineMs,
    signal,
  });
  for await (const chunk of reader) {
    for (const { bytes, header } of chunk.batches) {
      const batch = parseBatch(bytes, header, codecs);
      if (!batch.parsed || header.control) continue;
      for (const { key, value } of recordsOf(batch)) {
        const name = key === null ? '' : textOf(key);
        const seal = missing.get(name);
        if (seal === undefined || value === null) continue;
        const count = seal.events.last - seal.events.first + 1;
        if (value.length !== count * 32) continue;
        if (encodeBase64(rootInPlace(Buffer.from(value), count, sha256)) === seal.root) missing.delete(name);
      }
    }
  }
  return [...missing.values()];
}

// Keys of others' records may be anything.
function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    return '';
  }
}
