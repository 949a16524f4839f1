import { topics } from './keys.ts';
import { readEntry } from './statements.ts';
import type { World } from './world.ts';

/** A statement of a partition that an honest ledger wrote. */
interface Written {
  readonly partition: number;
  /** Hash of the statement that it continues; `-`: none. */
  readonly previous: string;
  /** Of the first record that it is about; null: of none. */
  readonly firstOffset: number | null;
}

/** What the ledgers of a world wrote into the seals topic, so that it is known which races there really were. */
export class Races {
  readonly #written = new Map<string, Written>();

  /** A ledger appended this, and it arrived. */
  wrote(note: Uint8Array | null): void {
    if (note === null) return;
    const { kind, hash, lines } = readEntry(note);
    if (kind === 'key') return;
    const [first] = (lines.get('offsets') ?? '').split('-');
    this.#written.set(hash, {
      partition: Number(lines.get('partition')),
      previous: lines.get('previous') ?? '',
      firstOffset: first === undefined || first === '' ? null : Number(first),
    });
  }

  /**
   * Statements of ledgers that lost a race, or continue one that did, and are about records that were deleted since: nothing is left that
   * tells them from a fork.
   * @returns their hashes
   */
  lostWithTheirRecords(world: World): Set<string> {
    const logged = world.book.entries.map(readEntry).filter(({ kind }) => kind !== 'key');
    const inLog = new Set(logged.map(({ hash }) => hash));
    const continued = new Set(logged.map(({ lines }) => `${lines.get('partition')} ${lines.get('previous')}`));
    const lost = new Set<string>();
    const gone = new Set<string>();
    // A ledger writes a statement only after the one that it continues.
    for (const [hash, { partition, previous, firstOffset }] of this.#written) {
      if (inLog.has(hash) || !(continued.has(`${partition} ${previous}`) || lost.has(previous))) continue;
      lost.add(hash);
      const { logStart } = world.cluster.partition(topics.events, partition);
      if (firstOffset !== null && firstOffset < logStart) gone.add(hash);
    }
    return gone;
  }
}
