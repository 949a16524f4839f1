import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

/** SHA-256 through a port that writes into the caller's buffer, so that a hot loop allocates nothing. */
export interface Sha256 {
  /** Hashes `source[from, to)` and writes the 32 bytes of the digest to `target` at `at`. The two may overlap. */
  hashInto(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void;
}

/** Pure JavaScript, audited, runs everywhere: the default. */
export const portableSha256: Sha256 = {
  hashInto(source, from, to, target, at) {
    target.set(nobleSha256(source.subarray(from, to)), at);
  },
};

/** The SHA-256 of `data`, 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return nobleSha256(data);
}
