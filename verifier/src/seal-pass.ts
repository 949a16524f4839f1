import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import type { BatchHeader } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import { LeafChain } from '@tallystick/core/leaf';
import { rootInPlace } from '@tallystick/core/merkle';
import { maxBatchEvents } from '@tallystick/core/statement';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { SealSection, Section, Sections } from './domain/sections.ts';
import type { PartitionFindings } from './partition-findings.ts';
import type { Piece } from './read-through.ts';
import { epochOf, timeOf } from './seal-values.ts';

const leafBytes = 32;

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
  /** The records of a batch whose offsets lie in `from` to `to`, both inclusive. */
  batch(bytes: Uint8Array, header: BatchHeader, from: number, to: number): void | Promise<void>;
  /** What comes next lies behind everything that is sealed. */
  tail(): void | Promise<void>;
}

/** Some sections in a row, and what lies behind them. */
export interface Slice {
  readonly partition: number;
  /** Without holes. */
  readonly sections: Sections;
  /** Where the first section begins. */
  readonly from: number;
  /** Records behind the last section count as unsealed up to here, exclusive. */
  readonly readTo: number;
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

  private readonly options: PassOptions;
  private readonly chain: LeafChain;
  private readonly leaves = Buffer.alloc(maxBatchEvents * leafBytes);
  private readonly scratch = Buffer.alloc(maxBatchEvents * leafBytes);
  private section = 0;
  private sectionNow: Section | undefined;
  private sectionIndex = -1;
  private offset: number;
  /** The section that `records` was told of last. */
  private toldSection = -1;

  // Of the batch under way.
  private count = 0;
  private broken = false;
  private epoch = -1;

  constructor(options: PassOptions) {
    const { sha256, codecs, slice } = options;
    this.options = options;
    this.offset = slice.from;
    this.chain = new LeafChain({ sha256, codecs, partition: slice.partition, previous: new Uint8Array(leafBytes) });
  }

  async piece(piece: Piece): Promise<void> {
    if (piece.kind === 'hole') {
      this.options.found.damage(piece);
      await this.skipTo(piece.last + 1);
      return;
    }
    for (const batch of piece.batches) {
      await this.skipTo(batch.header.baseOffset);
      await this.batch(batch);
    }
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

  private async batch({ bytes, header }: ReadBatch): Promise<void> {
    const { found, meter, records } = this.options;
    // Read for the sake of what follows it only.
    if (header.lastOffset < this.offset) return;
    found.batch(header);
    meter.add(bytes.length, header.lastOffset - Math.max(header.baseOffset, this.offset) + 1);
    while (this.offset <= header.lastOffset) {
      const section = this.current();
      if (section === undefined) {
        await this.unsealedBatch(bytes, header);
        return;
      }
      const from = this.offset;
      const last = Math.min(header.lastOffset, section.last);
      if (section.kind === 'gap') {
        found.falseGap(section, from);
      } else if (section.kind === 'seal') {
        if (from === section.first) this.chain.reset(decodeBase64(section.seal.after));
        const at = this.count * leafBytes;
        // Behind a hole the chain says nothing, but the batch is still judged and counted as read.
        const count = this.chain.append(bytes, header, from, last, this.leaves, this.broken ? 0 : at);
        this.count += count;
        this.epoch = header.leaderEpoch;
        if (this.chain.unparsedReason !== null) found.unparsed(header, this.chain.unparsedReason);
      }
      if (records !== null && (section.kind === 'seal' || section.kind === 'gap')) {
        if (this.toldSection !== this.section) records.section(section.kind === 'seal' ? section.place : Infinity);
        this.toldSection = this.section;
        await records.batch(bytes, header, from, last);
      }
      await this.reach(last);
    }
  }

  private async unsealedBatch(bytes: Uint8Array, header: BatchHeader): Promise<void> {
    const { slice, records } = this.options;
    const from = this.offset;
    const last = Math.min(header.lastOffset, slice.readTo - 1);
    this.offset = header.lastOffset + 1;
    if (last < from) return;
    this.unsealed += last - from + 1;
    this.oldestUnsealed ??= header.maxTimestamp;
    if (records === null) return;
    if (this.toldSection !== Infinity) await records.tail();
    this.toldSection = Infinity;
    await records.batch(bytes, header, from, last);
  }

  /** Moves on behind `last` and settles the section that ends there. */
  private async reach(last: number): Promise<void> {
    const section = this.current();
    this.offset = last + 1;
    if (section === undefined || last < section.last) return;
    this.section += 1;
    if (section.kind === 'seal') await this.settle(section);
    this.count = 0;
    this.broken = false;
  }

  private async settle(section: SealSection): Promise<void> {
    // None of it was there: what is missing was reported, and there is nothing to compare.
    if (this.count === 0) return;
    const { found, seals } = this.options;
    const computed = this.leaves.subarray(0, this.count * leafBytes);
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
      this.checkedEvents += this.count;
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
    this.scratch.set(leaves);
    const count = leaves.length / leafBytes;
    return encodeBase64(rootInPlace(this.scratch.subarray(0, leaves.length), count, this.options.sha256));
  }
}
