import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import type { BatchHeader, ParsedBatch, UnparsedBatch } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import { LeafChain } from '@tallystick/core/leaf';
import { rootInPlace } from '@tallystick/core/merkle';
import { maxBatchEvents } from '@tallystick/core/statement';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { SealSection, Section, Sections } from '../domain/sections.ts';
import type { PartitionFindings } from './partition-findings.ts';
import type { Piece } from './read-through.ts';
import { epochOf, timeOf } from './seal-values.ts';

const leafBytes = 32;

/** The leaves whose root is computed, without a pause: one memory for all passes of a thread. */
const reduced = Buffer.alloc(maxBatchEvents * leafBytes);

/** A sealed batch that the records do not give. */
export interface DamagedSeal {
  readonly section: SealSection;
  /** The root that the records give; null where some of them could not be read. */
  readonly root: string | null;
}

/** Who goes on with each seal whose records were there, in the order of the seals. */
export interface SealSink {
  /** @param leaves of which the root is the seal's; to be looked at only until this resolves */
  agrees(section: SealSection, leaves: Uint8Array): void | Promise<void>;
  differs(damaged: DamagedSeal): void | Promise<void>;
}

/** What looks into the records themselves, in offset order. */
export interface RecordSink {
  /** What comes next is covered by the seal with this index in the log; Infinity where no seal covers it, or that is not known. */
  section(place: number): void;
  /** The records of a batch, as `parseBatch` judged it, whose offsets lie in `from` to `to`, both inclusive. */
  batch(judged: ParsedBatch | UnparsedBatch, from: number, to: number): void | Promise<void>;
  /** These offsets, both inclusive, hold records that cannot be read. */
  skipped(first: number, last: number, why: 'unread'): void;
  /** What comes next lies behind everything that is sealed. May be said more than once. */
  tail(): void | Promise<void>;
}

/** Some sections in a row; what lies behind them is unsealed. */
export interface Slice {
  readonly partition: number;
  /** Without holes. */
  readonly sections: Sections;
  /** Where the first section begins. */
  readonly from: number;
}

export interface PassOptions {
  readonly sha256: Sha256;
  readonly codecs: Codecs;
  readonly slice: Slice;
  readonly found: PartitionFindings;
  readonly seals: SealSink;
  readonly records: RecordSink | null;
  readonly meter: { add(bytes: number, events: number): void };
}

/**
 * One pass over records in offset order: chains the leaves of each sealed batch from the leaf that its seal
 * names, and compares. Batches are independent, so one that does not fit costs nothing of the next.
 */
export class SealPass {
  matchedSeals = 0;
  checkedEvents = 0;
  /** Records behind the last section. */
  unsealed = 0;
  /** Timestamp of the first of them. */
  oldestUnsealed: bigint | null = null;

  /** What lies from here on is left alone. It may be set higher as long as the pass has not ended. */
  limit = Infinity;

  private readonly options: PassOptions;
  private readonly chain: LeafChain;
  private readonly leaves = Buffer.alloc(maxBatchEvents * leafBytes);
  private section = 0;
  private sectionNow: Section | undefined;
  private sectionIndex = -1;
  private offset: number;
  /** The section that `records` was told of last. */
  private toldSection = -1;
  /** The batch that was counted last. */
  private counted: Uint8Array | null = null;

  // Of the batch under way.
  private leafCount = 0;
  private broken = false;
  private epoch = -1;

  constructor(options: PassOptions) {
    const { sha256, codecs, slice } = options;
    this.options = options;
    this.offset = slice.from;
    this.chain = new LeafChain({ sha256, codecs, partition: slice.partition, previous: new Uint8Array(leafBytes) });
  }

  /** The offset that comes next. */
  get position(): number {
    return this.offset;
  }

  /** Reports what could not be read, and goes on behind it, also beyond the limit. */
  async hole(piece: Extract<Piece, { kind: 'hole' }>): Promise<void> {
    const { found, records, slice } = this.options;
    const { last, damage } = piece;
    const first = Math.max(piece.first, this.offset);
    found.damage(piece);
    await this.skipTo(last + 1);
    const isThere = ['corrupt', 'magic', 'invalid', 'misplaced'].includes(damage.cause);
    if (records === null || !isThere || first > last) return;
    if (first >= (slice.sections.at(slice.sections.length - 1)?.last ?? slice.from - 1) + 1) await records.tail();
    records.skipped(first, last, 'unread');
  }

