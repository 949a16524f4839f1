/**
 * Appends `length` bytes to what `output` holds before `at`, beginning `offset` bytes back, as LZ4 and Snappy mean it:
 * where the two overlap, bytes just written are read again. The caller has checked that 1 <= offset <= at and that there
 * is room.
 */
export function copyBack(output: Uint8Array, at: number, offset: number, length: number): void {
  if (length <= 24 || offset < 8) {
    if (offset === 1 && length > 24) {
      output.fill(output[at - 1] ?? 0, at, at + length);
      return;
    }
    for (let to = at; to < at + length; to++) output[to] = output[to - offset] ?? 0;
    return;
  }
  let done = 0;
  // Each step copies what is there already, so that steps double.
  while (done < length) {
    const step = Math.min(offset + done, length - done);
    output.copyWithin(at + done, at - offset, at - offset + step);
    done += step;
  }
}

/** Copies `length` bytes of `source` at `from` to `output` at `at`. A loop is faster than a view for the few bytes of most literals. */
export function copyLiteral(source: Uint8Array, from: number, output: Uint8Array, at: number, length: number): void {
  if (length > 48) {
    output.set(source.subarray(from, from + length), at);
    return;
  }
  for (let i = 0; i < length; i++) output[at + i] = source[from + i] ?? 0;
}
