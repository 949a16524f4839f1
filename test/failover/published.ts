import { openCheckpoint } from '@tallystick/core/checkpoint';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { equalBytes } from '@tallystick/core/encoding';
import { Judge } from '@tallystick/core/judge';
import { LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import type { VerifierKey } from '@tallystick/core/note';
import { parseEntryBundle, rootFromTiles, tilePath, tileWidth, type Tile } from '@tallystick/core/tiles';
import { openStores, type LogStores } from '@tallystick/ledger-service/log-stores';

const mostBytes = 64 * 1024 * 1024;

export interface PublishedOptions {
  readonly dir: string;
  readonly checkpointDir: string;
  readonly origin: string;
  readonly rootKey: VerifierKey;
  readonly logKey: VerifierKey;
}

/** Follows the published log as a stranger with the keys would: every checkpoint must continue the one before, every entry must count. */
export class Published {
  readonly #options: PublishedOptions;
  readonly #stores: LogStores;
  readonly #judge: Judge;
  readonly #tree = LogTree.empty();

  private constructor(options: PublishedOptions, stores: LogStores) {
    this.#options = options;
    this.#stores = stores;
    this.#judge = new Judge({ origin: options.origin, rootKey: options.rootKey, verify: nodeVerifyEd25519 });
  }

  static async open(options: PublishedOptions): Promise<Published> {
    return new Published(options, await openStores(options));
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Reads what is new. @throws Error where the log is no longer one growing log of accepted statements */
  async follow(): Promise<void> {
    const { store } = this.#stores;
    const { origin, logKey } = this.#options;
    const note = await store.read('checkpoint', mostBytes);
    if (note === null) return;
    const { size, root } = openCheckpoint(note, { origin, keys: [logKey], verify: nodeVerifyEd25519 }).checkpoint;
    if (size < this.size) throw new Error(`the published checkpoint went back from ${this.size} to ${size}`);
    while (this.size < size) {
      const index = Math.floor(this.size / tileWidth);
      const entries = await this.#bundle(index, Math.min(tileWidth, size - index * tileWidth));
      // The partial bundle was collected and the full one is not there yet: the next look finds it.
      if (entries === null) return;
      for (const entry of entries.slice(this.size - index * tileWidth)) {
        const outcome = this.#judge.offer(entry, { in: 'log', index: this.size });
        if (outcome.outcome !== 'accepted') throw new Error(`entry ${this.size} of the log: ${outcome.outcome}`);
        this.#tree.append(leafHash(entry));
      }
      this.#tree.flushed(this.size);
    }
    if (!equalBytes(this.#tree.root(), root)) throw new Error(`the checkpoint of size ${size} is of another tree`);
  }

  /** The offset behind the last event that is sealed and published; 0 before the first. */
  sealedTo(topic: string, partition: number): number {
    return this.#judge.partition(topic, partition)?.nextOffset ?? 0;
  }

  /** Whether the tiles of hashes lead to the root of what was read. */
  async tilesAgree(): Promise<boolean> {
    const root = await rootFromTiles(this.size, async (tile) => {
      const bytes = await this.#tile(tile);
      if (bytes === null) throw new Error(`${tilePath(tile)} is not there`);
      return bytes.subarray(0, tile.width * 32);
    });
    return equalBytes(root, this.#tree.root());
  }

  async close(): Promise<void> {
    await Promise.all([this.#stores.store.close(), this.#stores.checkpoints.close()]);
  }

  async #bundle(index: number, width: number): Promise<Uint8Array[] | null> {
    const { store } = this.#stores;
    for (const wide of new Set([width, tileWidth])) {
      const bytes = await store.read(tilePath({ level: 'entries', index, width: wide }), mostBytes);
      if (bytes !== null) return parseEntryBundle(bytes, wide).slice(0, width);
    }
    return null;
  }

  async #tile(tile: Tile): Promise<Uint8Array | null> {
    const { store } = this.#stores;
    return (
      (await store.read(tilePath(tile), mostBytes)) ??
      (await store.read(tilePath({ ...tile, width: tileWidth }), mostBytes))
    );
  }
}
