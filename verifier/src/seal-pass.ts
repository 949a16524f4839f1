import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import { LeafChain } from '@tallystick/core/leaf';
import { rootInPlace } from '@tallystick/core/merkle';
import { maxBatchEvents } from '@tallystick/core/statement';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { Plan, SealSection, Section } from './domain/plan.ts';
import type { PartitionFindings } from './partition-findings.ts';
import type { Piece } from './read-through.ts';
import type { Run } from './run.ts';
import { epochOf, timeOf } from './seal-values.ts';
import type { StoredLeaves } from './stored-leaves.ts';

const leafBytes = 32;

/** A sealed batch that the records do not give. */
export interface DamagedSeal {
  readonly section: SealSection;
  /** The root that the records give; null where some of them could not be read. */
  readonly root: string | null;
}

/**
 * One pass over the records of a partition, in offset order: chains the leaves of each sealed batch from the leaf that its seal
 * names, and compares. Batches are independent, so one that does not fit costs nothing of the next.
 */
export class SealPass {
  matchedSeals = 0;
  checkedEvents = 0;
  /** Records behind the last section. */
  unsealed = 0;
  /** Timestamp of the first of them. */
  oldestUnsealed: bigint | null = null;
  /** By statement hash: seals that do not fit and whose stored leaves were not met yet. */
  readonly damaged = new Map<string, DamagedSeal>();

  private readonly run: Run;
  private readonly plan: Plan;
  private readonly found: PartitionFindings;
  private readonly stored: StoredLeaves;
  private readonly name: (damaged: DamagedSeal, leaves: Uint8Array) => Promise<void>;
  private readonly chain: LeafChain;
  private readonly leaves = Buffer.alloc(maxBatchEvents * leafBytes);
  private readonly scratch = Buffer.alloc(maxBatchEvents * leafBytes);
  private section = 0;
  private sectionNow: Section | undefined;
  private sectionIndex = -1;
  private offset: number;

  // Of the batch under way.
  private count = 0;
  private broken = false;
  private epoch = -1;

  /** @param name called with a batch that does not fit and its stored leaves */
  constructor(
    run: Run,
    plan: Plan,
    found: PartitionFindings,
    stored: StoredLeaves,
    name: (damaged: DamagedSeal, leaves: Uint8Array) => Promise<void>,
  ) {
    this.run = run;
    this.plan = plan;
    this.found = found;
    this.stored = stored;
    this.name = name;
    this.offset = plan.from;
    const { sha256, codecs } = run;
    this.chain = new LeafChain({ sha256, codecs, partition: plan.partition, previous: new Uint8Array(leafBytes) });
  }

  async piece(piece: Piece): Promise<void> {
    if (piece.kind === 'hole') {
      this.found.damage(piece);
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
    this.found.batch(header);
    this.run.meter.add(bytes.length, header.lastOffset - Math.max(header.baseOffset, this.offset) + 1);
    while (this.offset <= header.lastOffset) {
      const section = this.current();
      if (section === undefined) {
        const count = Math.min(header.lastOffset + 1, this.plan.readTo) - this.offset;
        this.offset = header.lastOffset + 1;
        if (count <= 0) return;
        this.unsealed += count;
        this.oldestUnsealed ??= header.maxTimestamp;
        return;
      }
      const last = Math.min(header.lastOffset, section.last);
      if (section.kind === 'gap') {
        this.found.falseGap(section, this.offset);
      } else if (section.kind === 'seal') {
        if (this.offset === section.first) this.chain.reset(decodeBase64(section.seal.after));
        const at = this.count * leafBytes;
        // Behind a hole the chain says nothing, but the batch is still judged and counted as read.
        const count = this.chain.append(bytes, header, this.offset, last, this.leaves, this.broken ? 0 : at);
        this.count += count;
        this.epoch = header.leaderEpoch;
        if (this.chain.unparsedReason !== null) this.found.unparsed(header, this.chain.unparsedReason);
      }
      await this.reach(last);
    }
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
    const { seal } = section;
    const computed = this.leaves.subarray(0, this.count * leafBytes);
    const root = this.broken ? null : this.rootOf(computed);
    if (root !== seal.root) {
      const damaged: DamagedSeal = { section, root };
      const leaves = await this.stored.of(section, null);
      if (leaves === null) this.damaged.set(section.hash, damaged);
      else await this.name(damaged, leaves);
      return;
    }
    const fits = this.found.lastEvent(section, {
      head: encodeBase64(computed.subarray(-leafBytes)),
      time: timeOf(this.chain.lastTimestamp),
      epoch: epochOf(this.epoch),
    });
    if (fits) {
      this.matchedSeals += 1;
      this.checkedEvents += this.count;
    }
    await this.stored.of(section, computed);
  }

  /** The section that the pass stands in; undefined behind the last. */
  private current(): Section | undefined {
    if (this.sectionIndex !== this.section) {
      this.sectionIndex = this.section;
      this.sectionNow = this.plan.sections.at(this.section);
    }
    return this.sectionNow;
  }

  private rootOf(leaves: Uint8Array): string {
    this.scratch.set(leaves);
    const count = leaves.length / leafBytes;
    return encodeBase64(rootInPlace(this.scratch.subarray(0, leaves.length), count, this.run.sha256));
  }
}
