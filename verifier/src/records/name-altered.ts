import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import { LeafChain } from '@tallystick/core/leaf';
import { rootInPlace } from '@tallystick/core/merkle';
import type { SealSection } from '../domain/sections.ts';
import type { Run } from '../run/run.ts';
import type { PartitionFindings } from './partition-findings.ts';
import { readThrough } from './read-through.ts';
import type { Source } from './read-through.ts';

const leafBytes = 32;

/** Events in a row that are not what was sealed. Offsets, both inclusive. */
export interface AlteredRun {
  readonly first: number;
  readonly last: number;
  /** RFC 6962's root over their stored and their recomputed leaves, base64: of one event its leaf. So they cover every event of the run. */
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
  const computed = Buffer.alloc(leaves.length);
  let altered = 0;
  let open: { readonly first: number; last: number } | null = null;
  const close = (): void => {
    const named = open;
    open = null;
    if (named === null) return;
    const rootOf = (all: Uint8Array): string => rootOfLeaves(run, all, first, named);
    found.altered(section, { ...named, expected: rootOf(leaves), found: rootOf(computed) });
  };
  for await (const piece of readThrough(source, first, Math.min(last + 1, end))) {
    if (piece.kind === 'hole') {
      close();
      continue;
    }
    for (const { bytes, header } of piece.batches) {
      for (let offset = Math.max(first, header.baseOffset); offset <= Math.min(last, header.lastOffset); offset++) {
        chain.reset(previousOf(offset));
        const at = (offset - first) * leafBytes;
        chain.append(bytes, header, offset, offset, computed, at);
        if (Buffer.compare(computed.subarray(at, at + leafBytes), leaves.subarray(at, at + leafBytes)) === 0) {
          close();
          continue;
        }
        altered += 1;
        if (open === null) open = { first: offset, last: offset };
        else open.last = offset;
      }
    }
  }
  close();
  return altered;
}

/** The root over the leaves of some offsets in a row. @param all from offset `begin` on */
function rootOfLeaves({ sha256 }: Run, all: Uint8Array, begin: number, of: Pick<AlteredRun, 'first' | 'last'>): string {
  const own = Uint8Array.from(all.subarray((of.first - begin) * leafBytes, (of.last - begin + 1) * leafBytes));
  return encodeBase64(rootInPlace(own, of.last - of.first + 1, sha256));
}
