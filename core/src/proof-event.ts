import { decodeBase64, equalBytes } from './encoding.ts';
import { parseEntry, type BatchEntry, type RecordEntry } from './entry.ts';
import { leafOf } from './leaf.ts';
import { verifyInclusion } from './merkle.ts';
import { proofError, proofStep } from './proof-error.ts';
import type { FullEvent, ProofParts, RedactedEvent } from './proof-types.ts';
import type { SealStatement } from './statement-types.ts';

/** An event that a seal covers, if the seal is one. */
export interface PlacedEvent {
  readonly offset: number;
  /** In the generation. */
  readonly index: number;
  /** 32 bytes. */
  readonly leaf: Uint8Array;
  /** null where the proof is redacted. */
  readonly entry: RecordEntry | BatchEntry | null;
}

/**
 * Places a proof's event in its seal's batch: its partition and offset lie inside, its leaf leads to the root, and at the batch's
 * ends it is what the seal says of them.
 * @throws CoreError PROOF_ENTRY, PROOF_PLACE, PROOF_LEAF, PROOF_TIME, PROOF_ROOT
 */
export function placeEvent(parts: ProofParts, seal: SealStatement): PlacedEvent {
  const event = 'entry' in parts ? readFull(parts, seal) : readRedacted(parts);
  const { first, last } = seal.offsets;
  const { offset, leaf, entry } = event;
  if (offset < first || offset > last) {
    throw proofError('PROOF_PLACE', `offset ${offset} does not lie in the seal's ${first}-${last}`, {
      expected: `${first}-${last}`,
      found: offset,
    });
  }
  if (offset === first && 'entry' in parts) checkHash('leaf before the first', seal.after, parts.previousLeaf);
  if (offset === last) {
    checkHash('leaf of the last', seal.head, leaf);
    if (entry !== null) checkTime(seal, entry.timestamp);
  }
  const position = offset - first;
  const root = decodeBase64(seal.root);
  proofStep('PROOF_ROOT', () =>
    verifyInclusion({ index: position, size: last - first + 1, leaf, path: parts.path, root }),
  );
  return { offset, index: seal.events.first + position, leaf, entry };
}

type ReadEvent = Omit<PlacedEvent, 'index'>;

function readFull({ entry: bytes, previousLeaf }: FullEvent, { partition }: SealStatement): ReadEvent {
  const entry = proofStep('PROOF_ENTRY', () => parseEntry(bytes));
  if (entry.partition !== partition) {
    throw proofError('PROOF_PLACE', `the entry is of partition ${entry.partition}, the seal of ${partition}`, {
      expected: partition,
      found: entry.partition,
    });
  }
  return { offset: entry.offset, leaf: leafOf(previousLeaf, bytes), entry };
}

function readRedacted({ offset, leaf }: RedactedEvent): ReadEvent {
  return { offset, leaf, entry: null };
}

function checkHash(what: string, expected: string, found: Uint8Array): void {
  if (equalBytes(decodeBase64(expected), found)) return;
  throw proofError('PROOF_LEAF', `the ${what} event of the batch is not the seal's`, { expected, found });
}

/** Outside 0 to 2^53-1 the seal says "-". */
function checkTime(seal: SealStatement, timestamp: bigint): void {
  const time = timestamp >= 0n && timestamp <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(timestamp) : null;
  if (time === seal.time) return;
  throw proofError('PROOF_TIME', "the last event's timestamp is not the seal's", {
    expected: seal.time ?? '-',
    found: String(timestamp),
  });
}

/** The parts of the same proof with the event's leaf in place of the event. */
export function redactedParts(parts: ProofParts): ProofParts {
  if (!('entry' in parts)) return parts;
  const { entry, previousLeaf, ...rest } = parts;
  const { offset } = proofStep('PROOF_ENTRY', () => parseEntry(entry));
  return { leaf: leafOf(previousLeaf, entry), offset, ...rest };
}
