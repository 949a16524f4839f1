import { CoreError } from '@tallystick/core/errors';
import { equalBytes } from '@tallystick/core/encoding';
import { EntryEdge, LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { tilePath } from '@tallystick/core/tiles';
import type { LogObject, LogStore } from '../ports/log-store.ts';
import { logDamaged } from './log-errors.ts';
import { tileFetcher, verifiedEntries, type TreeHead } from './stored-log.ts';

/** The right edge of a log that grows: what its next tiles and bundles are made of. Memory goes with what was not flushed. */
export class LogEdge {
  readonly #tree: LogTree;
  readonly #entries: EntryEdge;

  private constructor(tree: LogTree, entries: EntryEdge) {
    this.#tree = tree;
    this.#entries = entries;
  }

  static empty(): LogEdge {
    return new LogEdge(LogTree.empty(nodeSha256), EntryEdge.empty());
  }

  /**
   * Goes on from a stored log, and checks its right edge: the tiles there give the root, and its last bundle is what they hold.
   * @throws LedgerError LOG_DAMAGED, and those of the store
   */
  static async open(store: LogStore, head: TreeHead): Promise<LogEdge> {
    const { size, root } = head;
    if (size === 0) return LogEdge.empty();
    const fetchTile = tileFetcher(store);
    try {
      const tree = await LogTree.resume(size, fetchTile, nodeSha256);
      const found = tree.root();
      if (!equalBytes(found, root)) {
        const message = `The tiles at the right edge of the log do not give the root of its checkpoint of size ${size}.`;
        throw logDamaged(message, { size, expected: root, found });
      }
      for await (const _ of verifiedEntries(store, head, size - 1, size));
      return new LogEdge(tree, await EntryEdge.resume(size, fetchTile));
    } catch (cause) {
      if (!(cause instanceof CoreError)) throw cause;
      throw logDamaged(`The right edge of the log of size ${size} is damaged: ${cause.message}.`, { size }, cause);
    }
  }

  get size(): number {
    return this.#tree.size;
  }

  root(): Uint8Array {
    return this.#tree.root();
  }

  frontier(): Uint8Array[] {
    return this.#tree.frontier();
  }

  /** Appends an entry, not copied. */
  append(entry: Uint8Array): void {
    this.#entries.append(entry);
    this.#tree.append(leafHash(entry));
  }

  /** All that the log has and that of `size` entries had not: bundles first. */
  objectsSince(size: number): LogObject[] {
    const made = [...this.#entries.bundlesSince(size), ...this.#tree.tilesSince(size)];
    return made.map(({ tile, bytes }) => ({ path: tilePath(tile), bytes }));
  }

  /** Forgets what the log of `size` entries had. */
  flushed(size: number): void {
    this.#entries.flushed(size);
    this.#tree.flushed(size);
  }
}
