import { tileWidth } from '@tallystick/core/tiles';
import type { Tile } from '@tallystick/core/tiles';
import { logDamaged } from '../../log/log-errors.ts';
import type { LogStore } from '../../ports/log-store.ts';
import type { Placed } from '../domain/find-statement.ts';
import { ofPartition, statementOf } from '../domain/log-index.ts';
import { Lru } from '../domain/lru.ts';
import { entriesOf, readTile } from './tile-reader.ts';

type PlacedAny = Omit<Placed, 'statement'> & { readonly statement: ReturnType<typeof statementOf> };

/** Statements of so many entries are kept: a bisection of ten million entries looks at 17 bundles, and the upper ones are shared. */
const keptEntries = 64 * tileWidth;

/** The log's entries, bundle by bundle, with a bounded number of bundles kept. */
export class Bundles {
  readonly #store: LogStore;
  readonly #kept = new Lru<readonly PlacedAny[]>(keptEntries);

  constructor(store: LogStore) {
    this.#store = store;
  }

  /**
   * The statements of a partition in one bundle, in log order.
   * @param size entries of the log: the last bundle may be a partial one
   * @throws LedgerError LOG_DAMAGED, and those of the store; CoreError for an entry that is no statement
   */
  async ofPartition(bundle: number, size: number, topic: string, partition: number): Promise<Placed[]> {
    const statements = await this.#statements(bundle, size);
    return statements.filter((one): one is Placed => ofPartition(one.statement, topic, partition));
  }

  async #statements(index: number, size: number): Promise<readonly PlacedAny[]> {
    const width = Math.min(tileWidth, size - index * tileWidth);
    const key = `${index}/${width}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const tile: Tile = { level: 'entries', index, width };
    const bytes = await readTile(this.#store, tile);
    if (bytes === null) throw logDamaged(`Bundle ${index} of the published log is not there.`, { index, width });
    const statements = entriesOf(bytes, tile).map((note, at) => ({
      index: index * tileWidth + at,
      note,
      statement: statementOf(note),
    }));
    this.#kept.set(key, statements, width);
    return statements;
  }
}
