import { openCheckpoint } from '@tallystick/core/checkpoint';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { leafHash, verifyInclusion } from '@tallystick/core/merkle';
import type { VerifierKey } from '@tallystick/core/note';
import {
  formatEntryBundle,
  inclusionPathFromTiles,
  maxEntryBytes,
  parseEntryBundle,
  tilePath,
  tileWidth,
  type FetchTile,
  type Tile,
} from '@tallystick/core/tiles';
import type { CheckpointStore, StoredCheckpoint } from '../ports/checkpoint-store.ts';
import type { LogStore } from '../ports/log-store.ts';
import { Peaks } from './peaks.ts';
import { checkpointInvalid, logDamaged } from './log-errors.ts';

/** Bundles that are asked for ahead of the one that is read. */
const ahead = 8;
const hashBytes = 32;
const maxBundleBytes = tileWidth * (2 + maxEntryBytes);

/** Where a log is, and whose signatures count. */
export interface LogPlace {
  readonly store: LogStore;
  readonly checkpoints: CheckpointStore;
  readonly origin: string;
  readonly logKeys: readonly VerifierKey[];
  readonly verify: Ed25519Verify;
}

/** What a checkpoint says of the tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** A checkpoint of this log, its signature checked. */
export interface SignedHead extends TreeHead {
  readonly note: Uint8Array;
}

export interface StoredHead extends SignedHead {
  readonly stored: StoredCheckpoint;
}

export const emptyHead: TreeHead = { size: 0, root: new Peaks().root() };

/** @throws LedgerError CHECKPOINT_INVALID */
export function openHead(
  note: Uint8Array,
  { origin, logKeys, verify }: Pick<LogPlace, 'origin' | 'logKeys' | 'verify'>,
  where: string,
): SignedHead {
  try {
    const { size, root } = openCheckpoint(note, { origin, keys: logKeys, verify }).checkpoint;
    return { size, root, note };
  } catch (cause) {
    throw checkpointInvalid(where, cause);
  }
}

/** The newest stored checkpoint, or null before the first. @throws LedgerError CHECKPOINT_INVALID and those of the store */
export async function newestHead(place: LogPlace): Promise<StoredHead | null> {
  const stored = await place.checkpoints.newest();
  return stored === null ? null : { ...openHead(stored.note, place, 'stored checkpoint'), stored };
}

/**
 * Reads tiles of hashes, a full one where the partial one was collected. Keeps the last one of each level, so that proofs for neighbours
 * read nothing twice.
 * @throws LedgerError LOG_DAMAGED where it is not there, and those of the store
 */
export function tileFetcher(store: LogStore): FetchTile {
  const last = new Map<string, { path: string; bytes: Promise<Uint8Array> }>();
  return async (tile) => {
    const path = tilePath(tile);
    const level = `${tile.level} ${tile.width === tileWidth}`;
    const kept = last.get(level);
    if (kept?.path === path) return await kept.bytes;
    const bytes = readTile(store, tile);
    bytes.catch(() => last.delete(level));
    last.set(level, { path, bytes });
    return await bytes;
  };
}

async function readTile(store: LogStore, tile: Tile): Promise<Uint8Array> {
  const most = tile.level === 'entries' ? maxBundleBytes : tileWidth * hashBytes;
  const own = await store.read(tilePath(tile), most);
  if (own !== null || tile.width === tileWidth) return own ?? missing(tile);
  const full = (await store.read(tilePath({ ...tile, width: tileWidth }), most)) ?? missing(tile);
  if (tile.level !== 'entries') return full.subarray(0, tile.width * hashBytes);
  return formatEntryBundle(entriesOf(full, { ...tile, width: tileWidth }).slice(0, tile.width));
}

/** The entries of one bundle of a log of that size. @throws LedgerError LOG_DAMAGED, and those of the store */
async function readBundle(store: LogStore, index: number, size: number): Promise<Uint8Array[]> {
  const tile: Tile = { level: 'entries', index, width: Math.min(tileWidth, size - index * tileWidth) };
  return entriesOf(await readTile(store, tile), tile);
}

function entriesOf(bytes: Uint8Array, tile: Tile): Uint8Array[] {
  try {
    return parseEntryBundle(bytes, tile.width);
  } catch (cause) {
    const path = tilePath(tile);
    throw logDamaged(`${path} is no bundle of ${tile.width} entries.`, { path }, cause);
  }
}

/**
 * Entries `from` up to, not including, `to` of a log of at least `to` entries, as the store has them: that they are the log's shows only
 * when their hashes lead to its root. Memory is that of a few bundles.
 * @throws LedgerError LOG_DAMAGED, and those of the store
 */
export async function* readEntries(store: LogStore, from: number, to: number): AsyncGenerator<Uint8Array, void, void> {
  if (from >= to) return;
  const end = Math.ceil(to / tileWidth);
  const asked: Promise<Uint8Array[]>[] = [];
  for (let next = Math.floor(from / tileWidth), index = next; index < end; index += 1) {
    for (; next < end && next < index + ahead; next += 1) {
      const bundle = readBundle(store, next, to);
      bundle.catch(() => undefined);
      asked.push(bundle);
    }
    const entries = (await asked.shift()) ?? [];
    for (const [at, entry] of entries.entries()) {
      const position = index * tileWidth + at;
      if (position >= from && position < to) yield entry;
    }
  }
}

/**
 * The same, each bundle held against the tree: nothing is yielded that the head does not hold at that place.
 * @throws LedgerError LOG_DAMAGED, and those of the store
 */
export async function* verifiedEntries(
  store: LogStore,
  head: TreeHead,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, void, void> {
  const fetchTile = tileFetcher(store);
  for (let at = from; at < to;) {
    const index = Math.floor(at / tileWidth);
    const entries = await readBundle(store, index, head.size);
    await checkBundle(entries, index, head, fetchTile);
    const first = index * tileWidth;
    for (const entry of entries.slice(at - first, to - first)) yield entry;
    at = first + entries.length;
  }
}

async function checkBundle(
  entries: readonly Uint8Array[],
  index: number,
  head: TreeHead,
  fetchTile: FetchTile,
): Promise<void> {
  const tile: Tile = { level: 0, index, width: entries.length };
  const wrong = (cause?: unknown) =>
    logDamaged(
      `The entries of bundle ${index} are not those of the checkpoint of size ${head.size}.`,
      { index, size: head.size },
      cause,
    );
  try {
    const hashes = await fetchTile(tile);
    const leaves = entries.map(leafHash);
    if (hashes.length !== entries.length * hashBytes) throw wrong();
    for (const [at, leaf] of leaves.entries())
      if (!equalBytes(leaf, hashes.subarray(at * hashBytes, (at + 1) * hashBytes))) throw wrong();
    // The path from one leaf of the tile holds every other hash of it, so that this one proof is for all of them.
    const leaf = leaves[0] ?? new Uint8Array();
    const { size, root } = head;
    const path = await inclusionPathFromTiles(index * tileWidth, size, fetchTile);
    verifyInclusion({ index: index * tileWidth, size, leaf, path, root });
  } catch (cause) {
    throw cause instanceof CoreError ? wrong(cause) : cause;
  }
}

function missing(tile: Tile): never {
  const path = tilePath(tile);
  throw logDamaged(`${path} of the published log is not there.`, { path });
}
