import { encodeUtf8 } from '@tallystick/core/encoding';
import { sha256 } from '@tallystick/core/hash';
import { leafHash, nodeHash } from '@tallystick/core/merkle';

/**
 * The roots of a growing tree's complete subtrees, from left to right: enough to know its root, without any tile. What a snapshot's frontier
 * and the entries behind it give is the checkpoint's root, or one of the three is wrong.
 */
export class Peaks {
  #size: number;
  readonly #peaks: Uint8Array[];

  constructor(size = 0, frontier: readonly Uint8Array[] = []) {
    this.#size = size;
    this.#peaks = [...frontier];
  }

  get size(): number {
    return this.#size;
  }

  /** Appends an entry of the log. */
  append(entry: Uint8Array): void {
    let hash = leafHash(entry);
    // As in counting: each trailing 1 of the size is a subtree that the new one completes.
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2)) {
      const left = this.#peaks.pop();
      if (left === undefined) throw new RangeError(`a tree of ${this.#size} leaves has more subtrees`);
      hash = nodeHash(left, hash);
    }
    this.#peaks.push(hash);
    this.#size += 1;
  }

  /** RFC 6962's root. */
  root(): Uint8Array {
    if (this.#peaks.length === 0) return sha256(encodeUtf8(''));
    return this.#peaks.reduceRight((right, left) => nodeHash(left, right));
  }
}
