import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { compareSeals, sealOfLeaves } from '../domain/seal-number.ts';
import type { Bounds } from '../domain/shards.ts';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import { dataRecords } from '../records/data-records.ts';
import type { SealSpan } from './choose.ts';

/**
 * Where in a partition of the leaves topic the leaves of the chosen seals lie: from the first record of one of them to the last. Leaves
 * are no evidence by themselves, so that their topic seems to begin and end there costs nothing.
 * @returns offsets, the end exclusive; null where there are none
 */
export async function leavesWindow(
  source: Source,
  bounds: Bounds,
  events: string,
  { first, last }: SealSpan,
): Promise<{ from: number; to: number } | null> {
  let window: { from: number; to: number } | null = null;
  for await (const piece of readThrough({ ...source, reuse: true }, bounds.logStart, bounds.highWatermark)) {
    if (piece.kind === 'hole') continue;
    for (const batch of piece.batches) {
      const chosen = dataRecords(batch, nodeCodecs).some(({ key }) => {
        const seal = key === null ? null : sealOfLeaves(key, events);
        return seal !== null && compareSeals(seal, first) >= 0 && (last === null || compareSeals(seal, last) <= 0);
      });
      if (!chosen) continue;
      const { baseOffset, lastOffset } = batch.header;
      const from: number = window?.from ?? Math.max(baseOffset, bounds.logStart);
      window = { from, to: lastOffset + 1 };
    }
  }
  return window;
}
