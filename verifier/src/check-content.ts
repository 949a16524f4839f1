import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { CheckedPlan } from './check-records.ts';
import { compareIds } from './content/compare-ids.ts';
import type { Plan } from './domain/plan.ts';
import { readThrough } from './read-through.ts';
import type { Run } from './run.ts';

/**
 * Reports what the events say of themselves, once all partitions are read: what each partition's events come to, and the ids of all of
 * them compared with each other.
 * @throws KafkaError where records cannot be read again
 */
export async function checkContent(run: Run, checked: readonly CheckedPlan[]): Promise<ComparedCounts> {
  const counts = { compared: 0, duplicates: 0, conflicts: 0 };
  for (const topic of new Set(checked.map(({ plan }) => plan.topic))) {
    const of = checked.filter(({ plan }) => plan.topic === topic);
    for (const { result } of of) for (const finding of result?.content.merged.findings ?? []) run.findings.add(finding);
    const compared = await compareIds(
      of.flatMap(({ result }) => result?.content.parts ?? []),
      {
        read: (partition, from, to) => readAgain(run, of, partition, from, to),
        schemas: run.schemas,
        codecs: run.codecs,
      },
    );
    for (const finding of compared.findings) run.findings.add(finding);
    counts.compared += compared.compared;
    counts.duplicates += compared.duplicates;
    counts.conflicts += compared.conflicts;
  }
  return counts;
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
