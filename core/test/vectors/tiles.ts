import { base64, leafHash, sha256 } from './primitives.ts';

// Trees whose entry i is the text "entry <i>", their tiles as C2SP tlog-tiles defines them, and proofs from those tiles.

/** The one rule of all trees here. */
const entry = (i: number) => Buffer.from(`entry ${i}`);
const most = 70_000;
const node = (left: Buffer, right: Buffer) => sha256(Buffer.from([1]), left, right);

/** Roots of the complete subtrees by height: `complete[h][i]` is MTH(D[i * 2^h : (i + 1) * 2^h]). */
const complete: Buffer[][] = [Array.from({ length: most }, (_, i) => leafHash(entry(i)))];
for (let below = complete[0]!; below.length > 1; ) {
  const level = Array.from({ length: below.length >> 1 }, (_, i) => node(below[2 * i]!, below[2 * i + 1]!));
  complete.push(level);
  below = level;
}

const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);

/** MTH(D[from:to]): RFC 6962, with the complete subtrees looked up. */
function mth(from: number, to: number): Buffer {
  const n = to - from;
  if (n === 0) return sha256('');
  const height = Math.log2(n);
  if (Number.isInteger(height) && from % n === 0) return complete[height]![from / n]!;
  const k = split(n);
  return node(mth(from, from + k), mth(from + k, to));
}

/** PATH(m, D[from:to]). */
function path(m: number, from: number, to: number): Buffer[] {
  if (to - from <= 1) return [];
  const k = split(to - from);
  return m < k
    ? [...path(m, from, from + k), mth(from + k, to)]
    : [...path(m - k, from + k, to), mth(from, from + k)];
}

/** SUBPROOF(m, D[from:to], b). */
function subproof(m: number, from: number, to: number, whole: boolean): Buffer[] {
  if (m === to - from) return whole ? [] : [mth(from, to)];
  const k = split(to - from);
  return m <= k
    ? [...subproof(m, from, from + k, whole), mth(from + k, to)]
    : [...subproof(m - k, from + k, to, false), mth(from, from + k)];
}

interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

function pathOf({ level, index, width }: Tile): string {
  let groups = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups = `x${String(rest % 1000).padStart(3, '0')}/${groups}`;
  return `tile/${level}/${groups}${width < 256 ? `.p/${width}` : ''}`;
}

/** The bytes of a tile, by its definition. */
export function bytesOf({ level, index, width }: Tile): Buffer {
  const each = (i: number) => index * 256 + i;
  if (level === 'entries') return bundle(Array.from({ length: width }, (_, i) => entry(each(i))));
  const span = 256 ** level;
  return Buffer.concat(Array.from({ length: width }, (_, i) => mth(each(i) * span, (each(i) + 1) * span)));
}

function bundle(entries: readonly Buffer[]): Buffer {
  return Buffer.concat(entries.flatMap((one) => [Buffer.from([one.length >> 8, one.length & 255]), one]));
}

/** All tiles of a tree. */
function tilesOf(size: number): Tile[] {
  const tiles: Tile[] = [];
  const level = (name: number | 'entries', hashes: number) => {
    for (let index = 0; index * 256 < hashes; index++)
      tiles.push({ level: name, index, width: Math.min(256, hashes - index * 256) });
  };
  for (let at = 0; Math.floor(size / 256 ** at) > 0; at++) level(at, Math.floor(size / 256 ** at));
  level('entries', size);
  return tiles;
}

const sizes = [0, 1, 2, 3, 7, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, most];

/** Peaks from left to right. */
function frontierOf(size: number): Buffer[] {
  const peaks: Buffer[] = [];
  let from = 0;
  for (let power = 2 ** 17; power >= 1; power /= 2) {
    if (size - from < power) continue;
    peaks.push(mth(from, from + power));
    from += power;
  }
  return peaks;
}

export const treeVectors = sizes.map((size) => ({
  size,
  root: base64(mth(0, size)),
  frontier: frontierOf(size).map(base64),
  // Of large trees the right edge, what lies above level 0, and some others.
  tiles: tilesOf(size)
    .filter(({ level, index, width }) => size <= 1000 || (level !== 0 && level !== 'entries') || width < 256 || index % 97 === 0)
    .map((tile) => ({ path: pathOf(tile), ...tile, sha256: sha256(bytesOf(tile)).toString('hex') })),
}));

