import { KafkaError } from '@tallystick/kafka/errors';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { boundsOf, describeTopic } from '../ask-broker.ts';
import type { Plan } from '../domain/plan.ts';
import { compareSeals, sealOfLeaves } from '../domain/seal-number.ts';
import type { SealNumber } from '../domain/seal-number.ts';
import type { SealSection } from '../domain/sections.ts';
import type { OpenSeal } from '../progress/progress-part.ts';
import type { Run } from '../run/run.ts';
import { dataRecords } from './data-records.ts';
import type { PartitionFindings } from './partition-findings.ts';
import { readThrough } from './read-through.ts';
import type { Piece, Source } from './read-through.ts';
import type { DamagedSeal, SealSink } from './seal-pass.ts';
import { StoredLeaves } from './stored-leaves.ts';
import type { SameLeaves } from './stored-leaves.ts';

/**
 * Follows the stored leaves beside the seals as these are settled, in order, so that each damaged batch is taken apart as soon as its
 * leaves are met.
 */
export class LeavesFollower implements SealSink {
  private readonly found: PartitionFindings;
  private readonly stored: StoredLeaves;
  private readonly name: (damaged: DamagedSeal, leaves: Uint8Array) => Promise<void>;
  /** By statement hash: seals that do not fit and whose stored leaves were not met yet. */
  private readonly damaged = new Map<string, DamagedSeal>();

  /** @param name called with a batch that does not fit and its stored leaves */
  constructor(
    run: Run,
    plan: Plan,
    found: PartitionFindings,
    name: (damaged: DamagedSeal, leaves: Uint8Array) => Promise<void>,
  ) {
    this.found = found;
    this.name = name;
    this.stored = new StoredLeaves(leavesPieces(run, plan, found), plan.topic, plan.lastSeals, run, (hole) => {
      found.leavesUnreadable(hole.damage.error);
    });
  }

  async agrees(section: SealSection, leaves: Uint8Array): Promise<void> {
    await this.agreesIf(section, (stored) => Buffer.compare(stored, leaves) === 0);
  }

  /** As `agrees`, where the leaves themselves are not at hand. */
  async agreesIf(section: SealSection, same: SameLeaves): Promise<void> {
    await this.stored.of(section, same);
  }

  async differs(damaged: DamagedSeal): Promise<void> {
    const leaves = await this.stored.of(damaged.section, null);
    if (leaves !== null) await this.name(damaged, leaves);
    else if (this.stored.isOver) this.found.unnamed(damaged);
    else this.damaged.set(damaged.section.hash, damaged);
  }

  /** Seals that agree and whose stored leaves were not met yet; null where one that does not agree lacks its leaves, or there are too many. */
  unmet(): readonly OpenSeal[] | null {
    return this.damaged.size > 0 ? null : this.stored.unmet();
  }

  /** As `agrees`, for a seal whose leaves an earlier run did not meet. */
  expect(section: SealSection, met: boolean): void {
    this.stored.expect(section, met);
  }

  /** Behind the last seal: leaves that come late, and what is lacking. */
  async finish(): Promise<void> {
    for await (const { hash, leaves } of this.stored.late()) {
      const damaged = this.damaged.get(hash);
      if (damaged === undefined) continue;
      this.damaged.delete(hash);
      await this.name(damaged, leaves);
    }
    const { missing, wrong } = this.stored.lacking();
    this.found.leavesLacking(missing, wrong);
    for (const damaged of this.damaged.values()) this.found.unnamed(damaged);
  }

  async close(): Promise<void> {
    await this.stored.close();
  }
}

/** Missing or unreadable leaves are a warning: the batches are checked without them. */
async function* leavesPieces(run: Run, plan: Plan, found: PartitionFindings): AsyncGenerator<Piece, void, void> {
  if (plan.lastSeals.size === 0) return;
  const topic = run.topics.leaves;
  const { partition } = plan;
  try {
    const { topicId, partitions } = await describeTopic(run, topic);
    if (!partitions.some((each) => each.partition === partition)) return;
    const { logStart, highWatermark } = await boundsOf(run, topic, partition);
    const source: Source = { log: run.log, topic, topicId, partition, deadlineMs: run.deadlineMs, signal: run.signal };
    const middle = await whereToBegin(run, plan, source, logStart, highWatermark);
    for (const [from, to] of [
      [middle, highWatermark],
      // Asked for only where something was not found from there on.
      [logStart, middle],
    ] as const) {
      if (from >= to) continue;
      for await (const piece of readThrough(source, from, to)) {
        if (piece.kind === 'batches') for (const { bytes } of piece.batches) run.meter.add(bytes.length, 0);
        yield piece;
      }
    }
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code === 'ABORTED') throw error;
    if (error.code !== 'TOPIC_MISSING') found.leavesUnreadable(error);
  }
}

/**
 * Where the leaves of a plan that begins in the middle are likely to begin: the ledger writes them in the order of the seals. Only a
 * guess: what is not found from there on is looked for before.
 */
async function whereToBegin(run: Run, plan: Plan, source: Source, logStart: number, end: number): Promise<number> {
  const first = firstSeal(plan);
  if (first === null || (first.seal.generation === 0 && first.seal.seal === 0)) return logStart;
  let low = logStart;
  let high = end;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const number = await sealAt(run, source, plan.topic, middle);
    if (number !== null && compareSeals(number, first.seal) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstSeal(plan: Plan): SealSection | null {
  for (const section of plan.sections) if (section.kind === 'seal') return section;
  return null;
}

/** The seal whose leaves the record at an offset holds; null where that cannot be said. */
async function sealAt(run: Run, source: Source, eventsTopic: string, offset: number): Promise<SealNumber | null> {
  const { log, topic, topicId, partition, deadlineMs, signal } = source;
  const range = { from: offset, to: offset + 1, maxBytes: 64 * 1024, maxWaitMs: Math.min(500, deadlineMs) };
  const options = { log, topic, topicId, partition, deadlineMs, ...range, ...(signal === undefined ? {} : { signal }) };
  try {
    for await (const { batches } of readPartition(options)) {
      for (const batch of batches) {
        const record = dataRecords(batch, run.codecs).find((each) => each.offset === offset);
        if (record !== undefined && record.key !== null) return sealOfLeaves(record.key, eventsTopic);
      }
    }
    return null;
  } catch (error) {
    if (error instanceof KafkaError && error.code !== 'ABORTED') return null;
    throw error;
  }
}
