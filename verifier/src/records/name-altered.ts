import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import { LeafChain } from '@tallystick/core/leaf';
import type { SealSection } from '../domain/sections.ts';
import type { PartitionFindings } from '../partition-findings.ts';
import { readThrough } from '../read-through.ts';
import type { Source } from '../read-through.ts';
import type { Run } from '../run/run.ts';

const leafBytes = 32;

/** Events in a row that are not what was sealed. Offsets, both inclusive. */
export interface AlteredRun {
  readonly first: number;
  last: number;
  /** Stored and recomputed leaf of the first, base64. */
  readonly expected: string;
  readonly found: string;
}

/**
 * Reads a batch that does not fit once more and judges each event alone: its leaf, computed behind the stored leaf before it, must be
 * the stored one (protocol section 6). So every altered event is named and no other.
 * @param leaves stored leaves that give the seal's root
 * @param end the offset behind the last record there is: what lies beyond is not waited for
 * @returns how many events are altered; 0 where the records now give what was sealed (they changed between the two readings)
 */
export async function nameAltered(
  run: Run,
  source: Source,
  found: PartitionFindings,
  section: SealSection,
  leaves: Uint8Array,
  end: number,
): Promise<number> {
  const { first, last, seal } = section;
  const previousOf = (offset: number): Uint8Array =>
    offset === first
      ? decodeBase64(seal.after)
      : leaves.subarray((offset - first - 1) * leafBytes, (offset - first) * leafBytes);
  const { sha256, codecs } = run;
  const chain = new LeafChain({ sha256, codecs, partition: source.partition, previous: previousOf(first) });
  const leaf = Buffer.alloc(leafBytes);
  let altered = 0;
  let open: AlteredRun | null = null;
  const close = (): void => {
    if (open !== null) found.altered(section, open);
    open = null;
  };
  for await (const piece of readThrough(source, first, Math.min(last + 1, end))) {
    if (piece.kind === 'hole') {
      close();
      continue;
    }
    for (const { bytes, header } of piece.batches) {
      for (let offset = Math.max(first, header.baseOffset); offset <= Math.min(last, header.lastOffset); offset++) {
        chain.reset(previousOf(offset));
        chain.append(bytes, header, offset, offset, leaf, 0);
        const at = (offset - first) * leafBytes;
        const stored = leaves.subarray(at, at + leafBytes);
        if (Buffer.compare(leaf, stored) === 0) {
          close();
          continue;
        }
        altered += 1;
        if (open === null)
          open = { first: offset, last: offset, expected: encodeBase64(stored), found: encodeBase64(leaf) };
        else open.last = offset;
      }
    }
  }
  close();
  return altered;
}
