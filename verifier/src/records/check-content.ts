import { KafkaError } from '@tallystick/kafka/errors';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import { compareIds } from '../content/compare-ids.ts';
import type { ComparedIds, CompareOptions } from '../content/compare-ids.ts';
import type { Plan } from '../domain/plan.ts';
import { joinShared } from '../parallel/join-ids.ts';
import type { IdJoiner } from '../parallel/join-ids.ts';
import { reportUnavailable } from '../run/report-unavailable.ts';
import type { Run } from '../run/run.ts';
import type { CheckedPlan } from './check-records.ts';
import { readThrough } from './read-through.ts';

/**
 * Reports what the events say of themselves, once all partitions are read: what each partition's events come to, and the ids of all of
 * them compared with each other. Where records cannot be read again that is a finding.
 * @param pool threads that help to compare; null: this one does
 */
export async function checkContent(
  run: Run,
  checked: readonly CheckedPlan[],
  pool: IdJoiner | null,
): Promise<ComparedCounts> {
  const counts = { compared: 0, duplicates: 0, conflicts: 0 };
  for (const topic of new Set(checked.map(({ plan }) => plan.topic))) {
    const of = checked.filter(({ plan }) => plan.topic === topic);
    for (const { result } of of) run.findings.addAll(result?.content.merged.findings ?? []);
    const compared = await compare(run, topic, of, pool);
    run.findings.addAll(compared?.findings ?? []);
    counts.compared += compared?.compared ?? 0;
    counts.duplicates += compared?.duplicates ?? 0;
    counts.conflicts += compared?.conflicts ?? 0;
  }
  return counts;
}

async function compare(
  run: Run,
  topic: string,
  checked: readonly CheckedPlan[],
  pool: IdJoiner | null,
): Promise<ComparedIds | null> {
  const partitions = checked.flatMap(({ result }) =>
    result === null ? [] : [{ parts: result.content.parts, repeats: result.content.merged.repeats }],
  );
  const read: CompareOptions['read'] = (partition, from, to) => readAgain(run, checked, partition, from, to);
  try {
    const join: CompareOptions['join'] =
      pool === null ? undefined : async (lists, each) => await joinShared(pool, lists, each, run.signal);
    const options = { read, schemas: run.schemas, codecs: run.codecs, signal: run.signal };
    return await compareIds(partitions, join === undefined ? options : { ...options, join });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    reportUnavailable(run, error, topic, null);
    return null;
  }
}

/** Of all events that this run looked at. */
export interface ComparedCounts {
  /** Events whose ids were compared with each other. */
  readonly compared: number;
  /** Events that are an earlier one again. */
  readonly duplicates: number;
  /** Events that have the id, or the place in a producer's life, of another one. */
  readonly conflicts: number;
}

async function* readAgain(
  { log, deadlineMs, signal }: Run,
  checked: readonly CheckedPlan[],
  partition: number,
  from: number,
  to: number,
): AsyncGenerator<readonly ReadBatch[], void, void> {
  const plan: Plan | undefined = checked.find((each) => each.plan.partition === partition)?.plan;
  if (plan === undefined) return;
  const { topic, genesis } = plan;
  const source = { log, topic, topicId: genesis.statement.topicId, partition, deadlineMs, signal };
  for await (const piece of readThrough(source, from, to)) if (piece.kind === 'batches') yield piece.batches;
}
