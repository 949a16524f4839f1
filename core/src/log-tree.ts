import { portableSha256, sha256, type Sha256 } from './hash.ts';
import { badInput, checkHash, checkSize, hashLength } from './merkle-input.ts';
import { checkTiles, hashesOn, TileHashes, tileHeight, tileId } from './tile-hashes.ts';
import { tileWidth, type Tile } from './tile-path.ts';
import { completeNodes, edgeTiles, joinPeaks, type FetchTile } from './tile-proofs.ts';

// The writer's side of C2SP tlog-tiles: the right edge of a tree that grows.

export { EntryEdge } from './entry-edge.ts';

/** A tile and its bytes as they are stored. */
export interface TileBytes {
  readonly tile: Tile;
  readonly bytes: Uint8Array;
}

/** The hashes of one level from the first tile that is kept on. */
interface Level {
  /** Full tiles that are kept, oldest first; the first one's index. */
  firstFull: number;
  full: Uint8Array[];
  /** The tile that is being filled: room for 256 hashes. */
  readonly edge: Uint8Array;
  width: number;
}

/**
 * A tree that grows by leaf hashes. It keeps one tile a level and the full tiles that were not {@link flushed}: memory goes with what was
 * appended since, not with the size. Appending costs two hashes on average, {@link root} one a peak (at most 52).
 */
export class LogTree {
  readonly #sha256: Sha256;
  readonly #levels: Level[] = [];
  /** Roots of the complete subtrees from left to right: one for each bit of the size that is set, highest first. */
  #peaks: Uint8Array[] = [];
  #size = 0;
  /** Full tiles of trees up to this size may be gone. */
  #kept = 0;
  readonly #pair = new Uint8Array(1 + 2 * hashLength);

  private constructor(hash: Sha256) {
    this.#sha256 = hash;
    this.#pair[0] = 1;
  }

  static empty(hash: Sha256 = portableSha256): LogTree {
    return new LogTree(hash);
  }

