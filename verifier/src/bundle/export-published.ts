import { parseCheckpoint } from '@tallystick/core/checkpoint';
import { CoreError } from '@tallystick/core/errors';
import { parseNote } from '@tallystick/core/note';
import { tilePath, tileWidth } from '@tallystick/core/tiles';
import { VerifierError } from '../errors.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import { maxBundleBytes, maxCheckpointBytes } from '../published/resources.ts';
import type { BundleWriter } from './bundle-writer.ts';
import { maxMembers } from './limits.ts';
import { logName } from './member-names.ts';

/** The checkpoint as it was published, cosignatures included. */
export interface ReadCheckpoint {
  readonly note: Uint8Array;
  /** The size that it names, whoever signed it; null: it is no checkpoint. */
  readonly size: number | null;
}

/** 256 hashes of 32 bytes. */
const maxTileBytes = tileWidth * 32;
/** Requests under way at once. */
const atOnce = 8;

/** So many tiles of one log may be missing: behind them it is not asked any more. */
const mostMissing = 1_000;

/**
 * Reads the published checkpoint. Whether it is one, and who signed it, is the checker's to say.
 * @returns null where there is none
 * @throws VerifierError LOG_UNAVAILABLE, LOG_RESOURCE_TOO_LARGE
 */
export async function readCheckpoint(log: PublishedLog): Promise<ReadCheckpoint | null> {
  const note = await log.read('checkpoint', maxCheckpointBytes);
  if (note === null) return null;
  try {
    return { note, size: parseCheckpoint(parseNote(note).text).size };
  } catch (error) {
    if (error instanceof CoreError) return { note, size: null };
    throw error;
  }
}

/**
 * Copies the checkpoint and every tile of its tree. What the log does not have is left out: who checks the bundle misses it there.
 * @returns what is not as it should be, in a sentence
 * @throws VerifierError LOG_UNAVAILABLE, BUNDLE_WRITE
 */
export async function exportPublished(
  log: PublishedLog,
  { note, size }: ReadCheckpoint,
  writer: BundleWriter,
  onTile: (path: string, done: number, total: number) => void,
): Promise<string | null> {
  await writer.member(logName('checkpoint'), note);
  if (size === null) return `the checkpoint of ${log.place} is none; it is in the bundle as it is`;
  const total = tilesOf(size);
  // Anybody who can write the file can name any size: that must not keep all the rest from being exported.
  if (total > maxMembers)
    return `the checkpoint of ${log.place} names ${size} entries: no tile of so large a log is in the bundle`;
  let missing = 0;
  const tiles = tilesInOrder(size);
  const running: Promise<{ path: string; bytes: Uint8Array | null }>[] = [];
  const more = (): void => {
    const { value: tile } = tiles.next();
    if (tile === undefined) return;
    const reading = readTile(log, tile);
    reading.catch(() => undefined);
    running.push(reading);
  };
  for (let count = 0; count < atOnce; count += 1) more();
  for (let done = 1; ; done += 1) {
    const reading = running.shift();
    if (reading === undefined) return missing > 0 ? `${missing} tiles of the published log are missing` : null;
    const { path, bytes } = await reading;
    if (bytes !== null) await writer.member(logName(path), bytes);
    else missing += 1;
    if (missing > mostMissing)
      return `${missing} tiles of the published log are missing up to ${path}, and it was not read any further`;
    onTile(path, done, total);
    more();
  }
}

interface Wanted {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

/** A partial tile may be gone once it is full: then the full one holds it. */
async function readTile(log: PublishedLog, tile: Wanted): Promise<{ path: string; bytes: Uint8Array | null }> {
  const most = tile.level === 'entries' ? maxBundleBytes : maxTileBytes;
  const read = async (path: string): Promise<Uint8Array | null> => {
    try {
      return await log.read(path, most);
    } catch (error) {
      // Too large for a tile: there is none. The checker says the same.
      if (error instanceof VerifierError && error.code === 'LOG_RESOURCE_TOO_LARGE') return null;
      throw error;
    }
  };
  const path = tilePath(tile);
  const bytes = await read(path);
  if (bytes !== null || tile.width === tileWidth) return { path, bytes };
  const full = tilePath({ ...tile, width: tileWidth });
  return { path: full, bytes: await read(full) };
}

function tilesOf(size: number): number {
  let tiles = Math.ceil(size / tileWidth);
  for (let hashes = size; hashes > 0; hashes = Math.floor(hashes / tileWidth)) tiles += Math.ceil(hashes / tileWidth);
  return tiles;
}

/** In the order of their names: levels first, then entries. */
function* tilesInOrder(size: number): Generator<Wanted, undefined, void> {
  let level = 0;
  for (let hashes = size; hashes > 0; hashes = Math.floor(hashes / tileWidth)) yield* ofLevel(level++, hashes);
  yield* ofLevel('entries', size);
  return undefined;
}

function* ofLevel(level: number | 'entries', hashes: number): Generator<Wanted, void, void> {
  for (let index = 0; index * tileWidth < hashes; index += 1)
    yield { level, index, width: Math.min(tileWidth, hashes - index * tileWidth) };
}
