import { parseTilePath, tilePath, tileWidth, type Tile } from '@tallystick/core/tiles';
import type { LogObject, LogStore } from '../ports/log-store.ts';
import type { Clock } from '../ports/clock.ts';

/** Full tiles that wait for their partial ones to be removed; of more the oldest wait for another start. */
const most = 1_024;

interface Full {
  readonly tile: Tile;
  /** Published logs of this size have the full one. */
  readonly size: number;
  readonly at: number;
}

/**
 * Removes partial tiles once the full one is part of the published log: nobody needs them any more (C2SP tlog-tiles, "Partial Tiles"). They
 * stay for a while, for those who just read an older checkpoint. What a killed publisher left is found at the next start, near the right
 * edge: each start looks at a bounded number of names.
 */
export class PartialTiles {
  readonly #store: LogStore;
  readonly #clock: Clock;
  readonly #graceMs: number;
  #full: Full[] = [];

  constructor(store: LogStore, clock: Clock, graceMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Takes note of what the log of that size has got. */
  wrote(objects: readonly LogObject[], size: number): void {
    const at = this.#clock.monotonic() + this.#graceMs;
    for (const { path } of objects) {
      const tile = parseTilePath(path);
      if (tile?.width === tileWidth) this.#full.push({ tile, size, at });
    }
    if (this.#full.length > most) this.#full = this.#full.slice(-most);
  }

  /** Finds what an earlier publisher of this log left: the newest two thousand tiles of each level, or less. */
  async findOld(size: number): Promise<void> {
    const at = this.#clock.monotonic() + this.#graceMs;
    const found = new Map<string, Full>();
    for (const { level, full } of levelsOf(size)) {
      // Names are in groups of a thousand: the last one and the one before.
      for (const prefix of groups(level, full)) {
        for await (const path of this.#store.list(prefix)) {
          const tile = parseTilePath(path);
          if (tile === null || tile.width === tileWidth || tile.index >= full) continue;
          const whole = { ...tile, width: tileWidth };
          found.set(tilePath(whole), { tile: whole, size, at });
        }
      }
    }
    this.#full = [...found.values(), ...this.#full].slice(-most);
  }

  /** Removes what is due. @throws LedgerError of the store; then it is tried again with the next */
  async collect(publishedSize: number): Promise<void> {
    const now = this.#clock.monotonic();
    for (let first = this.#full[0]; first !== undefined; first = this.#full[0]) {
      if (first.at > now || first.size > publishedSize) return;
      const path = tilePath(first.tile);
      // A full one that is not there is not replaced by nothing.
      if ((await this.#store.read(path, maxBytes)) !== null) {
        const partial: string[] = [];
        for await (const name of this.#store.list(`${path}.p/`)) partial.push(name);
        if (partial.length > 0) await this.#store.remove(partial);
      }
      this.#full.shift();
    }
  }
}

const maxBytes = tileWidth * 65_537;

function levelsOf(size: number): { level: Tile['level']; full: number }[] {
  const levels: { level: Tile['level']; full: number }[] = [{ level: 'entries', full: Math.floor(size / tileWidth) }];
  for (let level = 0, hashes = size; hashes >= tileWidth; level += 1) {
    hashes = Math.floor(hashes / tileWidth);
    levels.push({ level, full: hashes });
  }
  return levels;
}

function groups(level: Tile['level'], full: number): string[] {
  const prefixes = [full - 1, full - 1_000]
    .filter((index) => index >= 0)
    .map((index) => tilePath({ level, index, width: tileWidth }).slice(0, -3));
  return [...new Set(prefixes)];
}