// Proofs. `tiles` holds whole tiles that differ from those of the tree (path → base64); wantErr says how: 'malformed' (the tile itself
// shows it) or 'refused' (a tile above, or in the end the root, does not agree).

const indices = (size: number) => [...new Set([0, 1, 255, 256, Math.floor(size / 2), size - 1])].filter((i) => i >= 0 && i < size);

const good = sizes
  .filter((size) => size > 0)
  .flatMap((size) =>
    indices(size).map((index) => ({
      description: `entry ${index} of ${size}`,
      size,
      index,
      root: base64(mth(0, size)),
      leaf: base64(leafHash(entry(index))),
      path: path(index, 0, size).map(base64),
      tiles: {},
      wantErr: null as string | null,
    })),
  );

const flip = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
};
const first: Tile = { level: 0, index: 0, width: 256 };
const edge: Tile = { level: 0, index: 3, width: 232 };
const above: Tile = { level: 1, index: 0, width: 3 };

const bent = (description: string, tile: Tile, bytes: Buffer, wantErr: string, index = 5) => ({
  description,
  size: 1000,
  index,
  root: base64(mth(0, 1000)),
  leaf: base64(leafHash(entry(index))),
  path: path(index, 0, 1000).map(base64),
  tiles: { [pathOf(tile)]: base64(bytes) },
  wantErr,
});

export const inclusionVectors = [
  ...good,
  bent('a full tile that is a byte short', first, bytesOf(first).subarray(1), 'malformed'),
  bent('a full tile that is a hash short', first, bytesOf(first).subarray(32), 'malformed'),
  bent('a full tile with a byte more', first, Buffer.concat([bytesOf(first), Buffer.from([0])]), 'malformed'),
  bent('a tile twice in one', first, Buffer.concat([bytesOf(first), bytesOf(first)]), 'malformed'),
  bent('an empty tile', first, Buffer.alloc(0), 'malformed'),
  bent('a partial tile that is a hash short', edge, bytesOf(edge).subarray(32), 'malformed'),
  bent('the full tile where the partial one was asked for', edge, bytesOf({ ...edge, width: 256 }), 'malformed'),
  bent('a partial tile on level 1 that is wider', above, bytesOf({ ...above, width: 4 }), 'malformed'),
  bent('a full tile whose first hash is another', first, flip(bytesOf(first), 0), 'refused'),
  bent('a full tile whose own leaf is another', first, flip(bytesOf(first), 5 * 32), 'refused'),
  bent('a full tile whose last hash is another', first, flip(bytesOf(first), 8191), 'refused'),
  bent('a full tile of other entries', first, bytesOf({ ...first, index: 1 }), 'refused'),
  bent('a full tile in another order', first, Buffer.concat([bytesOf(first).subarray(32), bytesOf(first).subarray(0, 32)]), 'refused'),
  bent('a full tile of zeros', first, Buffer.alloc(8192), 'refused'),
  bent('a partial tile whose first hash is another', edge, flip(bytesOf(edge), 0), 'refused'),
  bent('a partial tile whose last hash is another', edge, flip(bytesOf(edge), 232 * 32 - 1), 'refused'),
  bent('a tile above whose first hash is another', above, flip(bytesOf(above), 0), 'refused'),
  bent('a tile above whose second hash is another', above, flip(bytesOf(above), 32), 'refused'),
  bent('a tile above whose last hash is another', above, flip(bytesOf(above), 95), 'refused'),
  bent('a tile of the right edge, for an entry in it', edge, flip(bytesOf(edge), 40), 'refused', 999),
  bent('another tile of the right edge, for an entry in it', above, flip(bytesOf(above), 40), 'refused', 999),
];

export const consistencyVectors = sizes
  .filter((size) => size > 0)
  .flatMap((size) =>
    [...new Set([1, 2, 255, 256, 257, Math.floor(size / 2), size - 1, size])]
      .filter((old) => old >= 1 && old <= size)
      .map((oldSize) => ({
        size,
        oldSize,
        root: base64(mth(0, size)),
        oldRoot: base64(mth(0, oldSize)),
        path: subproof(oldSize, 0, size, true).map(base64),
      })),
  );

