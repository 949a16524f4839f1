/** The unsigned 32-bit little-endian number at `at`. Bytes past the end count as 0: check the length first. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

/** The unsigned 16-bit little-endian number at `at`. */
export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** The unsigned 64-bit little-endian number at `at`; not exact above 2^53, where it is larger than any size met here. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + 4) * 2 ** 32 + readU32(bytes, at);
}
