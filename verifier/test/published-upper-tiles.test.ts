// Tiles above the lowest level: of a log that is long enough to have full ones there.
import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import { signerFromSeed, signNote } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { formatEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import { beforeAll, expect, test } from 'vitest';
import { memoryPublishedLog } from '../src/adapters/published-memory.ts';
import { Findings } from '../src/domain/findings.ts';
import { PublishedReader } from '../src/published/published-reader.ts';
import { Resources } from '../src/published/resources.ts';

const origin = 'tiles.example/log';
const signer = signerFromSeed(origin, new Uint8Array(32).fill(7));
/** A full tile of level 1, one of level 2 that has a hash, and something behind that at the two levels below. */
const size = tileWidth ** 2 + tileWidth + 44;
const files = new Map<string, Uint8Array>();

beforeAll(async () => {
  const tree = LogTree.empty(nodeSha256);
  for (let first = 0; first < size; first += tileWidth) {
    const width = Math.min(tileWidth, size - first);
    const entries = Array.from({ length: width }, (_, n) => encodeUtf8(`entry ${first + n}`));
    files.set(tilePath({ level: 'entries', index: first / tileWidth, width }), formatEntryBundle(entries));
    for (const entry of entries) tree.append(leafHash(entry));
    for (const { tile, bytes } of tree.tilesSince(first)) files.set(tilePath(tile), bytes);
    tree.flushed(tree.size);
  }
  const text = formatCheckpoint({ origin, size, root: tree.root(), extensions: [] });
  files.set('checkpoint', await signNote(text, signer));
});

async function read(altered: ReadonlyMap<string, Uint8Array | null>) {
  const all = new Map(files);
  for (const [path, bytes] of altered) {
    if (bytes === null) all.delete(path);
    else all.set(path, bytes);
  }
  const findings = new Findings(100);
  const resources = new Resources(memoryPublishedLog(all), { deadlineMs: 5_000, signal: undefined }, () => undefined);
  const reader = new PublishedReader({
    ...{
      resources,
      findings,
      sha256: nodeSha256,
      known: [],
      watched: [],
      settleMs: 0,
      signal: undefined,
      now: Date.now,
    },
    trust: { origin, keys: [signer.key], policy: null },
    onProgress: () => undefined,
  });
  await reader.begin();
  await reader.read(() => true);
  const accepted = reader.conclude([], []);
  return { accepted, found: findings.list().map(({ code, expected, message }) => ({ code, expected, message })) };
}

const flipped = (path: string, at: number) => {
  const bytes = Uint8Array.from(files.get(path) ?? []);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return new Map([[path, bytes]]);
};

test('as it was published it is accepted', async () => {
  const { accepted, found } = await read(new Map());
  expect(found).toEqual([]);
  expect(accepted?.checkpoint.size).toBe(size);
});

test.each([
  ['a full tile of level 1', 'tile/1/000', 32 * 255, 'its hash 255 is not that of the entries 65280 to 65535'],
  ['a full tile of level 0 in the middle', 'tile/0/100', 5, 'its hash 0 is not that of entry 25600'],
  ['the last full tile of level 0', 'tile/0/256', 32 * 3, 'its hash 3 is not that of entry 65539'],
  ['the tile of level 2', 'tile/2/000.p/1', 31, 'its hashes are not those of the entries'],
  ['the partial tile of level 1', 'tile/1/001.p/1', 0, 'its hashes are not those of the entries'],
  ['the partial tile of level 0', 'tile/0/257.p/44', 32 * 43, 'its hashes are not those of the entries'],
])('a byte of %s', async (_, path, at, why) => {
  expect(files.has(path)).toBe(true);
  const { found } = await read(flipped(path, at));
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ code: 'tile', expected: expect.stringMatching(`^${path} `) as string });
  expect(found[0]?.message).toContain(why);
});

test.each(['tile/1/000', 'tile/2/000.p/1', 'tile/1/001.p/1', 'tile/0/100', 'tile/entries/100'])(
  '%s taken away: not all was looked at',
  async (path) => {
    const { accepted, found } = await read(new Map([[path, null]]));
    expect(accepted).toBeNull();
    expect(found).toMatchObject([{ code: 'unreadable', expected: path }]);
  },
);
