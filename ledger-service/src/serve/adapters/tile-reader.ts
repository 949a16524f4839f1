import { CoreError } from '@tallystick/core/errors';
import {
  formatEntryBundle,
  maxEntryBytes,
  parseEntryBundle,
  tilePath,
  tileWidth,
  type FetchTile,
  type Tile,
} from '@tallystick/core/tiles';
import { logDamaged } from '../../log/log-errors.ts';
import type { LogStore } from '../../ports/log-store.ts';
import { Lru } from '../domain/lru.ts';

const hashBytes = 32;
const cachedTileBytes = 4 * 1024 * 1024;

/** Bytes that a tile of that kind may have. */
export function maxTileBytes({ level }: Pick<Tile, 'level'>): number {
  return level === 'entries' ? tileWidth * (2 + maxEntryBytes) : tileWidth * hashBytes;
}

/**
 * A tile as it is stored; a partial one that was collected is the first part of the full one, byte for byte what it was.
 * @returns null where neither is there
 * @throws LedgerError LOG_DAMAGED where the full one is too short, and those of the store
 */
export async function readTile(store: LogStore, tile: Tile): Promise<Uint8Array | null> {
  const most = maxTileBytes(tile);
  const own = await store.read(tilePath(tile), most);
  if (own !== null || tile.width === tileWidth) return own;
  const fullTile: Tile = { ...tile, width: tileWidth };
  const full = await store.read(tilePath(fullTile), most);
  if (full === null) return null;
  if (tile.level !== 'entries') {
    if (full.length !== tileWidth * hashBytes) throw damaged(fullTile);
    return full.subarray(0, tile.width * hashBytes);
  }
  return formatEntryBundle(entriesOf(full, fullTile).slice(0, tile.width));
}

/** @throws LedgerError LOG_DAMAGED */
export function entriesOf(bytes: Uint8Array, tile: Tile): Uint8Array[] {
  try {
    return parseEntryBundle(bytes, tile.width);
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw damaged(tile, cause);
  }
}

/**
 * Reads tiles of hashes for proofs and keeps a bounded number of them: a tile's bytes never change.
 * @throws LedgerError LOG_DAMAGED where one is not there, and those of the store
 */
export function cachingFetchTile(store: LogStore): FetchTile {
  const cache = new Lru<Uint8Array>(cachedTileBytes);
  return async (tile) => {
    const path = tilePath(tile);
    const kept = cache.get(path);
    if (kept !== undefined) return kept;
    const bytes = await readTile(store, tile);
    if (bytes === null) throw logDamaged(`${path} of the published log is not there.`, { path });
    // The length is checked by who uses it.
    cache.set(path, bytes, bytes.length);
    return bytes;
  };
}

function damaged(tile: Tile, cause?: unknown): Error {
  const path = tilePath(tile);
  return logDamaged(`${path} of the published log has not the bytes of one of width ${tile.width}.`, { path }, cause);
}
