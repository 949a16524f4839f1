import type { Codecs } from '@tallystick/core/codecs';
import { encodeBase64 } from '@tallystick/core/encoding';
import type { Sha256 } from '@tallystick/core/hash';
import { rootInPlace } from '@tallystick/core/merkle';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import { compareSeals, sealOfLeaves } from '../domain/seal-number.ts';
import type { SealNumber } from '../domain/seal-number.ts';
import type { SealSection } from '../domain/sections.ts';
import type { Piece } from '../read-through.ts';
import { dataRecords } from './data-records.ts';

export interface LeavesTools {
  readonly sha256: Sha256;
  readonly codecs: Codecs;
}

/** Whether these are the leaves that the records gave. */
export type SameLeaves = (stored: Uint8Array) => boolean;

interface LeavesRecord extends SealNumber {
  readonly leaves: Uint8Array;
}

interface Open {
  readonly section: SealSection;
  /** Whether the caller needs the leaves themselves, and not only to know that they are there. */
  readonly wanted: boolean;
  /** Records were met for it, but none with its root. */
  met: boolean;
}

const leafBytes = 32;

/**
 * Follows `audit.leaves` of one partition beside the events and finds the leaves of each seal (protocol section 6: they count only if
 * their root is an accepted seal's; of several records one such suffices). The ledger writes them in the order of the seals, so
 * one record is looked ahead and memory stays flat; what comes late is settled at the end.
 */
export class StoredLeaves {
  private readonly pieces: AsyncIterator<Piece, void>;
  private readonly topic: string;
  private readonly lastSeals: ReadonlyMap<number, number>;
  private readonly tools: LeavesTools;
  private readonly onDamage: (piece: Extract<Piece, { kind: 'hole' }>) => void;
  private readonly queue: LeavesRecord[] = [];
  private readonly open = new Map<string, Open>();
  /** Wanted leaves that were met after their seal's turn. */
  private readonly found: { section: SealSection; leaves: Uint8Array }[] = [];
  private ahead: LeavesRecord | null = null;
  private ended = false;

  /**
   * @param pieces the partition of the leaves topic from its log start
   * @param topic of the events: records for others are passed over
   * @param lastSeals number of the last accepted seal by generation: leaves of batches that were never accepted mean nothing
   */
  constructor(
    pieces: AsyncIterable<Piece, void>,
    topic: string,
    lastSeals: ReadonlyMap<number, number>,
    tools: LeavesTools,
    onDamage: (piece: Extract<Piece, { kind: 'hole' }>) => void,
  ) {
    this.pieces = pieces[Symbol.asyncIterator]();
    this.topic = topic;
    this.lastSeals = lastSeals;
    this.tools = tools;
    this.onDamage = onDamage;
  }

  /**
   * The stored leaves of a seal, in the order of the seals.
   * @param same whether stored leaves are those that were computed, whose root is the seal's: such need no tree; null where the
   *   records do not give the root
   * @returns the stored leaves that give the seal's root; null if they were not met yet: {@link late} may bring them
   */
  async of(section: SealSection, same: SameLeaves | null): Promise<Uint8Array | null> {
    const place = nameOf(section.seal.generation, section.seal.seal);
    const entry: Open = { section, wanted: same === null, met: false };
    this.open.set(place, entry);
    for (;;) {
      this.ahead ??= await this.next();
      const record = this.ahead;
      if (record === null || compareSeals(record, section.seal) > 0) return null;
      this.ahead = null;
      if (nameOf(record.generation, record.seal) === place) {
        if (this.gives(record.leaves, section, same)) {
          this.open.delete(place);
          return record.leaves;
        }
        entry.met = true;
      } else {
        // Written again later, or never asked for.
        this.settle(record);
      }
    }
  }

  /** Seals that were asked for and whose leaves were not met yet; `wanted`: the caller needs the leaves themselves. */
  unmet(): readonly Open[] {
    return [...this.open.values()];
  }

  /** A seal that an earlier run asked for, as {@link unmet} gave it then: its leaves are looked for at the end. */
  expect(section: SealSection, met: boolean): void {
    this.open.set(nameOf(section.seal.generation, section.seal.seal), { section, wanted: false, met });
  }

  /** Reads on to the end for the seals that are still without leaves, and gives the wanted ones that came after their turn. */
  async *late(): AsyncGenerator<{ section: SealSection; leaves: Uint8Array }, void, void> {
    for (;;) {
      yield* this.found.splice(0);
      if (this.open.size === 0) return;
      const record = this.ahead ?? (await this.next());
      this.ahead = null;
      if (record === null) return;
      this.settle(record);
    }
  }

  /** After {@link late}: seals without usable leaves, in order. */
  lacking(): { missing: SealSection[]; wrong: SealSection[] } {
    const open = [...this.open.values()];
    return {
      missing: open.filter((each) => !each.met).map((each) => each.section),
      wrong: open.filter((each) => each.met).map((each) => each.section),
    };
  }

  async close(): Promise<void> {
    this.ended = true;
    await this.pieces.return?.();
  }

  private settle(record: LeavesRecord): void {
    const place = nameOf(record.generation, record.seal);
    const entry = this.open.get(place);
    if (entry === undefined) return;
    if (!this.gives(record.leaves, entry.section, null)) {
      entry.met = true;
      return;
    }
    this.open.delete(place);
    if (entry.wanted) this.found.push({ section: entry.section, leaves: record.leaves });
  }

  private gives(leaves: Uint8Array, { seal, first, last }: SealSection, same: SameLeaves | null): boolean {
    const count = last - first + 1;
    if (leaves.length !== count * leafBytes) return false;
    if (same !== null) return same(leaves);
    return encodeBase64(rootInPlace(Uint8Array.from(leaves), count, this.tools.sha256)) === seal.root;
  }

  private async next(): Promise<LeavesRecord | null> {
    for (;;) {
      const queued = this.queue.shift();
      if (queued !== undefined) return queued;
      if (this.ended) return null;
      const { value: piece, done } = await this.pieces.next();
      if (done === true || piece === undefined) {
        this.ended = true;
      } else if (piece.kind === 'hole') {
        this.onDamage(piece);
      } else {
        for (const batch of piece.batches) this.take(batch);
      }
    }
  }

  private take(batch: ReadBatch): void {
    for (const { key, value } of dataRecords(batch, this.tools.codecs)) {
      if (key === null || value === null) continue;
      const number = sealOfLeaves(key, this.topic);
      if (number !== null && number.seal <= (this.lastSeals.get(number.generation) ?? -1))
        this.queue.push({ ...number, leaves: value });
    }
  }
}

function nameOf(generation: number, seal: number): string {
  return `${generation}/${seal}`;
}
