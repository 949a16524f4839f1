import { CoreError } from './errors.ts';
import { tileWidth } from './tile-path.ts';

// C2SP tlog-tiles, "Log entries": a bundle is a run of entries, each behind its length (u16, big-endian).

/** Bytes that an entry may have: its length is a u16. */
export const maxEntryBytes = 65_535;

/**
 * The bundle of 1 to 256 entries.
 * @throws CoreError TILE_MALFORMED where there are none, too many, or one is too long
 */
export function formatEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  checkWidth(entries.length);
  for (const [i, entry] of entries.entries()) checkEntry(entry, i);
  const bundle = new Uint8Array(entries.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const entry of entries) {
    bundle[at] = entry.length >> 8;
    bundle[at + 1] = entry.length;
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle, each a copy. The bytes must hold exactly as many as the bundle's width says. What they are shows only when
 * their leaf hashes are compared with a tile or tree.
 * @throws CoreError TILE_MALFORMED
 */
export function parseEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  checkWidth(width);
  const entries: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < width; i++) {
    const high = bytes[at];
    const low = bytes[at + 1];
    if (high === undefined || low === undefined) throw malformed(bytes, width, `it ends before entry ${i}`);
    const from = at + 2;
    at = from + ((high << 8) | low);
    if (at > bytes.length) throw malformed(bytes, width, `it ends within entry ${i}`);
    entries.push(new Uint8Array(bytes.subarray(from, at)));
  }
  if (at < bytes.length) throw malformed(bytes, width, `${bytes.length - at} bytes follow the last entry`);
  return entries;
}

/** @throws CoreError TILE_MALFORMED */
export function checkEntry(entry: Uint8Array, position: number): void {
  if (entry.length <= maxEntryBytes) return;
  const why = `entry ${position} has ${entry.length} bytes; an entry of a bundle has at most ${maxEntryBytes}`;
  throw new CoreError('TILE_MALFORMED', why, { evidence: { position, found: entry.length, expected: maxEntryBytes } });
}

function checkWidth(width: number): void {
  if (Number.isInteger(width) && width >= 1 && width <= tileWidth) return;
  throw new CoreError('TILE_MALFORMED', `a bundle holds 1 to ${tileWidth} entries, not ${width}`, {
    evidence: { found: width },
  });
}

function malformed(bytes: Uint8Array, width: number, why: string): CoreError {
  return new CoreError('TILE_MALFORMED', `not a bundle of ${width} entries: ${why}`, {
    evidence: { width, bytes: bytes.length },
  });
}
