import type { Codecs } from '@tallystick/core/codecs';
import { encodeBase64 } from '@tallystick/core/encoding';
import type { Sha256 } from '@tallystick/core/hash';
import { rootInPlace } from '@tallystick/core/merkle';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import { compareSeals, sealOfLeaves } from '../domain/seal-number.ts';
import type { SealNumber } from '../domain/seal-number.ts';
import type { SealSection } from '../domain/sections.ts';
import { dataRecords } from './data-records.ts';
import type { Piece } from './read-through.ts';

export interface LeavesTools {
  readonly sha256: Sha256;
  readonly codecs: Codecs;
}

/** Whether these are the leaves that the records gave. */
export type SameLeaves = (stored: Uint8Array) => boolean;

interface LeavesRecord extends SealNumber {
  readonly leaves: Uint8Array;
}

/** A seal whose leaves were not met yet: no more of it than is needed to know them, for there may be as many as there are seals. */
interface Open {
  readonly place: SealPlace;
  readonly root: string;
  /** Hash of its statement where the caller needs the leaves themselves, and not only to know that they are there; else null. */
  readonly wantedAs: string | null;
  /** Records were met for it, but none with its root. */
  met: boolean;
}

/** A seal, and the offsets that it covers, both inclusive. */
export interface SealPlace {
  readonly seal: number;
  readonly first: number;
  readonly last: number;
}

/** Seals without usable leaves: how many, and the first of them. */
export interface LackingSeals {
  readonly count: number;
  readonly first: SealPlace | null;
}

const leafBytes = 32;
/** Seals whose leaves were not met that are listed one by one: beyond so many a run keeps no progress. */
const mostUnmet = 10_000;

/**
 * Follows `audit.leaves` of one partition beside the events and finds the leaves of each seal (protocol section 6: they count only if
 * their root is an accepted seal's; of several records one such suffices). The ledger writes them in the order of the seals, so
 * one record is looked ahead and memory stays flat; what comes late is settled at the end. Behind the last record nothing can be
 * met any more: seals that lack their leaves then are counted.
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
  private readonly found: { hash: string; leaves: Uint8Array }[] = [];
  private readonly missing = new Lacking();
  private readonly wrong = new Lacking();
  /** Of these, in order. */
  private readonly lacked: { readonly first: number; readonly met: boolean }[] = [];
  private lackedWanted = false;
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
    const entry = openOf(section, same === null);
    if (this.isOver) {
      this.lacks(entry);
      return null;
    }
    const name = nameOf(section.seal.generation, section.seal.seal);
    this.open.set(name, entry);
    for (;;) {
      this.ahead ??= await this.next();
      const record = this.ahead;
      if (record === null) this.nothingMore();
      if (record === null || compareSeals(record, section.seal) > 0) return null;
      this.ahead = null;
      if (nameOf(record.generation, record.seal) === name) {
        if (this.gives(record.leaves, entry, same)) {
          this.open.delete(name);
          return record.leaves;
        }
        entry.met = true;
      } else {
        // Written again later, or never asked for.
        this.settle(record);
      }
    }
  }

  /** Whether there are no more records: what was not met yet never will be. */
  get isOver(): boolean {
    return this.ended && this.ahead === null && this.queue.length === 0;
  }

  /** Seals that were asked for and whose leaves were not met yet; null where the leaves themselves are needed of one, or there are too many. */
  unmet(): readonly { readonly first: number; readonly met: boolean }[] | null {
    const { open, lacked } = this;
    if (this.lackedWanted || open.size + this.missing.count + this.wrong.count > mostUnmet) return null;
    const still = [...open.values()];
    if (still.some(({ wantedAs }) => wantedAs !== null)) return null;
    return [...lacked, ...still.map(({ place, met }) => ({ first: place.first, met }))];
  }

  /** A seal that an earlier run asked for, as {@link unmet} gave it then: its leaves are looked for at the end. */
  expect(section: SealSection, met: boolean): void {
    this.open.set(nameOf(section.seal.generation, section.seal.seal), { ...openOf(section, false), met });
  }

  /** Reads on to the end for the seals that are still without leaves, and gives the wanted ones that came after their turn, by the hashes of the seals. */
  async *late(): AsyncGenerator<{ hash: string; leaves: Uint8Array }, void, void> {
    for (;;) {
      yield* this.found.splice(0);
      if (this.open.size === 0) return;
      const record = this.ahead ?? (await this.next());
      this.ahead = null;
      if (record === null) {
        this.nothingMore();
        return;
      }
      this.settle(record);
    }
  }

  /** After {@link late}: seals without usable leaves. */
  lacking(): { missing: LackingSeals; wrong: LackingSeals } {
    const { missing, wrong } = this;
    return { missing, wrong };
  }

  async close(): Promise<void> {
    this.ended = true;
    await this.pieces.return?.();
  }

  private settle(record: LeavesRecord): void {
    const name = nameOf(record.generation, record.seal);
    const entry = this.open.get(name);
    if (entry === undefined) return;
    if (!this.gives(record.leaves, entry, null)) {
      entry.met = true;
      return;
    }
    this.open.delete(name);
    if (entry.wantedAs !== null) this.found.push({ hash: entry.wantedAs, leaves: record.leaves });
  }

  private gives(leaves: Uint8Array, { place: { first, last }, root }: Open, same: SameLeaves | null): boolean {
    const count = last - first + 1;
    if (leaves.length !== count * leafBytes) return false;
    if (same !== null) return same(leaves);
    return encodeBase64(rootInPlace(Uint8Array.from(leaves), count, this.tools.sha256)) === root;
  }

  private nothingMore(): void {
    for (const entry of this.open.values()) this.lacks(entry);
    this.open.clear();
  }

  private lacks({ place, wantedAs, met }: Open): void {
    (met ? this.wrong : this.missing).add(place);
    this.lackedWanted ||= wantedAs !== null;
    if (this.lacked.length < mostUnmet) this.lacked.push({ first: place.first, met });
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

class Lacking implements LackingSeals {
  count = 0;
  first: SealPlace | null = null;

  add(place: SealPlace): void {
    this.count += 1;
    this.first ??= place;
  }
}

function openOf({ seal, first, last, hash }: SealSection, wanted: boolean): Open {
  const place = { seal: seal.seal, first, last };
  return { place, root: flat(seal.root), wantedAs: wanted ? flat(hash) : null, met: false };
}

/** A copy in one piece: a text that was put together letter by letter holds all its beginnings, some kilobytes for 44 letters. */
function flat(base64: string): string {
  return Buffer.from(base64, 'latin1').toString('latin1');
}

function nameOf(generation: number, seal: number): string {
  return `${generation}/${seal}`;
}
