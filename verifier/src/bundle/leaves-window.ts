import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { Bounds } from '../domain/shards.ts';
import { readThrough } from '../read-through.ts';
import type { Source } from '../read-through.ts';
import type { SealNumber, SealSpan } from './choose.ts';

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
    for (const { bytes, header } of piece.batches) {
      const parsed = header.control ? null : parseBatch(bytes, header, nodeCodecs);
      if (parsed === null || !parsed.parsed) continue;
      const chosen = recordsOf(parsed).some(({ key }) => {
        const seal = sealOf(key, events);
        return seal !== null && compare(seal, first) >= 0 && (last === null || compare(seal, last) <= 0);
      });
      if (!chosen) continue;
      const from: number = window?.from ?? Math.max(header.baseOffset, bounds.logStart);
      window = { from, to: header.lastOffset + 1 };
    }
  }
  return window;
}

/** The key is the text `<topic>/<generation>/<seal>`. */
function sealOf(key: Uint8Array | null, events: string): SealNumber | null {
  if (key === null) return null;
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
  const match = /^([^/]+)\/(0|[1-9]\d{0,15})\/(0|[1-9]\d{0,15})$/.exec(text);
  return match === null || match[1] !== events ? null : [Number(match[2]), Number(match[3])];
}

function compare([generation, seal]: SealNumber, [otherGeneration, otherSeal]: SealNumber): number {
  return generation === otherGeneration ? seal - otherSeal : generation - otherGeneration;
}