  /** Offsets up to here (exclusive) were not there to be read. */
  async skipTo(to: number): Promise<void> {
    while (this.offset < to) {
      const section = this.current();
      if (section === undefined) {
        this.offset = to;
        return;
      }
      this.broken = true;
      await this.reach(Math.min(to - 1, section.last));
    }
  }

  /** Takes the records of a batch up to the limit. With a higher one the same batch may be given again, for the rest. */
  async batch({ bytes, header }: ReadBatch): Promise<void> {
    const { found, records } = this.options;
    await this.skipTo(Math.min(header.baseOffset, this.limit));
    const end = Math.min(header.lastOffset + 1, this.limit);
    // Read for the sake of what follows it only.
    if (end <= this.offset) return;
    found.batch(header);
    this.count({ bytes, header }, end);
    while (this.offset < end) {
      const section = this.current();
      if (section === undefined) {
        await this.unsealedBatch(bytes, header, end - 1);
        return;
      }
      const from = this.offset;
      const last = Math.min(end - 1, section.last);
      if (section.kind === 'gap') {
        found.falseGap(section, from);
      } else if (section.kind === 'seal') {
        if (from === section.first) this.chain.reset(decodeBase64(section.seal.after));
        const at = this.leafCount * leafBytes;
        // Behind a hole the chain says nothing, but the batch is still judged and counted as read.
        const count = this.chain.append(bytes, header, from, last, this.leaves, this.broken ? 0 : at);
        this.leafCount += count;
        this.epoch = header.leaderEpoch;
        if (this.chain.unparsedReason !== null) found.unparsed(header, this.chain.unparsedReason);
      }
      if (records !== null && (section.kind === 'seal' || section.kind === 'gap')) {
        if (this.toldSection !== this.section) records.section(section.kind === 'seal' ? section.place : Infinity);
        this.toldSection = this.section;
        const looked = records.batch(this.chain.judge(bytes, header), from, last);
        if (looked !== undefined) await looked;
      }
      await this.reach(last);
    }
  }

  private count({ bytes, header }: ReadBatch, end: number): void {
    this.options.meter.add(this.counted === bytes ? 0 : bytes.length, end - Math.max(header.baseOffset, this.offset));
    this.counted = bytes;
  }

  private async unsealedBatch(bytes: Uint8Array, header: BatchHeader, last: number): Promise<void> {
    const { records } = this.options;
    const from = this.offset;
    this.offset = last + 1;
    this.unsealed += last - from + 1;
    this.oldestUnsealed ??= header.maxTimestamp;
    if (records === null) return;
    await records.tail();
    await records.batch(this.chain.judge(bytes, header), from, last);
  }

  /** Moves on behind `last` and settles the section that ends there. */
  private async reach(last: number): Promise<void> {
    const section = this.current();
    this.offset = last + 1;
    if (section === undefined || last < section.last) return;
    this.section += 1;
    if (section.kind === 'seal') await this.settle(section);
    this.leafCount = 0;
    this.broken = false;
  }

  private async settle(section: SealSection): Promise<void> {
    // None of it was there: what is missing was reported, and there is nothing to compare.
    if (this.leafCount === 0) return;
    const { found, seals } = this.options;
    const computed = this.leaves.subarray(0, this.leafCount * leafBytes);
    const root = this.broken ? null : this.rootOf(computed);
    if (root !== section.seal.root) {
      await seals.differs({ section, root });
      return;
    }
    const fits = found.lastEvent(section, {
      head: encodeBase64(computed.subarray(-leafBytes)),
      time: timeOf(this.chain.lastTimestamp),
      epoch: epochOf(this.epoch),
    });
    if (fits) {
      this.matchedSeals += 1;
      this.checkedEvents += this.leafCount;
    }
    await seals.agrees(section, computed);
  }

  /** The section that the pass stands in; undefined behind the last. */
  private current(): Section | undefined {
    if (this.sectionIndex !== this.section) {
      this.sectionIndex = this.section;
      this.sectionNow = this.options.slice.sections.at(this.section);
    }
    return this.sectionNow;
  }

  private rootOf(leaves: Uint8Array): string {
    reduced.set(leaves);
    const count = leaves.length / leafBytes;
    return encodeBase64(rootInPlace(reduced.subarray(0, leaves.length), count, this.options.sha256));
  }
}
