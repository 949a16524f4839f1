import { equalBytes } from './encoding.ts';
import { CoreError } from './errors.ts';
import type { Sha256 } from './hash.ts';
import { hashLength } from './merkle-input.ts';
import { tilePath, tileWidth, type Tile } from './tile-path.ts';

// The nodes of a tree that its tiles hold, and those between that are hashed from them.

/** A tile's height: it holds every 8th level of the tree. */
export const tileHeight = 8;

/** A complete subtree: the leaves `index * 2^height` up to, not including, `(index + 1) * 2^height`. */
export interface Node {
  readonly height: number;
  readonly index: number;
}

/** Hashes that a tree of `size` leaves has on a level of tiles. */
export function hashesOn(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** The tile that the node is computed from, as wide as a tree of this size has it. */
export function tileOf({ height, index }: Node, size: number): Tile & { readonly level: number } {
  const level = Math.floor(height / tileHeight);
  const tile = Math.floor(index / 2 ** (tileHeight - (height % tileHeight)));
  return { level, index: tile, width: Math.min(tileWidth, hashesOn(level, size) - tile * tileWidth) };
}

/** The hashes of one tile with every node between them and its root. */
export class TileHashes {
  readonly #levels: Uint8Array[];

  /** @throws CoreError TILE_MALFORMED where the bytes are not as many hashes as the tile is wide */
  constructor(tile: Tile, bytes: Uint8Array, sha256: Sha256) {
    if (!(bytes instanceof Uint8Array) || bytes.length !== tile.width * hashLength) {
      throw new CoreError(
        'TILE_MALFORMED',
        `${tilePath(tile)} has ${bytes?.length} bytes instead of the ${tile.width * hashLength} of ${tile.width} hashes`,
        { evidence: { tile: tilePath(tile), expected: tile.width * hashLength, found: bytes?.length } },
      );
    }
    this.#levels = [new Uint8Array(bytes)];
    const pair = new Uint8Array(1 + 2 * hashLength);
    pair[0] = 1;
    for (let width = tile.width >> 1; width > 0; width >>= 1) {
      const below = this.#levels.at(-1) ?? new Uint8Array(0);
      const level = new Uint8Array(width * hashLength);
      for (let i = 0; i < width; i++) {
        pair.set(below.subarray(2 * i * hashLength, 2 * (i + 1) * hashLength), 1);
        sha256.hashInto(pair, 0, pair.length, level, i * hashLength);
      }
      this.#levels.push(level);
    }
  }

  /** The node that is `height` levels above the tile's own hashes, and the `index`th of them; null where it is not complete. */
  node(height: number, index: number): Uint8Array | null {
    const level = this.#levels[height];
    const from = index * hashLength;
    return level === undefined || from + hashLength > level.length ? null : level.slice(from, from + hashLength);
  }
}

/** Full tiles hash to what the tiles above hold of them, as far as both are at hand. @throws CoreError TILE_MISMATCH */
export function checkTiles(tiles: ReadonlyMap<string, { readonly tile: Tile; readonly hashes: TileHashes }>): void {
  for (const { tile, hashes } of tiles.values()) {
    if (tile.level === 'entries' || tile.width < tileWidth) continue;
    const parent = { level: tile.level + 1, index: Math.floor(tile.index / tileWidth) };
    const above = tiles.get(tileId(parent));
    const expected = above?.hashes.node(0, tile.index % tileWidth) ?? null;
    const found = hashes.node(tileHeight, 0);
    if (above === undefined || expected === null || found === null || equalBytes(expected, found)) continue;
    throw new CoreError(
      'TILE_MISMATCH',
      `${tilePath(tile)} does not hash to what ${tilePath(above.tile)} holds of it`,
      {
        evidence: { tile: tilePath(tile), above: tilePath(above.tile), expected, found },
      },
    );
  }
}

/** One id for one tile of a tree, whatever its width is. */
export function tileId({ level, index }: Pick<Tile, 'level' | 'index'>): string {
  return `${level}/${index}`;
}
