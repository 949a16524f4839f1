import { KafkaError } from '@tallystick/kafka/errors';
import { inTime, pause } from './deadline.ts';
import type { Plan } from './domain/plan.ts';
import { nameAltered } from './name-altered.ts';
import { PartitionFindings } from './partition-findings.ts';
import { readThrough } from './read-through.ts';
import type { Piece, Source } from './read-through.ts';
import type { Run } from './run.ts';
import { SealPass } from './seal-pass.ts';
import type { DamagedSeal } from './seal-pass.ts';
import { StoredLeaves } from './stored-leaves.ts';

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
  const { logStart, highWatermark } = await settledBounds(run, plan);
  found.bounds({ logStart, highWatermark });
  const stored = openLeaves(run, plan, found);
  const name = async ({ section, root }: DamagedSeal, leaves: Uint8Array): Promise<void> => {
    const altered = await nameAltered(run, source, found, section, leaves, highWatermark);
    // The second reading found nothing: what was served changed in between.
    if (altered === 0 && root !== null) found.rootMismatch(section, root);
  };
  const pass = new SealPass(run, plan, found, stored, name);
  try {
    for (const [from, to] of readable(plan, logStart, highWatermark)) {
      await pass.skipTo(from);
      for await (const piece of readThrough(source, from, to)) await pass.piece(piece);
    }
    await pass.skipTo(Math.max(highWatermark, plan.end));
    for await (const { section, leaves } of stored.late()) {
      const damaged = pass.damaged.get(section.hash);
      if (damaged === undefined) continue;
      pass.damaged.delete(section.hash);
      await name(damaged, leaves);
    }
  } finally {
    await stored.close();
  }
  const { missing, wrong } = stored.lacking();
  found.leavesLacking(missing, wrong);
  for (const damaged of pass.damaged.values()) found.unnamed(damaged);
  if (pass.oldestUnsealed !== null) checkTail(run, found, pass.oldestUnsealed);
  const { checkedEvents, matchedSeals, unsealed } = pass;
  return { logStart, highWatermark, checkedEvents, matchedSeals, unsealed };
}

/**
 * Log start and high watermark. A high watermark below what is sealed is asked again for a while before it counts: after a failover
 * a new leader may serve a lower one for some seconds with nothing lost (KIP-207).
 */
async function settledBounds(run: Run, plan: Plan): Promise<{ logStart: number; highWatermark: number }> {
  const until = performance.now() + run.settleMs;
  for (;;) {
    const what = `The question where partition ${plan.partition} of ${plan.topic} begins and ends`;
    const bounds = await inTime(what, run, run.log.bounds(plan.topic, plan.partition));
    if (bounds.highWatermark >= plan.end || performance.now() >= until) return bounds;
    await pause(Math.min(200, run.settleMs), run.signal);
  }
}

/** The runs of offsets to read, ends exclusive: all that is there but what an earlier generation lost, or nobody asked for. */
function* readable(plan: Plan, logStart: number, highWatermark: number): Generator<[number, number], void, void> {
  const end = Math.min(highWatermark, plan.readTo);
  let from = Math.max(plan.from, logStart);
  for (const section of plan.sections) {
    if ((section.kind !== 'lost' && section.kind !== 'outside') || section.last < from) continue;
    if (from < Math.min(section.first, end)) yield [from, Math.min(section.first, end)];
    from = section.last + 1;
  }
  if (from < end) yield [from, end];
}

function openLeaves(run: Run, plan: Plan, found: PartitionFindings): StoredLeaves {
  const { lastSeals } = plan;
  return new StoredLeaves(leavesPieces(run, plan, found, lastSeals.size > 0), plan.topic, lastSeals, run, (hole) => {
    found.leavesUnreadable(hole.damage.error);
  });
}

/** Missing or unreadable leaves are a warning: the batches are checked without them. */
async function* leavesPieces(
  run: Run,
  plan: Plan,
  found: PartitionFindings,
  wanted: boolean,
): AsyncGenerator<Piece, void, void> {
  if (!wanted) return;
  const topic = run.topics.leaves;
  const { partition } = plan;
  try {
    const { topicId, partitions } = await inTime(`A description of topic ${topic}`, run, run.log.describeTopic(topic));
    if (!partitions.some((each) => each.partition === partition)) return;
    const what = `The question where partition ${partition} of ${topic} begins and ends`;
    const { logStart, highWatermark } = await inTime(what, run, run.log.bounds(topic, partition));
    const source: Source = { log: run.log, topic, topicId, partition, deadlineMs: run.deadlineMs, signal: run.signal };
    for await (const piece of readThrough(source, logStart, highWatermark)) {
      if (piece.kind === 'batches') for (const { bytes } of piece.batches) run.meter.add(bytes.length, 0);
      yield piece;
    }
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code === 'ABORTED') throw error;
    if (error.code !== 'TOPIC_MISSING') found.leavesUnreadable(error);
  }
}

function checkTail(run: Run, found: PartitionFindings, oldest: bigint): void {
  if (run.maxTailAgeMs === null) return;
  const ageMs = run.now() - Number(oldest);
  if (ageMs > run.maxTailAgeMs) found.tail(oldest, ageMs, run.maxTailAgeMs);
}
