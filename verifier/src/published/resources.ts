import { parseEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import type { Tile } from '@tallystick/core/tiles';
import { CoreError } from '@tallystick/core/errors';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Patience } from '../deadline.ts';
import { inTime } from '../deadline.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import { unavailable } from './log-path.ts';

/** Bytes that a checkpoint may have: 100 signature lines and what a log adds to its text. */
export const maxCheckpointBytes = 64 * 1024;
/** 256 entries of up to 65,535 bytes, each behind its length. */
export const maxBundleBytes = tileWidth * (2 + 65_535);
/** Twice what the longest has: what is somewhat too long is read whole, and is wrong. */
const maxTileBytes = 2 * tileWidth * 32;
/** Bundles that are asked for ahead. */
const ahead = 4;

/** A resource that the tree of a checkpoint must have, and that is not there. */
export class MissingResource extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`${path} is not there`);
    this.path = path;
  }
}

/** Consecutive entries of the log, the first one's index. */
export interface Bundle {
  readonly first: number;
  readonly entries: readonly Uint8Array[];
}

/** What one run reads of a published log, every wait with its deadline. */
export class Resources {
  readonly place: string;
  private readonly log: PublishedLog;
  private readonly patience: Patience;
  private readonly onBytes: (bytes: number) => void;

  constructor(log: PublishedLog, patience: Patience, onBytes: (bytes: number) => void) {
    this.place = log.place;
    this.log = log;
    this.patience = patience;
    this.onBytes = onBytes;
  }

  /** @throws VerifierError LOG_UNAVAILABLE, LOG_RESOURCE_TOO_LARGE, VERIFY_ABORTED */
  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    try {
      const bytes = await inTime(`${path} of the log`, this.patience, this.log.read(path, maxBytes));
      this.onBytes(bytes?.length ?? 0);
      return bytes;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      throw unavailable(this.place, path, `no answer within ${this.patience.deadlineMs} ms`, error);
    }
  }

  /**
   * The hashes of a tile. Where the partial one is gone (they are collected once there is a fuller one) those of a fuller one.
   * @param size of the tree that is asked for; the log may be larger by now
   * @throws MissingResource; VerifierError as `read`; CoreError TILE_MALFORMED
   */
  async tile(tile: Tile, size: number): Promise<Uint8Array> {
    for (const width of widthsOf(tile, size)) {
      const path = tilePath({ ...tile, width });
      const bytes = await this.read(path, maxTileBytes);
      if (bytes === null) continue;
      if (bytes.length !== width * 32) throw malformed(path, width * 32, bytes.length);
      return bytes.subarray(0, tile.width * 32);
    }
    throw new MissingResource(tilePath(tile));
  }

  /**
   * The entries `from` to `to` (exclusive), a bundle at a time, some of them asked for ahead.
   * @param size of the tree that they are read of
   * @throws as `tile`
   */
  async *bundles(from: number, to: number, size = to): AsyncGenerator<Bundle, void, void> {
    const waiting: Promise<Bundle>[] = [];
    let next = from;
    while (next < to || waiting.length > 0) {
      while (next < to && waiting.length < ahead) {
        const first = next;
        next = Math.min(to, (Math.floor(first / tileWidth) + 1) * tileWidth);
        const bundle = this.bundle(first, next, size);
        // Whoever stops before it is asked for need not hear of it.
        bundle.catch(() => undefined);
        waiting.push(bundle);
      }
      const bundle = await waiting.shift();
      if (bundle !== undefined) yield bundle;
    }
  }

  private async bundle(first: number, next: number, size: number): Promise<Bundle> {
    const index = Math.floor(first / tileWidth);
    const base = index * tileWidth;
    const tile: Tile = { level: 'entries', index, width: Math.min(tileWidth, size - base) };
    for (const width of widthsOf(tile, size)) {
      const path = tilePath({ ...tile, width });
      const bytes = await this.read(path, maxBundleBytes);
      if (bytes === null) continue;
      return { first, entries: entriesOf(bytes, width, path).slice(first - base, next - base) };
    }
    throw new MissingResource(tilePath(tile));
  }
}

function entriesOf(bytes: Uint8Array, width: number, path: string): Uint8Array[] {
  try {
    return parseEntryBundle(bytes, width);
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new CoreError('TILE_MALFORMED', error.message, { cause: error, evidence: { ...error.evidence, tile: path } });
  }
}

/** Its own width, the full one, and what a tree of `size` has of it. */
function widthsOf({ level, index, width }: Tile, size: number): number[] {
  const hashes = level === 'entries' ? size : Math.floor(size / tileWidth ** level);
  const there = Math.min(tileWidth, hashes - index * tileWidth);
  return [...new Set([width, tileWidth, ...(there > width ? [there] : [])])];
}

function malformed(path: string, expected: number, found: number): CoreError {
  return new CoreError('TILE_MALFORMED', `${path} has ${found} bytes instead of ${expected}`, {
    evidence: { tile: path, expected, found },
  });
}
