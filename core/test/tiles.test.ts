import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { leafHash, verifyConsistency, verifyInclusion } from '@tallystick/core/merkle';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import {
  consistencyPathFromTiles,
  edgeTiles,
  formatEntryBundle,
  inclusionPathFromTiles,
  parseEntryBundle,
  parseTilePath,
  rootFromTiles,
  tilePath,
  type FetchTile,
  type Tile,
} from '@tallystick/core/tiles';
import { LogTree } from '@tallystick/core/log-tree';
import { mth, path, proof, UniformTree } from './reference/rfc6962.ts';
import { allTiles, literalPath, tileBytes } from './reference/tiles.ts';
import { codeOf, codeOfAsync } from './reference/throws.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const leaves = Array.from({ length: 70_000 }, (_, i) => leafHash(bytesOf(`entry ${i}`)));

/** Tiles of the first `size` leaves, by the definition; says which were asked for. */
function literal(size: number): { fetchTile: FetchTile; asked: string[] } {
  const asked: string[] = [];
  const made = leaves.slice(0, size);
  return {
    asked,
    fetchTile: (tile) => {
      asked.push(tilePath(tile));
      if (tile.level === 'entries') throw new Error('nobody asks for entries here');
      return Promise.resolve(tileBytes({ ...tile, level: tile.level }, made));
    },
  };
}

describe('the path of a tile', () => {
  const index = fc.oneof(fc.nat({ max: 3000 }), fc.maxSafeNat());
  const tile: fc.Arbitrary<Tile> = fc.record({
    level: fc.oneof(fc.nat({ max: 63 }), fc.constant('entries' as const)),
    index,
    width: fc.integer({ min: 1, max: 256 }),
  });

  it('is what C2SP says, and is read back', () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 'entries', index: 0, width: 3 })).toBe('tile/entries/000.p/3');
    fc.assert(
      fc.property(tile, (one) => {
        expect(tilePath(one)).toBe(literalPath(one));
        expect(parseTilePath(tilePath(one))).toEqual(one);
      }),
    );
  });

  it('is the only one: whatever else is read writes itself', () => {
    const digits = fc.string({ unit: fc.constantFrom(...Array.from('x0019/.pentris256')), maxLength: 20 });
    fc.assert(
      fc.property(digits, fc.constantFrom('tile/', 'tile/0/', 'tile/entries/', ''), (rest, begin) => {
        const found = parseTilePath(begin + rest);
        if (found !== null) expect(tilePath(found)).toBe(begin + rest);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    { level: -1, index: 0, width: 1 },
    { level: 64, index: 0, width: 1 },
    { level: 0.5, index: 0, width: 1 },
    { level: 0, index: -1, width: 1 },
    { level: 0, index: 2 ** 53, width: 1 },
    { level: 0, index: 0, width: 0 },
    { level: 0, index: 0, width: 257 },
    { level: 0, index: 0, width: Number.NaN },
  ])('is none for %o', (none) => {
    expect(codeOf(() => tilePath(none))).toBe('TILE_MALFORMED');
  });
});

describe('a bundle of entries', () => {
  const entry = fc.uint8Array({ maxLength: 40 });

  it('is read back as it was written, and refused with a byte more or less or another width', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 256 }), fc.nat(), (entries, cut) => {
        const bundle = formatEntryBundle(entries);
        expect(parseEntryBundle(bundle, entries.length)).toEqual(entries);
        const less = bundle.slice(0, cut % bundle.length);
        expect(codeOf(() => parseEntryBundle(less, entries.length))).toBe('TILE_MALFORMED');
        const more = new Uint8Array([...bundle, 0]);
        expect(codeOf(() => parseEntryBundle(more, entries.length))).toBe('TILE_MALFORMED');
        if (entries.length > 1)
          expect(codeOf(() => parseEntryBundle(bundle, entries.length - 1))).toBe('TILE_MALFORMED');
      }),
    );
  });

  it('holds an entry of 65,535 bytes and none that is longer, 256 entries and no more, and one at least', () => {
    const long = new Uint8Array(65_535).fill(7);
    expect(parseEntryBundle(formatEntryBundle([long]), 1)).toEqual([long]);
    expect(codeOf(() => formatEntryBundle([new Uint8Array(65_536)]))).toBe('TILE_MALFORMED');
    expect(codeOf(() => formatEntryBundle(Array.from({ length: 257 }, () => long.subarray(0, 1))))).toBe(
      'TILE_MALFORMED',
    );
    expect(codeOf(() => formatEntryBundle([]))).toBe('TILE_MALFORMED');
    for (const width of [0, 257, -1, 0.5]) expect(codeOf(() => parseEntryBundle(long, width))).toBe('TILE_MALFORMED');
  });
});

