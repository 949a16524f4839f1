import { mth } from './rfc6962.ts';

// C2SP tlog-tiles letter by letter: slow, and sharing nothing with the code under test.

export interface LiteralTile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

const join = (hashes: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(hashes));

/** "the n-th tile at level l is the sequence of MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])", i below its width. */
export function tileBytes({ level, index, width }: LiteralTile, leaves: readonly Uint8Array[]): Uint8Array {
  const span = 256 ** level;
  const hashes = Array.from({ length: width }, (_, i) => {
    const from = (index * 256 + i) * span;
    if (from + span > leaves.length) throw new RangeError('this tree has no such tile');
    return mth(leaves.slice(from, from + span));
  });
  return join(hashes);
}

/** Every tile of hashes of a tree, by its definition: full ones, and "the partial tile at level l has floor(s / 256**l) mod 256". */
export function allTiles(size: number): LiteralTile[] {
  const tiles: LiteralTile[] = [];
  for (let level = 0; Math.floor(size / 256 ** level) > 0; level++) {
    const hashes = Math.floor(size / 256 ** level);
    for (let index = 0; index < Math.floor(hashes / 256); index++) tiles.push({ level, index, width: 256 });
    if (hashes % 256 > 0) tiles.push({ level, index: Math.floor(hashes / 256), width: hashes % 256 });
  }
  return tiles;
}

/** "x001/x234/067" */
export function literalPath({
  level,
  index,
  width,
}: {
  level: number | 'entries';
  index: number;
  width: number;
}): string {
  let rest = Math.floor(index / 1000);
  let path = String(index % 1000).padStart(3, '0');
  while (rest > 0) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
    rest = Math.floor(rest / 1000);
  }
  return `tile/${level}/${path}${width < 256 ? `.p/${width}` : ''}`;
}
