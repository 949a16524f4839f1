import { badInput, checkSize } from './merkle-input.ts';
import { checkEntry, formatEntryBundle, parseEntryBundle } from './tile-bundle.ts';
import { tileWidth, type Tile } from './tile-path.ts';
import type { FetchTile } from './tile-proofs.ts';

/** The entries of a growing log from its last partial bundle on: the writer's side of C2SP's entry bundles. */
export class EntryEdge {
  /** Index of the first bundle that is kept. */
  #first = 0;
  /** Its entries and all later ones. */
  #entries: Uint8Array[] = [];
  #kept = 0;

  static empty(): EntryEdge {
    return new EntryEdge();
  }

  /**
   * Goes on from a log whose bundles are stored, reading the last partial one.
   * @throws CoreError TILE_MALFORMED, MERKLE_BAD_INPUT
   */
  static async resume(size: number, fetchTile: FetchTile): Promise<EntryEdge> {
    checkSize(size, 'size');
    const edge = new EntryEdge();
    edge.#first = Math.floor(size / tileWidth);
    edge.#kept = size;
    const width = size % tileWidth;
    const tile: Tile = { level: 'entries', index: edge.#first, width };
    if (width > 0) edge.#entries = parseEntryBundle(await fetchTile(tile), width);
    return edge;
  }

  /** Entries of the log so far. */
  get size(): number {
    return this.#first * tileWidth + this.#entries.length;
  }

  /** The entries of the partial bundle that it went on from, or of what was not flushed: oldest first. */
  get entries(): readonly Uint8Array[] {
    return this.#entries;
  }

  /**
   * Appends an entry, not copied: the caller leaves it alone.
   * @throws CoreError TILE_MALFORMED where it is too long; MERKLE_BAD_INPUT
   */
  append(entry: Uint8Array): void {
    checkSize(this.size + 1, 'size');
    checkEntry(entry, this.size);
    this.#entries.push(entry);
  }

  /**
   * Every bundle that the log of `size` entries had not, or had narrower: the full ones and a last partial one.
   * @throws CoreError MERKLE_BAD_INPUT where the size lies above the log's, or below what was resumed from or flushed
   */
  bundlesSince(size: number): { tile: Tile; bytes: Uint8Array }[] {
    checkSize(size, 'size');
    if (size > this.size || size < this.#kept)
      throw badInput(`bundles are kept of the sizes ${this.#kept} to ${this.size}, not since ${size}`, { size });
    const bundles: { tile: Tile; bytes: Uint8Array }[] = [];
    if (size === this.size) return bundles;
    for (let index = Math.floor(size / tileWidth); index * tileWidth < this.size; index++) {
      const from = (index - this.#first) * tileWidth;
      const entries = this.#entries.slice(from, from + tileWidth);
      const tile: Tile = { level: 'entries', index, width: entries.length };
      bundles.push({ tile, bytes: formatEntryBundle(entries) });
    }
    return bundles;
  }

  /**
   * Forgets the full bundles that a log of `size` entries had already: they are stored.
   * @throws CoreError MERKLE_BAD_INPUT where the size lies above the log's
   */
  flushed(size: number): void {
    checkSize(size, 'size');
    if (size > this.size) throw badInput(`the log has ${this.size} entries, not ${size}`, { size });
    if (size <= this.#kept) return;
    this.#kept = size;
    const stored = Math.floor(size / tileWidth) - this.#first;
    if (stored <= 0) return;
    this.#entries.splice(0, stored * tileWidth);
    this.#first += stored;
  }
}