describe('roots and proofs from tiles', () => {
  const sizes = [1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 1000];
  const roots = new Map<number, Uint8Array>();
  const rootOf = (size: number) => {
    let found = roots.get(size);
    if (found === undefined) roots.set(size, (found = mth(leaves.slice(0, size))));
    return found;
  };
  const size = fc.oneof(fc.constantFrom(...sizes), fc.integer({ min: 1, max: 1500 }));

  it('the root is that of the tree, and each tile of its right edge is fetched once', async () => {
    for (const of of sizes) {
      const { fetchTile, asked } = literal(of);
      expect(await rootFromTiles(of, fetchTile)).toEqual(rootOf(of));
      expect(asked).toEqual([...new Set(asked)]);
      expect(asked.toSorted()).toEqual(edgeTiles(of).map(tilePath).sort());
    }
    expect(await rootFromTiles(0, literal(0).fetchTile)).toEqual(mth([]));
  });

  it('an inclusion path is the literal one, holds, and costs two tiles a level at most', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), async (of, pick) => {
        const index = pick % of;
        const { fetchTile, asked } = literal(of);
        const found = await inclusionPathFromTiles(index, of, fetchTile);
        expect(found).toEqual(path(index, leaves.slice(0, of)));
        verifyInclusion({ index, size: of, leaf: leaves[index]!, path: found, root: rootOf(of) });
        expect(asked).toEqual([...new Set(asked)]);
        expect(asked.length).toBeLessThanOrEqual(4);
      }),
      { numRuns: 60 },
    );
  });

  it('a consistency path is the literal one and holds', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), async (of, pick) => {
        const old = 1 + (pick % of);
        const { fetchTile, asked } = literal(of);
        const found = await consistencyPathFromTiles(old, of, fetchTile);
        expect(found).toEqual(proof(old, leaves.slice(0, of)));
        verifyConsistency({ oldSize: old, newSize: of, oldRoot: rootOf(old), newRoot: rootOf(of), path: found });
        expect(asked).toEqual([...new Set(asked)]);
        expect(asked.length).toBeLessThanOrEqual(4);
      }),
      { numRuns: 60 },
    );
  });

  it('of a tree of 2^53-1 leaves: seven levels', async () => {
    const leaf = leaves[0]!;
    const tree = new UniformTree(leaf);
    const asked = new Set<string>();
    const fetchTile: FetchTile = (tile) => {
      asked.add(tilePath(tile));
      const hash = tree.mth(256 ** Number(tile.level));
      return Promise.resolve(new Uint8Array(Buffer.concat(Array.from({ length: tile.width }, () => hash))));
    };
    const most = Number.MAX_SAFE_INTEGER;
    expect(await rootFromTiles(most, fetchTile)).toEqual(tree.mth(most));
    for (const index of [0, 2 ** 32, 2 ** 52, most - 1])
      expect(await inclusionPathFromTiles(index, most, fetchTile)).toEqual(tree.path(index, most));
    for (const old of [1, 2 ** 32 + 1, 2 ** 52, most - 1])
      expect(await consistencyPathFromTiles(old, most, fetchTile)).toEqual(tree.proof(old, most));
    expect(asked.size).toBeLessThan(60);
  });

  it('are the same with another SHA-256', async () => {
    const { fetchTile } = literal(700);
    expect(await rootFromTiles(700, fetchTile, nodeSha256)).toEqual(rootOf(700));
    expect(await inclusionPathFromTiles(3, 700, fetchTile, nodeSha256)).toEqual(path(3, leaves.slice(0, 700)));
  });

  it('ask for sizes and indices that make sense', async () => {
    const { fetchTile, asked } = literal(10);
    for (const none of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(await codeOfAsync(rootFromTiles(none, fetchTile))).toBe('MERKLE_BAD_INPUT');
      expect(await codeOfAsync(inclusionPathFromTiles(0, none, fetchTile))).toBe('MERKLE_BAD_INPUT');
      expect(await codeOfAsync(consistencyPathFromTiles(none, 10, fetchTile))).toBe('MERKLE_BAD_INPUT');
    }
    expect(await codeOfAsync(inclusionPathFromTiles(10, 10, fetchTile))).toBe('MERKLE_BAD_INPUT');
    expect(await codeOfAsync(consistencyPathFromTiles(0, 10, fetchTile))).toBe('MERKLE_BAD_INPUT');
    expect(await codeOfAsync(consistencyPathFromTiles(11, 10, fetchTile))).toBe('MERKLE_BAD_INPUT');
    expect(asked).toEqual([]);
  });

  it('refuse a tile that is shorter, longer, or no bytes at all', async () => {
    const { fetchTile } = literal(700);
    const with_ =
      (bend: (bytes: Uint8Array) => Uint8Array): FetchTile =>
      async (tile) =>
        bend(await fetchTile(tile));
    for (const bend of [
      (bytes: Uint8Array) => bytes.subarray(1),
      (bytes: Uint8Array) => bytes.subarray(32),
      (bytes: Uint8Array) => new Uint8Array([...bytes, 0]),
      (bytes: Uint8Array) => new Uint8Array(Buffer.concat([bytes, bytes])),
      () => new Uint8Array(0),
    ]) {
      expect(await codeOfAsync(rootFromTiles(700, with_(bend)))).toBe('TILE_MALFORMED');
      expect(await codeOfAsync(inclusionPathFromTiles(3, 700, with_(bend)))).toBe('TILE_MALFORMED');
      expect(await codeOfAsync(consistencyPathFromTiles(3, 700, with_(bend)))).toBe('TILE_MALFORMED');
      expect(await codeOfAsync(LogTree.resume(700, with_(bend)))).toBe('TILE_MALFORMED');
    }
  });

  it('refuse a full tile that is not what the tile above holds of it, and a changed tile never proves anything', async () => {
    const { fetchTile } = literal(700);
    const root = rootOf(700);
    let mismatches = 0;
    for (let byte = 0; byte < 8192; byte += 257) {
      const bent: FetchTile = async (tile) => {
        const bytes = new Uint8Array(await fetchTile(tile));
        if (tile.level === 0 && tile.index === 0) bytes[byte % bytes.length]! ^= 1;
        return bytes;
      };
      const index = 100;
      const outcome = await inclusionPathFromTiles(index, 700, bent).then(
        (found) => codeOf(() => verifyInclusion({ index, size: 700, leaf: leaves[index]!, path: found, root })),
        (error: { code: string }) => error.code,
      );
      if (outcome === 'TILE_MISMATCH') mismatches += 1;
      expect(outcome).toMatch(/^(?:TILE_MISMATCH|MERKLE_PROOF_INVALID)$/);
    }
    expect(mismatches).toBeGreaterThan(20);
  });

  it('pass on what the fetcher rejects with', async () => {
    const gone = new Error('410');
    await expect(rootFromTiles(700, () => Promise.reject(gone))).rejects.toBe(gone);
  });
});

