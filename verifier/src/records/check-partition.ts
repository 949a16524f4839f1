import { settledBounds } from '../ask-broker.ts';
import { HeldIds } from '../content/id-spill.ts';
import { chainName } from '../domain/anchor.ts';
import type { Plan } from '../domain/plan.ts';
import { JoinedSections } from '../domain/sections.ts';
import type { Sections } from '../domain/sections.ts';
import { shardsOf } from '../domain/shards.ts';
import type { Bounds, Shard, ShardLimits } from '../domain/shards.ts';
import { checkShards } from '../parallel/check-shards.ts';
import type { CheckedShard, ShardsOptions } from '../parallel/check-shards.ts';
import type { ShardReader } from '../parallel/shard-message.ts';
import { PartitionProgress } from '../progress/partition-progress.ts';
import type { Run } from '../run/run.ts';
import { LeavesFollower } from './follow-leaves.ts';
import { nameAltered } from './name-altered.ts';
import { ContentParts } from './partition-content.ts';
import type { PartitionContent } from './partition-content.ts';
import { PartitionFindings } from './partition-findings.ts';
import { PieceReader, readShardsOn } from './read-shard.ts';
import type { ShardCounts } from './read-shard.ts';
import type { Source } from './read-through.ts';
import { ContentFeed, producerKeysOf } from './record-content.ts';
import type { ShardContent } from './record-content.ts';
import type { DamagedSeal } from './seal-pass.ts';

const shardsPerThread = 16;
const smallestShard = 20_000;
const largestShard = 1_000_000;
const mostSections = 4_096;
const unlimited: ShardLimits = { events: Infinity, sections: Infinity };

/** What the records of one partition came to. */
export interface PartitionResult extends Bounds {
  readonly checkedEvents: number;
  readonly matchedSeals: number;
  readonly unsealed: number;
  /** Stored time of the first of them, unix ms. */
  readonly oldestUnsealed: bigint | null;
  readonly content: PartitionContent;
}

export interface PartitionOptions {
  /** A statement of a later version was met: what it covers cannot be told from a loss. */
  readonly hasUnknown: boolean;
  /** Threads that read; null: this one reads. */
  readonly pool: ShardReader | null;
  /** How shards are cut for them; default by the number of events. */
  readonly limits?: ShardLimits;
  /** An existing folder for what does not fit into memory. */
  readonly tempDir: string;
}

/**
 * Compares the records of one partition with what its accepted statements say, in one pass over the events and one over the stored
 * leaves beside it; batches that do not fit are read once more to name the events. Everything found goes to `run.findings`.
 * @throws KafkaError where the partition cannot be read at all; VerifierError VERIFY_ABORTED, WORKER_FAILED
 */
export async function checkPartition(run: Run, plan: Plan, options: PartitionOptions): Promise<PartitionResult> {
  const { topic, partition } = plan;
  const { hasUnknown, pool } = options;
  const { topicId } = plan.genesis.statement;
  run.meter.partition = partition;
  const { deadlineMs, signal } = run;
  const source: Source = { log: run.log, topic, topicId, partition, deadlineMs, signal, reuse: true };
  const { logStart, highWatermark } = await settledBounds(run, topic, partition, plan.end);
  const bounds = { logStart, highWatermark };
  const progress = PartitionProgress.of(run, plan, bounds);
  const found = new PartitionFindings(progress ?? run.findings, plan, hasUnknown);
  found.bounds(bounds);
  const name = async ({ section, root }: DamagedSeal, leaves: Uint8Array): Promise<void> => {
    const altered = await nameAltered(run, source, found, section, leaves, bounds.highWatermark);
    // The second reading found nothing: what was served changed in between.
    if (altered === 0 && root !== null) found.rootMismatch(section, root);
  };
  const content = contentOf(run, plan, options.tempDir);
  const { schemas } = run;
  const parts = new ContentParts(plan, { ...content, schemas }, run.contentBefore.get(chainName(plan)));
  const total = new Total();
  const held = new HeldIds(options.tempDir);
  for await (const { findings, counts, shard, content: before } of progress?.taken(source, options.tempDir) ?? []) {
    for (const finding of findings) found.add(finding);
    total.add(counts);
    await parts.add(shard, heldIn(held, before));
  }
  const seals = new LeavesFollower(run, progress?.ahead ?? plan, found, name);
  progress?.expect(seals);
  const pieces = new PieceReader(source);
  const readHere: ShardsOptions['readHere'] = async (shard, next) => {
    const records = new ContentFeed({ ...content, schemas });
    const tools = { ...run, source, pieces, found, seals, records };
    const read = await readShardsOn(shard, sectionsFrom(plan, shard), tools, next);
    return { ...read, content: await records.finish() };
  };
  try {
    const shared = { plan, found, seals, hasUnknown, content, readHere };
    const checked =
      pool === null
        ? checkHere(shardsOf(plan, bounds, progress?.limits ?? unlimited, progress?.end), readHere)
        : checkShards(shardsOf(plan, bounds, options.limits ?? limitsOf(plan, pool), progress?.end), {
            ...shared,
            pool,
          });
    for await (const each of checked) {
      total.add(each.counts);
      const kept = { ...each, content: heldIn(held, each.content) };
      await parts.add(kept.shard, kept.content);
      await progress?.keep(kept, seals);
    }
    await seals.finish();
  } finally {
    await pieces.close();
    await seals.close();
  }
  const { oldestUnsealed, ...counts } = total;
  return { ...bounds, ...counts, oldestUnsealed, content: await parts.finish() };
}

async function* checkHere(
  shards: Iterable<Shard>,
  readHere: ShardsOptions['readHere'],
): AsyncGenerator<CheckedShard, void, void> {
  const source = shards[Symbol.iterator]();
  let ahead = source.next();
  while (ahead.done !== true) {
    const shard = ahead.value;
    ahead = source.next();
    yield await readHere(shard, (border) => {
      // What is damaged at a border can only be told by who comes from before.
      if (border !== null || ahead.done === true || !ahead.value.joins) return Promise.resolve(null);
      const joined = ahead.value;
      ahead = source.next();
      return Promise.resolve(joined);
    });
  }
}

/** Several shards for each thread, so that none is idle for long at the end; none so large that its results weigh. */
function limitsOf({ plannedEvents }: Plan, { size }: ShardReader): ShardLimits {
  const events = Math.ceil(plannedEvents / (size * shardsPerThread));
  return { events: Math.min(Math.max(events, smallestShard), largestShard), sections: mostSections };
}

function contentOf({ origin, keys, maxClockSkewMs, deadlineMs }: Run, { topic, partition }: Plan, tempDir: string) {
  const producerKeys = producerKeysOf(keys);
  return { topic, partition, origin, producerKeys, maxClockSkewMs, deadlineMs, tempDir };
}

function heldIn(held: HeldIds, { sealed, tail }: ShardContent): ShardContent {
  return { sealed: sealed === null ? null : { ...sealed, ids: held.take(sealed.ids) }, tail };
}

/** The sum over shards. */
class Total {
  checkedEvents = 0;
  matchedSeals = 0;
  unsealed = 0;
  oldestUnsealed: bigint | null = null;

  add(counts: ShardCounts): void {
    this.checkedEvents += counts.checkedEvents;
    this.matchedSeals += counts.matchedSeals;
    this.unsealed += counts.unsealed;
    this.oldestUnsealed ??= counts.oldestUnsealed;
  }
}

function sectionsFrom({ sections }: Plan, { fromSection }: Shard): Sections {
  return new JoinedSections([{ list: sections, from: fromSection, count: sections.length - fromSection }]);
}
