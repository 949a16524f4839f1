import { portableSha256, sha256, type Sha256 } from './hash.ts';
import { badInput, checkIndex, checkSize } from './merkle-input.ts';
import { nodeHash } from './merkle-tree.ts';
import { checkTiles, hashesOn, TileHashes, tileHeight, tileId, tileOf, type Node } from './tile-hashes.ts';
import { tileWidth, type Tile } from './tile-path.ts';

// Roots and proofs of a tree whose tiles somebody else keeps: at most two tiles a level are fetched, each once.

/**
 * Gives the bytes of one tile (or of the first `width` hashes of the full one where the partial one is gone). What it rejects with
 * reaches the caller as it is.
 */
export type FetchTile = (tile: Tile) => Promise<Uint8Array>;

/** Leaves `from` up to, not including, `to`: a subtree of RFC 6962, complete or at the right edge. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * The root of the tree of `size` leaves, from its right edge: at most one tile a level.
 * @throws CoreError TILE_MALFORMED (a tile of another length), MERKLE_BAD_INPUT
 */
export async function rootFromTiles(
  size: number,
  fetchTile: FetchTile,
  hash: Sha256 = portableSha256,
): Promise<Uint8Array> {
  checkSize(size, 'size');
  if (size === 0) return sha256(new Uint8Array(0));
  const [root] = await rangeRoots([{ from: 0, to: size }], size, fetchTile, hash);
  return root ?? sha256(new Uint8Array(0));
}

/**
 * The inclusion path of leaf `index` (RFC 6962, section 2.1.1) in the tree of `size` leaves. Tiles are only held against each other:
 * the path is as good as what `verifyInclusion` says of it.
 * @throws CoreError TILE_MALFORMED (a tile of another length), TILE_MISMATCH (one that is not what the tile above holds of it),
 *   MERKLE_BAD_INPUT
 */
export async function inclusionPathFromTiles(
  index: number,
  size: number,
  fetchTile: FetchTile,
  hash: Sha256 = portableSha256,
): Promise<Uint8Array[]> {
  checkSize(size, 'size');
  checkIndex(index, size);
  return await rangeRoots(inclusionRanges(index, size), size, fetchTile, hash);
}

/**
 * The consistency path (RFC 6962, section 2.1.2) from the tree of the first `oldSize` leaves to that of `size`; empty where they are
 * the same.
 * @throws CoreError as {@link inclusionPathFromTiles}; MERKLE_BAD_INPUT also where `oldSize` is 0 or above `size`
 */
export async function consistencyPathFromTiles(
  oldSize: number,
  size: number,
  fetchTile: FetchTile,
  hash: Sha256 = portableSha256,
): Promise<Uint8Array[]> {
  checkSize(size, 'size');
  checkSize(oldSize, 'oldSize');
  if (oldSize === 0 || oldSize > size)
    throw badInput(`an old size of ${oldSize} does not lie between 1 and ${size}`, { oldSize, size });
  return await rangeRoots(consistencyRanges(oldSize, size), size, fetchTile, hash);
}

/** The partial tiles of hashes that a tree of this size has, lowest level first; where a level's hashes fill its tiles there is none. */
export function edgeTiles(size: number): (Tile & { readonly level: number })[] {
  checkSize(size, 'size');
  const tiles = [];
  for (let level = 0; hashesOn(level, size) > 0; level++) {
    const hashes = hashesOn(level, size);
    const width = hashes % tileWidth;
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / tileWidth), width });
  }
  return tiles;
}

/** The complete subtrees that a range of leaves consists of, from left to right. */
export function completeNodes({ from, to }: Range): Node[] {
  const nodes: Node[] = [];
  for (let at = from; at < to;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= to) height += 1;
    nodes.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return nodes;
}

/** The root over complete subtrees from left to right: those on the right are joined first. */
export function joinPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}

function inclusionRanges(index: number, size: number): Range[] {
  const path: Range[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from);
    if (index < middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  return path.toReversed();
}

function consistencyRanges(oldSize: number, size: number): Range[] {
  const path: Range[] = [];
  let from = 0;
  let to = size;
  while (oldSize < to) {
    const middle = from + largestPowerBelow(to - from);
    if (oldSize <= middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  // The verifier knows this node already where it is the whole old tree.
  if (from > 0) path.push({ from, to });
  return path.toReversed();
}

async function rangeRoots(
  ranges: readonly Range[],
  size: number,
  fetchTile: FetchTile,
  hash: Sha256,
): Promise<Uint8Array[]> {
  const nodes = ranges.map(completeNodes);
  const wanted = new Map<string, Tile>();
  for (const node of nodes.flat()) {
    const tile = tileOf(node, size);
    wanted.set(tileId(tile), tile);
  }
  const fetched = await Promise.all(
    [...wanted].map(
      async ([id, tile]) => [id, { tile, hashes: new TileHashes(tile, await fetchTile(tile), hash) }] as const,
    ),
  );
  const tiles = new Map(fetched);
  checkTiles(tiles);
  const hashOf = (node: Node): Uint8Array => {
    const tile = tileOf(node, size);
    const height = node.height % tileHeight;
    const found = tiles.get(tileId(tile))?.hashes.node(height, node.index - tile.index * 2 ** (tileHeight - height));
    if (found === undefined || found === null) throw badInput('a tree has no such node', { ...node, size });
    return found;
  };
  return nodes.map((run) => joinPeaks(run.map(hashOf)));
}

function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
