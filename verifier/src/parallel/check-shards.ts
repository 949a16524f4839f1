import { equalBytes } from '@tallystick/core/encoding';
import type { Plan } from '../domain/plan.ts';
import { PackedSections } from '../domain/section-record.ts';
import type { Shard } from '../domain/shards.ts';
import { isOneBorder } from '../records/batch-marks.ts';
import type { Border } from '../records/batch-marks.ts';
import type { LeavesFollower } from '../records/follow-leaves.ts';
import type { PartitionFindings } from '../records/partition-findings.ts';
import type { NextShard, ShardCounts } from '../records/read-shard.ts';
import type { ShardContent } from '../records/record-content.ts';
import { digestOfLeaves } from './run-shard.ts';
import { sealOutcome } from './shard-message.ts';
import type { ShardReader, ShardResult, ShardTask } from './shard-message.ts';

const hashBytes = 32;
const aheadPerThread = 8;

/** What came of one shard, or of several that were read as one. */
export interface CheckedShard {
  readonly shard: Shard;
  readonly counts: ShardCounts;
  readonly content: ShardContent;
  /** As it was seen where the shard ends. */
  readonly border: Border;
}

export interface ShardsOptions {
  readonly pool: ShardReader;
  readonly plan: Plan;
  readonly found: PartitionFindings;
  readonly seals: LeavesFollower;
  readonly hasUnknown: boolean;
  readonly content: ShardTask['content'];
  /** Reads a shard in this thread, reports the damage that it meets, and goes on as `readShardsOn` does. */
  readonly readHere: (shard: Shard, next: NextShard) => Promise<CheckedShard>;
}

interface Under {
  readonly shard: Shard;
  readonly result: Promise<ShardResult | null>;
}

/**
 * Has shards read by threads and takes over what they found, in order. Shards with damage are read again here, together with the
 * one before and the damaged ones behind, so that what is reported is what one thread alone would report.
 * @throws VerifierError WORKER_FAILED
 */
export async function* checkShards(
  shards: Iterable<Shard>,
  options: ShardsOptions,
): AsyncGenerator<CheckedShard, void, void> {
  const { pool, readHere } = options;
  const source = shards[Symbol.iterator]();
  const under: Under[] = [];
  // Many more than there are threads, so that none waits for one that is slow, or has still to load its code; not all, so that memory stays flat.
  const ahead = (): Under | undefined => {
    while (under.length < aheadPerThread * pool.size) {
      const next = source.next();
      if (next.done === true) break;
      under.push({ shard: next.value, result: ask(next.value, options) });
    }
    return under[0];
  };
  for (let first = ahead(); first !== undefined; first = ahead()) {
    under.shift();
    const { shard } = first;
    const result = await first.result;
    if (result !== null && (await hangsTogether(result.end, ahead()))) {
      yield await takeOver(shard, result, options);
      continue;
    }
    yield await readHere(shard, async (border) => {
      const next = ahead();
      if (next?.shard.joins !== true) return null;
      if (border !== null && (await hangsTogether(border, next))) return null;
      under.shift();
      return next.shard;
    });
  }
}

/**
 * Whether the next shard, where it joins this one, is sound and was read behind the very batch that this one ended with, and begins with what
 * this one saw behind it: it may have been led to a copy of that batch further on. Where it is not, both are read here: what is damaged
 * there can only be told by who comes from before.
 */
async function hangsTogether(end: Border, next: Under | undefined): Promise<boolean> {
  if (next?.shard.joins !== true) return true;
  const result = await next.result;
  return result !== null && isOneBorder(result.begin, end);
}

function ask(shard: Shard, { pool, plan, hasUnknown, content }: ShardsOptions): Promise<ShardResult | null> {
  const { topic, partition, genesis, sections } = plan;
  const result = pool.read({
    shard,
    sections: PackedSections.of(sections, shard.fromSection, shard.toSection),
    plan: { topic, partition, genesis },
    hasUnknown,
    content,
  });
  // It is awaited in its turn.
  result.catch(() => undefined);
  return result;
}

async function takeOver(
  shard: Shard,
  result: ShardResult,
  { plan, found, seals }: ShardsOptions,
): Promise<CheckedShard> {
  const { counts, findings, outcomes, digests, roots, content, end } = result;
  for (const finding of findings) found.add(finding);
  let differing = 0;
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome === sealOutcome.none) continue;
    const section = plan.sections.at(shard.fromSection + at);
    if (section?.kind !== 'seal') continue;
    if (outcome === sealOutcome.differs) {
      await seals.differs({ section, root: roots[differing++] ?? null });
    } else {
      const digest = digests.subarray(at * hashBytes, (at + 1) * hashBytes);
      await seals.agreesIf(section, (stored) => equalBytes(digestOfLeaves(stored), digest));
    }
  }
  return { shard, counts, content, border: end };
}