const tile = (level: Tile['level'], index: number, width = 256) => ({ path: pathOf({ level, index, width }), tile: { level, index, width } });
const none = (wrong: string, why: string) => ({ path: wrong, tile: null, why });

export const pathVectors = [
  tile(0, 0),
  tile(0, 999),
  tile(0, 1000),
  tile(0, 1_234_067),
  tile(0, 1_000_000),
  tile(0, Number.MAX_SAFE_INTEGER),
  tile(63, 0),
  tile(10, 7, 1),
  tile(1, 1000, 255),
  tile('entries', 0),
  tile('entries', 1_234_067, 8),
  none('', 'empty'),
  none('/tile/0/000', 'a leading slash'),
  none('tile/0/000/', 'a trailing slash'),
  none('tile/0', 'no index'),
  none('tile//000', 'no level'),
  none('tile/00/000', 'a level with a leading zero'),
  none('tile/01/000', 'a level with a leading zero'),
  none('tile/64/000', 'a level above 63'),
  none('tile/-1/000', 'a negative level'),
  none('tile/+1/000', 'a level with a sign'),
  none('tile/data/000', 'a level of another standard'),
  none('tile/Entries/000', 'another case'),
  none('tile/0/0', 'an index that is not padded'),
  none('tile/0/00', 'an index that is not padded'),
  none('tile/0/0000', 'four digits'),
  none('tile/0/1000', 'four digits'),
  none('tile/0/x000/000', 'a group that is not needed'),
  none('tile/0/x000/x001/000', 'a group that is not needed'),
  none('tile/0/001/000', 'a group without its x'),
  none('tile/0/x001/x000', 'a last group with an x'),
  none('tile/0/X001/000', 'another case'),
  none('tile/0/x001/00a', 'a digit that is none'),
  none('tile/0/x009/x007/x199/x254/x740/992', 'an index of 2^53'),
  none('tile/0/x999/x999/x999/x999/x999/x999/999', 'an index above 2^53'),
  none('tile/0/000.p/0', 'width 0'),
  none('tile/0/000.p/256', 'the full width'),
  none('tile/0/000.p/257', 'more than the full width'),
  none('tile/0/000.p/01', 'a width with a leading zero'),
  none('tile/0/000.p/', 'no width'),
  none('tile/0/000.p', 'no width'),
  none('tile/0/000.p/1/', 'a trailing slash'),
  none('tile/0/000.P/1', 'another case'),
  none('tile/0/000/p/1', 'a slash for a dot'),
  none('tile/0/x001.p/1/000', 'a width in the middle'),
  none('tile/0/000\n', 'a line end'),
  none('tile/0/000?x', 'a query'),
  none('tile/0/../0/000', 'a way up'),
  none('tile/0/%30%30%30', 'an escape'),
  none('tile/0/٠٠٠', 'digits of another script'),
  none('checkpoint', 'no tile'),
];

const someEntries = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(300, 7)];
const whole = bundle(someEntries);
const wrong = (description: string, bytes: Buffer, width: number) => ({ description, bundle: base64(bytes), width, entries: null });
const right = (description: string, entries: readonly Buffer[]) => ({
  description,
  bundle: base64(bundle(entries)),
  width: entries.length,
  entries: entries.map(base64),
});

export const bundleVectors = [
  right('one entry', [Buffer.from('entry 0')]),
  right('an empty entry', [Buffer.alloc(0)]),
  right('three entries', someEntries),
  right('256 entries', Array.from({ length: 256 }, (_, i) => entry(i))),
  right('an entry of 65,535 bytes', [Buffer.alloc(65_535, 1)]),
  wrong('no bytes at all', Buffer.alloc(0), 1),
  wrong('half a length', Buffer.from([0]), 1),
  wrong('a length with nothing behind it', Buffer.from([0, 1]), 1),
  wrong('an entry that is a byte short', whole.subarray(0, whole.length - 1), 3),
  wrong('a byte more', Buffer.concat([whole, Buffer.from([0])]), 3),
  wrong('an entry more', whole, 2),
  wrong('an entry less', whole, 4),
  wrong('little-endian lengths', Buffer.from([1, 0, 65]), 1),
  wrong('lengths of four bytes', Buffer.from([0, 0, 0, 1, 65]), 1),
  wrong('a width of 0', Buffer.alloc(0), 0),
  wrong('a width of 257', Buffer.alloc(2 * 257), 257),
];
