import type { VerifierKey } from '@tallystick/core/note';
import { openNote } from '@tallystick/core/note';
import { parseEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import type { StoredCheckpoint } from '@tallystick/ledger-service/checkpoint-store';
import type { LogStore } from '@tallystick/ledger-service/log-store';
import { verifyOnce } from './keys.ts';
import { Mth, readCheckpoint } from './statements.ts';

const most = 2 ** 26;

/**
 * What an auditor who sees every stored checkpoint knows of the log. It takes the entries from the published folder at the moment of each
 * swap, where they must be by then, and computes every root itself.
 */
export class LogBook {
  /** Entries that some stored checkpoint held: none of them may ever change or go. */
  readonly entries: Uint8Array[] = [];
  readonly #tree = new Mth();
  readonly #key: VerifierKey;
  readonly #report: (problem: string) => void;
  readonly #roots = new Map<number, string>();
  #version = 0;
  #size = 0;
  /** Swaps that stored something. */
  swaps = 0;

  constructor(key: VerifierKey, report: (problem: string) => void) {
    this.#key = key;
    this.#report = report;
  }

  /** Size of the newest stored checkpoint. */
  get size(): number {
    return this.#size;
  }

  /** The store was rolled back by somebody: it may store versions again, of one and the same history. */
  rolledBack(version: number, size: number): void {
    this.#version = version;
    this.#size = size;
  }

  /** @param excused the folder was damaged by somebody, so that entries may be missing for a while */
  async stored({ version, note }: StoredCheckpoint, store: LogStore, excused: boolean): Promise<void> {
    if (version <= this.#version) return;
    this.swaps += 1;
    openNote(note, this.#key, verifyOnce);
    const { size, root } = readCheckpoint(note);
    if (version !== this.#version + 1) this.#report(`version ${version} was stored after ${this.#version}`);
    if (size < this.#size) this.#report(`a checkpoint of size ${size} was stored after one of size ${this.#size}`);
    this.#version = version;
    this.#size = size;
    this.#roots.set(size, root);
    try {
      await this.#read(store, size);
    } catch (error) {
      if (!excused) this.#report(`version ${version} of size ${size} was stored before its entries: ${String(error)}`);
      return;
    }
    this.#compare(size, root);
  }

  /** `/checkpoint` was written: it must have been stored before. */
  published(note: Uint8Array): void {
    const { size, root } = readCheckpoint(note);
    if (this.#roots.get(size) !== root)
      this.#report(`a checkpoint of size ${size} was published that was never stored`);
  }

  /** Everything again, with the folder as it is in the end. */
  async finish(store: LogStore): Promise<void> {
    try {
      await this.#read(store, this.#size);
    } catch (error) {
      this.#report(`the published log is not whole: ${String(error)}`);
      return;
    }
    for (const [size, root] of this.#roots) this.#compare(size, root);
  }

  #compare(size: number, root: string): void {
    if (size > this.entries.length) return;
    const expected = this.#tree.root(size);
    if (root !== expected)
      this.#report(
        `the checkpoint of size ${size} has root ${root}, but the entries give ${expected}: a second history`,
      );
  }

  async #read(store: LogStore, size: number): Promise<void> {
    while (this.entries.length < size) {
      const index = Math.floor(this.entries.length / tileWidth);
      const width = Math.min(tileWidth, size - index * tileWidth);
      const bundle = await bundleOf(store, index, width);
      for (const entry of bundle.slice(this.entries.length - index * tileWidth)) {
        this.entries.push(entry.slice());
        this.#tree.append(entry);
      }
    }
  }
}

async function bundleOf(store: LogStore, index: number, width: number): Promise<Uint8Array[]> {
  for (const wide of new Set([width, tileWidth])) {
    const bytes = await store.read(tilePath({ level: 'entries', index, width: wide }), most);
    if (bytes !== null) return parseEntryBundle(bytes, wide).slice(0, width);
  }
  throw new Error(`bundle ${index} of ${width} entries is not there`);
}
