import { concatBytes } from './encoding.ts';
import { portableSha256, sha256, type Sha256 } from './hash.ts';
import { badInput, checkHash, checkIndex, checkSize, hashLength } from './merkle-input.ts';

// Trees over leaf hashes that are all at hand: RFC 6962 (and 9162), section 2.1.

/** SHA-256(0x00 || data): the hash of a leaf that holds `data`. */
export function leafHash(data: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), data));
}

/**
 * SHA-256(0x01 || left || right): the hash of an inner node.
 * @throws CoreError MERKLE_BAD_INPUT where a child is not 32 bytes
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  checkHash(left, 'left');
  checkHash(right, 'right');
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

/**
 * The root (MTH) over leaf hashes. That of no leaves is SHA-256 of the empty string.
 * @throws CoreError MERKLE_BAD_INPUT where a leaf is not 32 bytes
 */
export function root(leaves: readonly Uint8Array[]): Uint8Array {
  return rootInPlace(joinLeaves(leaves), leaves.length, portableSha256);
}

/**
 * The root over `count` leaf hashes that lie one after the other in `leaves`. Reduces them level by level in the buffer, which
 * is destroyed; nothing is allocated for a node. With a Buffer the Node hash is fastest.
 * @throws CoreError MERKLE_BAD_INPUT where the buffer holds fewer than `count` hashes
 */
export function rootInPlace(leaves: Uint8Array, count: number, hash: Sha256): Uint8Array {
  checkSize(count, 'count');
  if (leaves.length < count * hashLength) {
    throw badInput(`a buffer of ${leaves.length} bytes does not hold ${count} hashes`, { count, bytes: leaves.length });
  }
  if (count === 0) return sha256(new Uint8Array(0));
  for (let width = count; width > 1; width = Math.ceil(width / 2)) reduceLevel(leaves, width, hash);
  // A copy: `slice` of a Buffer would be a view of the caller's memory.
  return new Uint8Array(leaves.subarray(0, hashLength));
}

/**
 * The sibling hashes that lead from leaf `index` to the root (RFC 6962, section 2.1.1), from the leaf upwards.
 * @throws CoreError MERKLE_BAD_INPUT where the index is not that of a leaf
 */
export function inclusionPath(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  checkIndex(index, leaves.length);
  const level = joinLeaves(leaves);
  const path: Uint8Array[] = [];
  let at = index;
  for (let width = leaves.length; width > 1; width = Math.ceil(width / 2)) {
    const sibling = at % 2 === 0 ? at + 1 : at - 1;
    if (sibling < width) path.push(level.slice(sibling * hashLength, (sibling + 1) * hashLength));
    reduceLevel(level, width, portableSha256);
    at = Math.floor(at / 2);
  }
  return path;
}

/**
 * The hashes that show that the tree over the first `oldSize` leaves is a prefix of the tree over all (RFC 6962, section
 * 2.1.2). Empty where the two are the same tree.
 * @throws CoreError MERKLE_BAD_INPUT where `oldSize` is 0 (every tree has the empty one as its prefix: such a proof would
 *   show nothing, and {@link verifyConsistency} refuses it) or above the number of leaves
 */
export function consistencyPath(leaves: readonly Uint8Array[], oldSize: number): Uint8Array[] {
  checkSize(oldSize, 'oldSize');
  if (oldSize === 0 || oldSize > leaves.length) {
    throw badInput(`an old size of ${oldSize} does not lie between 1 and the ${leaves.length} leaves`, { oldSize });
  }
  const path: Uint8Array[] = [];
  let from = 0;
  let to = leaves.length;
  // SUBPROOF goes down towards the boundary `oldSize`; what it leaves aside at each step is a node of the proof, deepest first.
  while (oldSize < to) {
    const middle = from + largestPowerBelow(to - from);
    if (oldSize <= middle) {
      path.push(root(leaves.slice(middle, to)));
      to = middle;
    } else {
      path.push(root(leaves.slice(from, middle)));
      from = middle;
    }
  }
  // The verifier knows this node already where it is the whole old tree.
  if (from > 0) path.push(root(leaves.slice(from, to)));
  return path.toReversed();
}

/** `01 | left | right`, so laid out that the two hashes begin at a multiple of 8. Filled and hashed without a pause in between. */
const pair = new Uint8Array(7 + 1 + 2 * hashLength).subarray(7);
pair[0] = 1;
const pairView = new DataView(pair.buffer, 8, 2 * hashLength);

/** Replaces the `width` hashes at the start of `nodes` by the level above. A last one without a sibling goes up as it is. */
function reduceLevel(nodes: Uint8Array, width: number, hash: Sha256): void {
  const pairs = Math.floor(width / 2);
  const view = new DataView(nodes.buffer, nodes.byteOffset, nodes.byteLength);
  for (let at = 0; at < pairs * hashLength; at += hashLength) {
    // Eight bytes at a time: less than a slice of `nodes` costs, and half of what 64 single bytes do.
    for (let i = 0; i < 2 * hashLength; i += 8) pairView.setBigInt64(i, view.getBigInt64(2 * at + i));
    hash.hashInto(pair, 0, pair.length, nodes, at);
  }
  if (width % 2 === 1) nodes.copyWithin(pairs * hashLength, (width - 1) * hashLength, width * hashLength);
}

function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

function joinLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(leaves.length * hashLength);
  for (const [i, leaf] of leaves.entries()) {
    checkHash(leaf, `leaf ${i}`);
    joined.set(leaf, i * hashLength);
  }
  return joined;
}
