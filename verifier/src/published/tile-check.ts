import { encodeBase64, equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import type { Sha256 } from '@tallystick/core/hash';
import { LogTree } from '@tallystick/core/log-tree';
import type { TileBytes } from '@tallystick/core/log-tree';
import { edgeTiles, tilePath, tileWidth } from '@tallystick/core/tiles';
import type { Findings } from '../domain/findings.ts';
import { tileWrong } from './log-findings.ts';
import { MissingResource } from './resources.ts';
import type { Resources } from './resources.ts';

/** Tiles that are asked for at a time. */
const atOnce = 8;

/** Compares the full tiles of a tree that grows with those that are served. */
export class TileCheck {
  private readonly resources: Resources;
  private readonly findings: Findings;
  private readonly waiting: Promise<void>[] = [];
  private reached: number;
  private count = 0;
  /** Paths of full tiles that are not there: they are never collected, so a log that moves on does not explain it. */
  readonly lacking: string[] = [];

  /** @param from the tree's size at the start: tiles that it had full then are not looked at */
  constructor(resources: Resources, findings: Findings, from: number) {
    this.resources = resources;
    this.findings = findings;
    this.reached = from;
  }

  /** To be called at every multiple of 256 leaves. @throws what reading tiles throws, also of earlier calls */
  async full(tree: LogTree): Promise<void> {
    for (const made of tree.tilesSince(this.reached)) {
      if (made.tile.width < tileWidth) continue;
      while (this.waiting.length >= atOnce) await this.waiting.shift();
      const compared = this.compare(made, tree.size);
      compared.catch(() => undefined);
      this.waiting.push(compared);
    }
    this.reached = tree.size;
    tree.flushed(tree.size);
  }

  /** Waits for what was asked. */
  async settle(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) await next;
  }

  /** Tiles that agreed or did not, with the bundles below them, since this was last asked. */
  taken(): number {
    const { count } = this;
    this.count = 0;
    return count;
  }

  private async compare({ tile, bytes }: TileBytes, size: number): Promise<void> {
    const path = tilePath(tile);
    let served: Uint8Array;
    try {
      served = await this.resources.tile(tile, size);
    } catch (error) {
      if (error instanceof MissingResource) this.lacking.push(path);
      else if (error instanceof CoreError) this.findings.add(tileWrong(path, error.message));
      else throw error;
      return;
    }
    this.count += tile.level === 0 ? 2 : 1;
    if (equalBytes(served, bytes)) return;
    const at = firstDifference(served, bytes);
    const span = tileWidth ** Number(tile.level);
    const first = (tile.index * tileWidth + at) * span;
    this.findings.add(
      tileWrong(
        path,
        `its hash ${at} is not that of ${span === 1 ? `entry ${first}` : `the entries ${first} to ${first + span - 1}`}`,
        {
          expected: encodeBase64(bytes.subarray(at * 32, at * 32 + 32)),
          found: encodeBase64(served.subarray(at * 32, at * 32 + 32)),
        },
      ),
    );
  }
}

/**
 * Compares the partial tiles at the right edge: every hash of them is part of the tree's frontier.
 * @returns how many there are, the partial bundle among them
 * @throws what reading tiles throws
 */
export async function compareEdge(
  resources: Resources,
  findings: Findings,
  tree: LogTree,
  size: number,
  sha256: Sha256,
): Promise<number> {
  const tiles = edgeTiles(size);
  const served = await LogTree.resume(size, (tile) => resources.tile(tile, size), sha256);
  const [ours, theirs] = [tree.frontier(), served.frontier()];
  const wrong = new Set<number>();
  // The frontier's hashes from left to right are the set bits of the size, highest first.
  let peak = 0;
  for (let height = 52; height >= 0; height--) {
    if (Math.floor(size / 2 ** height) % 2 === 0) continue;
    const [expected, found] = [ours[peak], theirs[peak]];
    peak += 1;
    if (expected === undefined || found === undefined || equalBytes(expected, found)) continue;
    const level = Math.floor(height / 8);
    if (wrong.has(level)) continue;
    wrong.add(level);
    const tile = tiles.find((each) => each.level === level);
    if (tile === undefined) continue;
    findings.add(
      tileWrong(tilePath(tile), 'its hashes are not those of the entries', {
        expected: encodeBase64(expected),
        found: encodeBase64(found),
      }),
    );
  }
  return tiles.length + (size % tileWidth === 0 ? 0 : 1);
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return Math.floor(at / 32);
}
