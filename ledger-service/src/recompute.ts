import type { Codecs } from '@tallystick/core/codecs';
import { encodeBase64 } from '@tallystick/core/encoding';
import type { Sha256 } from '@tallystick/core/hash';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { OpenBatch } from './domain/open-batch.ts';
import { sealedEpoch, sealedTime } from './domain/seal-decider.ts';

export interface RecomputeOptions {
  readonly log: RecordLog;
  readonly topicId: string;
  readonly codecs: Codecs;
  readonly sha256: Sha256;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** What the records of a seal's offsets give, chained from its `after`. */
export interface Recomputed {
  /** Which of the seal's lines the records contradict: none where all is well. */
  readonly differs: readonly ('root' | 'head' | 'epoch' | 'time')[];
  readonly found: Pick<SealStatement, 'root' | 'head' | 'epoch' | 'time'>;
  readonly leaves: Buffer;
}

/**
 * Reads a sealed batch again and hashes it.
 * @throws KafkaError as the strict reader; CoreError BATCH_MALFORMED
 */
export async function recompute(seal: SealStatement, options: RecomputeOptions): Promise<Recomputed> {
  const { log, topicId, codecs, sha256, deadlineMs, signal } = options;
  const { topic, partition, offsets } = seal;
  const events = offsets.last - offsets.first + 1;
  const limits = { events, bytes: Infinity, ageMs: Infinity };
  const batch = new OpenBatch({ partition, limits, head: seal.after, nextOffset: offsets.first, codecs, sha256 });
  const reader = readPartition({
    log,
    topic,
    topicId,
    partition,
    from: offsets.first,
    to: offsets.last + 1,
    deadlineMs,
    signal,
  });
  for await (const chunk of reader)
    for (const { bytes, header } of chunk.batches) if (!batch.full) batch.add(bytes, header, 0);
  const closed = batch.close();
  const found = {
    root: encodeBase64(closed.root),
    head: encodeBase64(closed.head),
    epoch: sealedEpoch(closed.epoch),
    time: sealedTime(closed.time),
  };
  const lines = ['root', 'head', 'epoch', 'time'] as const;
  return { differs: lines.filter((line) => found[line] !== seal[line]), found, leaves: closed.leaves };
}
