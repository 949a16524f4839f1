import { CoreError } from './errors.ts';

// C2SP tlog-tiles, "Merkle Tree" and "Log entries": which hashes or entries a tile holds, and its name.

/** Hashes of a full tile, entries of a full bundle. */
export const tileWidth = 256;

/** The highest level that a path may name. (A tree of 2^53-1 leaves has tiles on levels 0 to 6.) */
const maxLevel = 63;

/** One tile of hashes, or one bundle of entries. */
export interface Tile {
  /** 0: leaf hashes; each level above holds the roots of the full tiles below. `entries`: a bundle of entries. */
  readonly level: number | 'entries';
  /** From 0: it begins with hash (or entry) `index * 256` of its level. */
  readonly index: number;
  /** 1 to 255: partial; 256: full. */
  readonly width: number;
}

/**
 * Its path below the log's root, without a leading slash: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last
 * of them after an "x".
 * @throws CoreError TILE_MALFORMED where there is no such tile
 */
export function tilePath(tile: Tile): string {
  const { level, index, width } = tile;
  const isLevel = level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= maxLevel);
  if (
    !isLevel ||
    !Number.isSafeInteger(index) ||
    index < 0 ||
    !Number.isInteger(width) ||
    width < 1 ||
    width > tileWidth
  )
    throw new CoreError('TILE_MALFORMED', `there is no tile of level ${level}, index ${index} and width ${width}`, {
      evidence: { found: { ...tile } },
    });
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const groups = padded.replaceAll(/[0-9]{3}(?=[0-9])/g, 'x$&/');
  return `tile/${level}/${groups}${width === tileWidth ? '' : `.p/${width}`}`;
}

/** The tile with exactly this path (as {@link tilePath} writes it), or null: there is one path for one tile. */
export function parseTilePath(path: string): Tile | null {
  const match = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  if (match === null) return null;
  const [, level = '', groups = '', width] = match;
  const tile: Tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, '')),
    width: width === undefined ? tileWidth : Number(width),
  };
  if (tile.level !== 'entries' && tile.level > maxLevel) return null;
  if (!Number.isSafeInteger(tile.index) || (width !== undefined && tile.width >= tileWidth)) return null;
  // More groups than the number needs would be another name for the same tile.
  return tilePath(tile) === path ? tile : null;
}
