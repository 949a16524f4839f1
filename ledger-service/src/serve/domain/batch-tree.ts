import type { Sha256 } from '@tallystick/core/hash';

const hashBytes = 32;

/** The Merkle tree of one sealed batch with all its nodes, so that a path costs no hashing: 64 bytes an event. */
export class BatchTree {
  readonly count: number;
  /** From the leaves to the root. */
  readonly #levels: readonly Uint8Array[];

  /** @param leaves 32 bytes each, in order; kept, not copied */
  constructor(leaves: Uint8Array, sha256: Sha256) {
    if (leaves.length === 0 || leaves.length % hashBytes !== 0)
      throw new RangeError(`${leaves.length} bytes are no leaves of 32`);
    this.count = leaves.length / hashBytes;
    const levels = [leaves];
    for (let level = leaves; level.length > hashBytes;) levels.push((level = levelAbove(level, sha256)));
    this.#levels = levels;
  }

  get bytes(): number {
    return this.#levels.reduce((sum, { length }) => sum + length, 0);
  }

  /** RFC 6962's root. */
  get root(): Uint8Array {
    return node(this.#levels.at(-1) ?? new Uint8Array(), 0);
  }

  leaf(index: number): Uint8Array {
    if (index < 0 || index >= this.count) throw new RangeError(`a tree of ${this.count} leaves has no leaf ${index}`);
    return node(this.#levels[0] ?? new Uint8Array(), index);
  }

  /** Sibling hashes from the leaf upwards (RFC 6962, section 2.1.1). */
  path(index: number): Uint8Array[] {
    this.leaf(index);
    const path: Uint8Array[] = [];
    let at = index;
    for (const level of this.#levels.slice(0, -1)) {
      const sibling = at % 2 === 0 ? at + 1 : at - 1;
      if (sibling < level.length / hashBytes) path.push(node(level, sibling));
      at = Math.floor(at / 2);
    }
    return path;
  }
}

/** A copy: what is handed out must not change when somebody writes to it. */
function node(level: Uint8Array, index: number): Uint8Array {
  return new Uint8Array(level.subarray(index * hashBytes, (index + 1) * hashBytes));
}

function levelAbove(level: Uint8Array, sha256: Sha256): Uint8Array {
  const width = level.length / hashBytes;
  const pairs = Math.floor(width / 2);
  const above = Buffer.allocUnsafeSlow(Math.ceil(width / 2) * hashBytes);
  const pair = Buffer.alloc(1 + 2 * hashBytes, 1);
  for (let i = 0; i < pairs; i++) {
    pair.set(level.subarray(i * 2 * hashBytes, (i + 1) * 2 * hashBytes), 1);
    sha256.hashInto(pair, 0, pair.length, above, i * hashBytes);
  }
  // A last one without a sibling goes up as it is.
  if (width % 2 === 1) above.set(level.subarray(level.length - hashBytes), pairs * hashBytes);
  return above;
}
