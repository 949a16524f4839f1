import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import { encodeBase64 } from '../src/encoding.ts';
import { CoreError } from '../src/errors.ts';
import { Judge, type Place } from '../src/judge.ts';
import { EntryEdge, LogTree } from '../src/log-tree.ts';
import { leafHash, verifyConsistency, verifyInclusion } from '../src/merkle.ts';
import { parseVerifierKey } from '../src/note.ts';
import { formatSnapshot, openSnapshot } from '../src/snapshot.ts';
import {
  consistencyPathFromTiles,
  formatEntryBundle,
  inclusionPathFromTiles,
  parseEntryBundle,
  parseTilePath,
  rootFromTiles,
  tilePath,
  type FetchTile,
  type Tile,
} from '../src/tiles.ts';
import { sha256 } from './reference/rfc6962.ts';
import { readVectors } from './reference/testdata.ts';
import { codeOf } from './reference/throws.ts';

// The vectors of core/testdata/{tiles,snapshots,acceptance}, which core/test/vectors/write-log.ts made.

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const entry = (i: number) => new TextEncoder().encode(`entry ${i}`);

/** Tiles of the trees whose entry i is "entry <i>", as a log writes them. */
const stored = new Map<string, Uint8Array>();
const tree = LogTree.empty();
const edge = EntryEdge.empty();
const roots = new Map<number, { root: string; frontier: string[] }>([
  [0, { root: encodeBase64(tree.root()), frontier: [] }],
]);

function growTo(size: number): void {
  const before = tree.size;
  while (tree.size < size) {
    edge.append(entry(tree.size));
    tree.append(leafHash(entry(tree.size)));
  }
  for (const { tile, bytes: made } of [...tree.tilesSince(before), ...edge.bundlesSince(before)])
    stored.set(tilePath(tile), made);
  tree.flushed(size);
  edge.flushed(size);
  roots.set(size, { root: encodeBase64(tree.root()), frontier: tree.frontier().map(encodeBase64) });
}

describe('tiles/', () => {
  const trees =
    readVectors<
      { size: number; root: string; frontier: string[]; tiles: (Tile & { path: string; sha256: string })[] }[]
    >('tiles/trees.json');
  for (const { size } of trees) growTo(size);
  const fetchWith =
    (instead: Record<string, string>): FetchTile =>
    (tile) => {
      const path = tilePath(tile);
      return Promise.resolve(
        instead[path] === undefined ? (stored.get(path) ?? new Uint8Array(0)) : bytes(instead[path]),
      );
    };

  it.each(trees)('trees: $size entries', async ({ size, root, frontier, tiles }) => {
    expect(roots.get(size)).toEqual({ root, frontier });
    expect(encodeBase64(await rootFromTiles(size, fetchWith({})))).toBe(root);
    expect(tiles.length > 0).toBe(size > 0);
    for (const { path, sha256: hash, ...tile } of tiles) {
      expect(tilePath(tile)).toBe(path);
      expect(Buffer.from(sha256(stored.get(path) ?? new Uint8Array(0))).toString('hex'), path).toBe(hash);
    }
  });

  const paths = readVectors<{ path: string; tile: Tile | null }[]>('tiles/paths.json');
  it.each(paths)('paths: $path', ({ path, tile }) => {
    expect(parseTilePath(path)).toEqual(tile);
    if (tile !== null) expect(tilePath(tile)).toBe(path);
  });

  const bundles =
    readVectors<{ description: string; bundle: string; width: number; entries: string[] | null }[]>(
      'tiles/bundles.json',
    );
  it.each(bundles)('bundles: $description', ({ bundle, width, entries }) => {
    if (entries === null) {
      expect(codeOf(() => parseEntryBundle(bytes(bundle), width))).toBe('TILE_MALFORMED');
      return;
    }
    expect(parseEntryBundle(bytes(bundle), width).map(encodeBase64)).toEqual(entries);
    expect(encodeBase64(formatEntryBundle(entries.map(bytes)))).toBe(bundle);
  });

  interface Inclusion {
    description: string;
    size: number;
    index: number;
    root: string;
    leaf: string;
    path: string[];
    tiles: Record<string, string>;
    wantErr: 'malformed' | 'refused' | null;
  }
  const inclusion = readVectors<Inclusion[]>('tiles/inclusion.json');
  it.each(inclusion)('inclusion: $description', async ({ size, index, root, leaf, path, tiles, wantErr }) => {
    const check = async () => {
      const found = await inclusionPathFromTiles(index, size, fetchWith(tiles));
      verifyInclusion({ index, size, leaf: bytes(leaf), path: found, root: bytes(root) });
      return found;
    };
    if (wantErr === null) {
      expect((await check()).map(encodeBase64)).toEqual(path);
      return;
    }
    const code = await check().then(
      () => null,
      (error: unknown) => (error instanceof CoreError ? error.code : String(error)),
    );
    const refused = ['TILE_MISMATCH', 'MERKLE_PROOF_INVALID'];
    expect(wantErr === 'malformed' ? ['TILE_MALFORMED'] : refused).toContain(code);
  });

  const consistency =
    readVectors<{ size: number; oldSize: number; root: string; oldRoot: string; path: string[] }[]>(
      'tiles/consistency.json',
    );
  it.each(consistency)('consistency: $oldSize to $size', async ({ size, oldSize, root, oldRoot, path }) => {
    const found = await consistencyPathFromTiles(oldSize, size, fetchWith({}));
    expect(found.map(encodeBase64)).toEqual(path);
    verifyConsistency({ oldSize, newSize: size, oldRoot: bytes(oldRoot), newRoot: bytes(root), path: found });
  });
});