  /**
   * Goes on from a tree whose tiles are stored, reading at most one tile a level. That they are the right ones shows only when
   * {@link root} is compared with the signed one.
   * @throws CoreError TILE_MALFORMED (a tile of another length), MERKLE_BAD_INPUT
   */
  static async resume(size: number, fetchTile: FetchTile, hash: Sha256 = portableSha256): Promise<LogTree> {
    checkSize(size, 'size');
    const tree = new LogTree(hash);
    const edges = edgeTiles(size);
    const fetched = await Promise.all(
      edges.map(async (tile) => {
        const bytes = await fetchTile(tile);
        return [tileId(tile), { tile, bytes, hashes: new TileHashes(tile, bytes, hash) }] as const;
      }),
    );
    const tiles = new Map(fetched);
    checkTiles(tiles);
    for (let level = 0; hashesOn(level, size) > 0; level++) {
      const hashes = hashesOn(level, size);
      const index = Math.floor(hashes / tileWidth);
      const made = newLevel(index);
      made.width = hashes % tileWidth;
      made.edge.set(tiles.get(tileId({ level, index }))?.bytes ?? new Uint8Array(0));
      tree.#levels.push(made);
    }
    for (const { height, index } of completeNodes({ from: 0, to: size })) {
      const level = Math.floor(height / tileHeight);
      // A peak is complete but has no sibling yet, so that it lies in the level's partial tile.
      const at = { level, index: Math.floor(index / 2 ** (tileHeight - (height % tileHeight))) };
      const own = height % tileHeight;
      const peak = tiles.get(tileId(at))?.hashes.node(own, index - at.index * 2 ** (tileHeight - own)) ?? null;
      if (peak === null) throw badInput('a tree has no such node', { height, index, size });
      tree.#peaks.push(peak);
    }
    tree.#size = size;
    tree.#kept = size;
    return tree;
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  /**
   * Appends a leaf.
   * @param leafHash `leafHash` of the entry: 32 bytes, copied
   * @throws CoreError MERKLE_BAD_INPUT
   */
  append(leafHash: Uint8Array): void {
    checkHash(leafHash, 'leaf');
    checkSize(this.#size + 1, 'size');
    this.#push(0, leafHash);
    let hash = new Uint8Array(leafHash);
    // As in counting: each trailing 1 of the size is a subtree that the new one completes.
    for (let size = this.#size, height = 1; size % 2 === 1; size = Math.floor(size / 2), height++) {
      const left = this.#peaks.pop();
      if (left === undefined) throw badInput('a tree has no such node', { size: this.#size });
      hash = this.#join(left, hash);
      if (height % tileHeight === 0) this.#push(height / tileHeight, hash);
    }
    this.#peaks.push(hash);
    this.#size += 1;
  }

  /** The root (RFC 6962). */
  root(): Uint8Array {
    return this.#peaks.length === 0 ? sha256(new Uint8Array(0)) : new Uint8Array(joinPeaks(this.#peaks));
  }

  /** Roots of the complete subtrees from left to right, one for each bit of the size that is set, copies. */
  frontier(): Uint8Array[] {
    return this.#peaks.map((peak) => new Uint8Array(peak));
  }

  /**
   * Every tile of hashes that this tree has and the tree of `size` had not, or had narrower: full ones and the partial one of each level,
   * lowest level first. Copies.
   * @throws CoreError MERKLE_BAD_INPUT where the size lies above the tree's, or below what was resumed from or flushed
   */
  tilesSince(size: number): TileBytes[] {
    checkSize(size, 'size');
    if (size > this.#size || size < this.#kept)
      throw badInput(`tiles are kept of the sizes ${this.#kept} to ${this.#size}, not since ${size}`, { size });
    return this.#levels.flatMap(({ firstFull, full, edge, width }, level) => {
      const before = hashesOn(level, size);
      if (hashesOn(level, this.#size) === before) return [];
      const tiles: TileBytes[] = [];
      const first = Math.floor(before / tileWidth);
      for (const [i, bytes] of full.entries()) {
        const index = firstFull + i;
        if (index >= first) tiles.push({ tile: { level, index, width: tileWidth }, bytes: new Uint8Array(bytes) });
      }
      const index = firstFull + full.length;
      if (width > 0) tiles.push({ tile: { level, index, width }, bytes: edge.slice(0, width * hashLength) });
      return tiles;
    });
  }

  /**
   * Forgets the full tiles that a tree of `size` leaves had already: they are stored.
   * @throws CoreError MERKLE_BAD_INPUT where the size lies above the tree's
   */
  flushed(size: number): void {
    checkSize(size, 'size');
    if (size > this.#size) throw badInput(`the tree has ${this.#size} leaves, not ${size}`, { size });
    if (size <= this.#kept) return;
    this.#kept = size;
    for (const [level, kept] of this.#levels.entries()) {
      const stored = Math.floor(hashesOn(level, size) / tileWidth) - kept.firstFull;
      if (stored <= 0) continue;
      kept.full.splice(0, stored);
      kept.firstFull += stored;
    }
  }

  #push(level: number, hash: Uint8Array): void {
    let at = this.#levels[level];
    if (at === undefined) this.#levels.push((at = newLevel(0)));
    at.edge.set(hash, at.width * hashLength);
    at.width += 1;
    if (at.width < tileWidth) return;
    at.full.push(at.edge.slice());
    at.width = 0;
  }

  #join(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
    const node = new Uint8Array(hashLength);
    this.#pair.set(left, 1);
    this.#pair.set(right, 1 + hashLength);
    this.#sha256.hashInto(this.#pair, 0, this.#pair.length, node, 0);
    return node;
  }
}

function newLevel(firstFull: number): Level {
  return { firstFull, full: [], edge: new Uint8Array(tileWidth * hashLength), width: 0 };
}
