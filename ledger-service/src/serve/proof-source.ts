import type { TlogProof } from '@tallystick/core/tlog-proof';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { claims, parseNote } from '@tallystick/core/note';
import { inclusionPathFromTiles, tileWidth, type FetchTile } from '@tallystick/core/tiles';
import type { SealStatement } from '@tallystick/core/statement-types';
import type { LogStore } from '../ports/log-store.ts';
import { Bundles } from './adapters/bundles.ts';
import type { LogView } from './adapters/log-follower.ts';
import { cachingFetchTile } from './adapters/tile-reader.ts';
import type { EventRequest } from './domain/event-request.ts';
import { findCovering } from './domain/find-statement.ts';
import type { Generation, IndexedSeal, LogIndex, PartitionIndex } from './domain/log-index.ts';
import { Lru } from './domain/lru.ts';
import { refuse } from './proof-errors.ts';

const keptPaths = 1_024;

/** Finds seals in the published log and proves that they are in it. */
export class ProofSource {
  readonly #bundles: Bundles;
  readonly #fetchTile: FetchTile;
  readonly #paths = new Lru<TlogProof>(keptPaths);

  constructor(store: LogStore) {
    this.#bundles = new Bundles(store);
    this.#fetchTile = cachingFetchTile(store);
  }

  /**
   * The seal that covers an event of that generation.
   * @throws LedgerError OFFSET_IN_GAP, OFFSET_NOT_COVERED, LOG_DAMAGED, and those of the store
   */
  async sealOf(
    event: EventRequest,
    at: PartitionIndex,
    { generation }: Generation,
    view: LogView,
  ): Promise<IndexedSeal> {
    const { topic, partition, offset } = event;
    const wanted = { generation, offset };
    const newest = inNewest(at.newest, wanted);
    if (newest !== null) return newest;
    // What begins with the newest seals is known; the rest of the log is searched. A gap may stand among the newest.
    const { size } = view.head;
    const bundles = Math.ceil(size / tileWidth);
    const read = (bundle: number) => this.#bundles.ofPartition(bundle, size, topic, partition);
    const found = await findCovering(wanted, 0, bundles, read);
    const where = `Offset ${offset} of ${topic}/${partition}`;
    if (found === null && view.index.size > size && generation === at.generations.at(-1)?.generation)
      throw refuse('NOT_PUBLISHED_YET', `${where} is sealed, and the log that holds its seal is not published yet.`, {
        evidence: { ...event },
      });
    if (found === null)
      throw refuse('OFFSET_NOT_COVERED', `${where} is in no seal: generation ${generation} ended before it.`, {
        evidence: { ...event, generation },
      });
    const { statement, index, note } = found;
    if (statement.kind === 'seal') return { index, note, statement };
    throw refuse(
      'OFFSET_IN_GAP',
      `${where} was deleted before it could be sealed: entry ${index} of the log says so.`,
      {
        evidence: { ...event, index },
      },
    );
  }

  /**
   * Where the log holds an entry, under a checkpoint.
   * @throws LedgerError LOG_DAMAGED, and those of the store; CoreError TILE_MALFORMED, TILE_MISMATCH
   */
  async inLog(index: number, { head }: LogView): Promise<TlogProof> {
    const { size, note } = head;
    const key = `${index}/${size}`;
    const kept = this.#paths.get(key);
    // The same tree may be published with more cosignatures.
    if (kept !== undefined) return { ...kept, checkpoint: note };
    const path = await inclusionPathFromTiles(index, size, this.#fetchTile, nodeSha256);
    const proof = { index, path, extra: null, checkpoint: note };
    this.#paths.set(key, proof, 1);
    return proof;
  }

  /** The notes that add the key which signed a seal: one, but for two keys with one short id. */
  keysOf(seal: IndexedSeal, index: LogIndex): Uint8Array[] {
    const { signatures } = parseNote(seal.note);
    return index.sealKeys.filter(({ key }) => signatures.some((line) => claims(line, key))).map(({ note }) => note);
  }
}

function inNewest(
  newest: readonly IndexedSeal[],
  { generation, offset }: { readonly generation: number; readonly offset: number },
): IndexedSeal | null {
  let low = 0;
  let high = newest.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const seal = newest[middle]?.statement;
    if (seal === undefined) return null;
    if (isBefore(seal, generation, offset)) low = middle + 1;
    else high = middle;
  }
  const found = newest[low];
  if (found === undefined) return null;
  const { statement } = found;
  return statement.generation === generation && statement.offsets.first <= offset ? found : null;
}

/** Does it end before what is looked for? */
function isBefore({ generation, offsets }: SealStatement, wanted: number, offset: number): boolean {
  return generation === wanted ? offsets.last < offset : generation < wanted;
}
