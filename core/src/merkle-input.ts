import { CoreError } from './errors.ts';

// What every function on trees asks of its input, before it computes anything.

export const hashLength = 32;

/** @throws CoreError MERKLE_BAD_INPUT */
export function checkHash(hash: Uint8Array, what: string): void {
  if (!(hash instanceof Uint8Array) || hash.length !== hashLength) {
    throw badInput(`${what} is not a hash of ${hashLength} bytes`, { what, length: hash?.length });
  }
}

/** @throws CoreError MERKLE_BAD_INPUT */
export function checkSize(size: number, what: string): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw badInput(`${what} ${size} is not an integer between 0 and 2^53-1`, { what, found: size });
  }
}

/** @throws CoreError MERKLE_BAD_INPUT */
export function checkIndex(index: number, size: number): void {
  checkSize(index, 'index');
  if (index >= size) throw badInput(`index ${index} does not lie in a tree of ${size} leaves`, { index, size });
}

export function badInput(message: string, evidence: Record<string, unknown>): CoreError {
  return new CoreError('MERKLE_BAD_INPUT', message, { evidence });
}
