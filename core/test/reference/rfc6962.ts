import { createHash } from 'node:crypto';

// RFC 6962, section 2.1, letter by letter: slow, recursive, and sharing nothing with the code under test. `D` is a list of leaf
// HASHES where the RFC has a list of data entries, as everywhere in Tallystick.

type Hash = Uint8Array;

export function sha256(...parts: readonly Uint8Array[]): Hash {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** "k, the largest power of two smaller than n" */
export function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Section 2.1: MTH(D[n]). */
export function mth(D: readonly Hash[]): Hash {
  if (D.length === 0) return sha256();
  if (D.length === 1) return D[0]!;
  const k = split(D.length);
  return sha256(Uint8Array.of(1), mth(D.slice(0, k)), mth(D.slice(k)));
}

/** Section 2.1.1: PATH(m, D[n]). */
export function path(m: number, D: readonly Hash[]): Hash[] {
  if (D.length === 1) return [];
  const k = split(D.length);
  return m < k ? [...path(m, D.slice(0, k)), mth(D.slice(k))] : [...path(m - k, D.slice(k)), mth(D.slice(0, k))];
}

/** Section 2.1.2: PROOF(m, D[n]). */
export function proof(m: number, D: readonly Hash[]): Hash[] {
  return subproof(m, D, true);
}

function subproof(m: number, D: readonly Hash[], b: boolean): Hash[] {
  if (m === D.length) return b ? [] : [mth(D)];
  const k = split(D.length);
  return m <= k
    ? [...subproof(m, D.slice(0, k), b), mth(D.slice(k))]
    : [...subproof(m - k, D.slice(k), false), mth(D.slice(0, k))];
}

/**
 * The same functions on a tree of up to 2^53-1 leaves that are all one hash: a subtree's root depends on its size alone, so
 * that sizes far beyond 32 bits can be tried.
 */
export class UniformTree {
  readonly #roots = new Map<number, Hash>();
  readonly leaf: Hash;

  constructor(leaf: Hash) {
    this.leaf = leaf;
  }

  mth(n: number): Hash {
    if (n === 1) return this.leaf;
    const known = this.#roots.get(n);
    if (known !== undefined) return known;
    const k = split(n);
    const root = sha256(Uint8Array.of(1), this.mth(k), this.mth(n - k));
    this.#roots.set(n, root);
    return root;
  }

  path(m: number, n: number): Hash[] {
    if (n === 1) return [];
    const k = split(n);
    return m < k ? [...this.path(m, k), this.mth(n - k)] : [...this.path(m - k, n - k), this.mth(k)];
  }

  proof(m: number, n: number, whole = true): Hash[] {
    if (m === n) return whole ? [] : [this.mth(n)];
    const k = split(n);
    return m <= k ? [...this.proof(m, k, whole), this.mth(n - k)] : [...this.proof(m - k, n - k, false), this.mth(k)];
  }
}