describe('snapshots/', () => {
  interface Vector {
    description: string;
    origin: string;
    rootKey: string;
    keys: string[];
    note: string;
    wantErr: string | null;
  }
  it.each(readVectors<Vector[]>('snapshots/snapshots.json'))(
    '$description',
    ({ origin, rootKey, keys, note, wantErr }) => {
      const given = new TextEncoder().encode(note);
      const options = { origin, keys: keys.map(parseVerifierKey), verify: nodeVerifyEd25519 };
      const judgeOptions = { origin, rootKey: parseVerifierKey(rootKey), verify: nodeVerifyEd25519 };
      const check = () => Judge.restore(judgeOptions, openSnapshot(given, options).judge);
      expect(codeOf(check)).toBe(wantErr);
      if (wantErr !== null) return;
      const snapshot = openSnapshot(given, options);
      expect(check().save()).toEqual(snapshot.judge);
      expect(note.startsWith(formatSnapshot(snapshot))).toBe(true);
    },
  );
});

describe('acceptance/', () => {
  interface Vector {
    description: string;
    origin: string;
    rootKey: string;
    steps: {
      place: Place;
      note: string | null;
      bytes?: string;
      outcome: string;
      continues?: string | null;
      why: string;
    }[];
    end: { keys: string[]; accepted: number; last: Record<string, string> };
  }
  it.each(readVectors<Vector[]>('acceptance/acceptance.json'))('$description', ({ origin, rootKey, steps, end }) => {
    const judge = new Judge({ origin, rootKey: parseVerifierKey(rootKey), verify: nodeVerifyEd25519 });
    const noteOf = ({ note, bytes: raw }: Vector['steps'][number]) =>
      raw === undefined ? (note === null ? null : new TextEncoder().encode(note)) : bytes(raw);
    let accepted = 0;
    let inLog = true;
    for (const step of steps) {
      if (inLog && step.place.in === 'seals') {
        inLog = false;
        for (const each of steps) if (each.place.in === 'seals') judge.locate(noteOf(each), each.place.offset);
      }
      const outcome = judge.offer(noteOf(step), step.place);
      expect(outcome.outcome, step.why).toBe(step.outcome);
      if (outcome.outcome === 'accepted') accepted += 1;
      if (outcome.outcome === 'contested')
        expect(outcome.contested.continues?.hash ?? null, step.why).toBe(step.continues);
    }
    expect(accepted).toBe(end.accepted);
    expect(judge.validKeys('seal').map(({ vkey }) => vkey)).toEqual(end.keys);
    expect(
      Object.fromEntries(judge.partitions().map(({ topic, partition, hash }) => [`${topic}/${partition}`, hash])),
    ).toEqual(end.last);
  });
});