describe('a tree that grows', () => {
  const stored = new Map<string, Uint8Array>();
  let tree = LogTree.empty();
  const roots = new Map<number, Uint8Array>();
  const marks = [1, 2, 3, 128, 255, 256, 257, 300, 511, 512, 513, 600, 65_535, 65_536, 65_537, 65_793, 70_000];

  // What a publisher does: at each mark it writes what is new, and forgets it.
  beforeAll(() => {
    tree = LogTree.empty();
    for (const mark of marks) {
      const before = tree.size;
      while (tree.size < mark) tree.append(leaves[tree.size]!);
      for (const { tile, bytes } of tree.tilesSince(before)) stored.set(tilePath(tile), bytes);
      tree.flushed(mark);
      roots.set(mark, tree.root());
    }
  });

  it('has the roots of RFC 6962', () => {
    expect(LogTree.empty().root()).toEqual(mth([]));
    for (const mark of marks) expect(roots.get(mark), `${mark}`).toEqual(mth(leaves.slice(0, mark)));
  });

  it('wrote every tile of every size that was published, and each as it is defined', () => {
    for (const mark of marks)
      for (const tile of allTiles(mark))
        expect(stored.has(literalPath(tile)), `${mark}: ${literalPath(tile)}`).toBe(true);
    const expected = new Set(marks.flatMap((mark) => allTiles(mark).map(literalPath)));
    expect(new Set(stored.keys())).toEqual(expected);
    const some = marks.filter((mark) => mark <= 600 || mark === 65_537);
    for (const tile of some.flatMap(allTiles).filter(({ level, index }) => level > 0 || index % 64 === 0))
      expect(stored.get(literalPath(tile))).toEqual(tileBytes(tile, leaves));
  });

  it('goes on from any of them as if it had never stopped', async () => {
    const fetchTile: FetchTile = (tile) => Promise.resolve(stored.get(tilePath(tile)) ?? new Uint8Array(0));
    for (const mark of marks) {
      const resumed = await LogTree.resume(mark, fetchTile);
      expect(resumed.root(), `${mark}`).toEqual(roots.get(mark));
      const whole = LogTree.empty();
      const next = mark + 300;
      if (mark > 1000 || next > leaves.length) continue;
      for (let i = 0; i < next; i++) whole.append(leaves[i]!);
      for (let i = mark; i < next; i++) resumed.append(leaves[i]!);
      expect(resumed.root()).toEqual(whole.root());
      expect(resumed.frontier()).toEqual(whole.frontier());
      expect(resumed.tilesSince(mark)).toEqual(whole.tilesSince(mark));
    }
    const [size, before] = [70_000, 65_537];
    const resumed = await LogTree.resume(before, fetchTile, nodeSha256);
    for (let i = before; i < size; i++) resumed.append(leaves[i]!);
    expect(resumed.root()).toEqual(roots.get(size));
    for (const { tile, bytes } of resumed.tilesSince(before))
      if (tile.width === 256 || tile.index * 256 + tile.width === size)
        expect(bytes).toEqual(stored.get(tilePath(tile)));
  });

  it('in random steps: root, frontier and tiles are the literal ones', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 }), (steps) => {
        const growing = LogTree.empty();
        for (const step of steps) {
          const before = growing.size;
          for (let i = 0; i < step; i++) growing.append(leaves[growing.size]!);
          const made = leaves.slice(0, growing.size);
          expect(growing.root()).toEqual(mth(made));
          const had = new Set(allTiles(before).map(literalPath));
          const expected = allTiles(growing.size).filter((tile) => !had.has(literalPath(tile)));
          const found = growing.tilesSince(before);
          expect(found.map(({ tile }) => tile)).toEqual(expected);
          for (const { tile, bytes } of found)
            expect(bytes).toEqual(tileBytes({ ...tile, level: Number(tile.level) }, made));
          growing.flushed(growing.size);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives copies, keeps what was not flushed, and refuses sizes that it has no tiles of', async () => {
    const own = LogTree.empty();
    const leaf = new Uint8Array(leaves[0]!);
    own.append(leaf);
    const root = own.root();
    leaf.fill(0);
    own.root().fill(1);
    own.frontier()[0]!.fill(1);
    own.tilesSince(0)[0]!.bytes.fill(1);
    expect(own.root()).toEqual(root);
    expect(own.tilesSince(0)[0]!.bytes).toEqual(root);
    while (own.size < 600) own.append(leaves[own.size]!);
    expect(own.tilesSince(0)).toEqual(own.tilesSince(0));
    expect(own.tilesSince(600)).toEqual([]);
    own.flushed(300);
    own.flushed(10);
    expect(own.tilesSince(300).map(({ tile }) => tilePath(tile))).toEqual([
      'tile/0/001',
      'tile/0/002.p/88',
      'tile/1/000.p/2',
    ]);
    for (const size of [0, 299, 601, -1, 0.5]) expect(codeOf(() => own.tilesSince(size))).toBe('MERKLE_BAD_INPUT');
    expect(codeOf(() => own.flushed(601))).toBe('MERKLE_BAD_INPUT');
    expect(codeOf(() => own.append(new Uint8Array(31)))).toBe('MERKLE_BAD_INPUT');
    expect(await codeOfAsync(LogTree.resume(-1, literal(1).fetchTile))).toBe('MERKLE_BAD_INPUT');
  });
});
