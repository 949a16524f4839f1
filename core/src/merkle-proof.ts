import { equalBytes } from './encoding.ts';
import { CoreError } from './errors.ts';
import { badInput, checkHash, checkIndex, checkSize } from './merkle-input.ts';
import { nodeHash } from './merkle-tree.ts';

// Checks of proofs by who does not have the leaves. Trees can be larger than 2^32, so halving is division, not a shift.

export interface InclusionProof {
  /** Position of the leaf, from 0. */
  readonly index: number;
  /** Number of leaves of the tree. */
  readonly size: number;
  readonly leaf: Uint8Array;
  /** Sibling hashes, from the leaf upwards. */
  readonly path: readonly Uint8Array[];
  readonly root: Uint8Array;
}

export interface ConsistencyProof {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  /** As RFC 6962, section 2.1.2, orders it. */
  readonly path: readonly Uint8Array[];
}

/**
 * Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root (RFC 9162, section 2.1.3.2).
 * @throws CoreError MERKLE_PROOF_INVALID where it is not; MERKLE_BAD_INPUT where sizes or hashes make no sense, or the path is
 *   empty though the tree has more than one leaf
 */
export function verifyInclusion({ index, size, leaf, path, root: expected }: InclusionProof): void {
  checkSize(size, 'size');
  checkIndex(index, size);
  checkHash(leaf, 'leaf');
  checkHash(expected, 'root');
  checkPath(path, size > 1);
  let position = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0) throw proofInvalid('the inclusion path is too long', { index, size, length: path.length });
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(sibling, hash);
      // A node without a right sibling stands for itself on the levels above.
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw proofInvalid('the inclusion path is too short', { index, size, length: path.length });
  if (!equalBytes(hash, expected)) {
    throw proofInvalid(`the path of leaf ${index} of ${size} leads to another root`, {
      index,
      size,
      expected,
      found: hash,
    });
  }
}

/**
 * Checks that the old tree is a prefix of the new one (RFC 9162, section 2.1.4.2). Where the sizes are equal the path must be
 * empty and the roots the same bytes (nothing is hashed then, so any length but 0 will do).
 * @throws CoreError MERKLE_PROOF_INVALID where it is not; MERKLE_BAD_INPUT where sizes or hashes make no sense, the path is
 *   empty though the sizes differ, or the old size is 0: the empty tree is a prefix of every tree, so that a "proof" from it
 *   would say nothing while it looks like a check. Who holds no earlier tree must say so, not check against nothing.
 */
export function verifyConsistency({ oldSize, newSize, oldRoot, newRoot, path }: ConsistencyProof): void {
  checkSize(oldSize, 'oldSize');
  checkSize(newSize, 'newSize');
  const sizes = { oldSize, newSize };
  if (oldSize === 0)
    throw badInput('consistency with the empty tree says nothing: the old size must be 1 or more', sizes);
  if (oldSize > newSize) throw badInput(`the old size ${oldSize} is above the new size ${newSize}`, sizes);
  checkPath(path, oldSize < newSize);
  if (oldSize === newSize) {
    if (path.length > 0) throw proofInvalid('trees of one size need no consistency path', sizes);
    if (oldRoot.length === 0 || newRoot.length === 0) throw badInput('an empty root is no root', sizes);
    if (!equalBytes(oldRoot, newRoot)) {
      throw proofInvalid(`two roots for one size, ${newSize}`, { ...sizes, expected: oldRoot, found: newRoot });
    }
    return;
  }
  checkHash(oldRoot, 'oldRoot');
  checkHash(newRoot, 'newRoot');

  let position = oldSize - 1;
  let last = newSize - 1;
  while (position % 2 === 1) {
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  // position is 0 exactly where the old size is a power of two: then the old root itself is the first node.
  const [first = oldRoot, ...rest] = position === 0 ? [oldRoot, ...path] : path;
  let oldHash = first;
  let newHash = first;
  for (const node of rest) {
    if (last === 0) throw proofInvalid('the consistency path is too long', { ...sizes, length: path.length });
    if (position % 2 === 1 || position === last) {
      oldHash = nodeHash(node, oldHash);
      newHash = nodeHash(node, newHash);
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      newHash = nodeHash(newHash, node);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw proofInvalid('the consistency path is too short', { ...sizes, length: path.length });
  if (!equalBytes(oldHash, oldRoot)) {
    throw proofInvalid(`the path does not lead to the old root of size ${oldSize}`, {
      ...sizes,
      expected: oldRoot,
      found: oldHash,
    });
  }
  if (!equalBytes(newHash, newRoot)) {
    throw proofInvalid(`the path does not lead to the new root of size ${newSize}`, {
      ...sizes,
      expected: newRoot,
      found: newHash,
    });
  }
}

function checkPath(path: readonly Uint8Array[], needed: boolean): void {
  if (!Array.isArray(path)) throw badInput('the path is not a list of hashes', {});
  if (needed && path.length === 0) throw badInput('the path is empty where one is needed', {});
  for (const [i, node] of path.entries()) checkHash(node, `path ${i}`);
}

function proofInvalid(message: string, evidence: Record<string, unknown>): CoreError {
  return new CoreError('MERKLE_PROOF_INVALID', message, { evidence });
}
