import { inTime, pause } from './deadline.ts';
import type { Plan } from './domain/plan.ts';
import { JoinedSections } from './domain/sections.ts';
import type { Sections } from './domain/sections.ts';
import { shardsOf } from './domain/shards.ts';
import type { Shard } from './domain/shards.ts';
import { LeavesFollower } from './follow-leaves.ts';
import { nameAltered } from './name-altered.ts';
import { PartitionFindings } from './partition-findings.ts';
import { readShard } from './read-shard.ts';
import type { ShardCounts, ShardTools } from './read-shard.ts';
import type { Source } from './read-through.ts';
import type { Run } from './run.ts';
import type { DamagedSeal } from './seal-pass.ts';

/** What the records of one partition came to. */
export interface PartitionResult {
  readonly logStart: number;
  readonly highWatermark: number;
  readonly checkedEvents: number;
  readonly matchedSeals: number;
  readonly unsealed: number;
}

/**
 * Compares the records of one partition with what its accepted statements say, in one pass over the events and one over the stored
 * leaves beside it; batches that do not fit are read once more to name the events. Everything found goes to `run.findings`.
 * @param hasUnknown a statement of a later version was met: what it covers cannot be told from a loss
 * @throws KafkaError where the partition cannot be read at all; VerifierError VERIFY_ABORTED
 */
export async function checkPartition(run: Run, plan: Plan, hasUnknown: boolean): Promise<PartitionResult> {
  const { topic, partition } = plan;
  const { topicId } = plan.genesis.statement;
  run.meter.partition = partition;
  const { deadlineMs, signal } = run;
  const source: Source = { log: run.log, topic, topicId, partition, deadlineMs, signal, reuse: true };
  const found = new PartitionFindings(run.findings, plan, hasUnknown);
  const bounds = await settledBounds(run, plan);
  found.bounds(bounds);
  const name = async ({ section, root }: DamagedSeal, leaves: Uint8Array): Promise<void> => {
    const altered = await nameAltered(run, source, found, section, leaves, bounds.highWatermark);
    // The second reading found nothing: what was served changed in between.
    if (altered === 0 && root !== null) found.rootMismatch(section, root);
  };
  const seals = new LeavesFollower(run, plan, found, name);
  const tools: ShardTools = { ...run, source, found, seals, records: null };
  const total = new Total();
  try {
    for (const shard of shardsOf(plan, bounds, { events: Infinity, sections: Infinity })) {
      total.add(await readShard(shard, sectionsOf(plan, shard), tools, 'report'));
    }
    await seals.finish();
  } finally {
    await seals.close();
  }
  const { oldestUnsealed, ...counts } = total;
  if (oldestUnsealed !== null) checkTail(run, found, oldestUnsealed);
  return { ...bounds, ...counts };
}

/** The sum over shards. */
class Total {
  checkedEvents = 0;
  matchedSeals = 0;
  unsealed = 0;
  oldestUnsealed: bigint | null = null;

  add(counts: ShardCounts | null): void {
    if (counts === null) return;
    this.checkedEvents += counts.checkedEvents;
    this.matchedSeals += counts.matchedSeals;
    this.unsealed += counts.unsealed;
    this.oldestUnsealed ??= counts.oldestUnsealed;
  }
}

function sectionsOf({ sections }: Plan, { fromSection, toSection }: Shard): Sections {
  return new JoinedSections([{ list: sections, from: fromSection, count: toSection - fromSection }]);
}

/**
 * Log start and high watermark. A high watermark below what is sealed is asked again for a while before it counts: after a failover
 * a new leader may serve a lower one for some seconds with nothing lost (KIP-207).
 */
async function settledBounds(run: Run, plan: Plan): Promise<{ logStart: number; highWatermark: number }> {
  const until = performance.now() + run.settleMs;
  for (;;) {
    const what = `The question where partition ${plan.partition} of ${plan.topic} begins and ends`;
    const { logStart, highWatermark } = await inTime(what, run, run.log.bounds(plan.topic, plan.partition));
    if (highWatermark >= plan.end || performance.now() >= until) return { logStart, highWatermark };
    await pause(Math.min(200, run.settleMs), run.signal);
  }
}

function checkTail(run: Run, found: PartitionFindings, oldest: bigint): void {
  if (run.maxTailAgeMs === null) return;
  const ageMs = run.now() - Number(oldest);
  if (ageMs > run.maxTailAgeMs) found.tail(oldest, ageMs, run.maxTailAgeMs);
}
