import { KafkaError } from '@tallystick/kafka/errors';
import type { TopicDescription } from '@tallystick/kafka/record-log';
import { describeTopic } from '../ask-broker.ts';
import type { Plan } from '../domain/plan.ts';
import { VerifierError } from '../errors.ts';
import type { ThreadPool } from '../parallel/thread-pool.ts';
import { reportUnavailable } from '../run/report-unavailable.ts';
import type { Run } from '../run/run.ts';
import { TempFolder } from '../temp-folder.ts';
import { checkContent } from './check-content.ts';
import type { ComparedCounts } from './check-content.ts';
import { checkPartition } from './check-partition.ts';
import type { PartitionOptions, PartitionResult } from './check-partition.ts';
import { reportMissing, reportRecreated } from './topic-findings.ts';

export interface CheckedPlan {
  readonly plan: Plan;
  /** null where its records could not be looked at. */
  readonly result: PartitionResult | null;
}

export interface CheckedRecords {
  readonly checked: readonly CheckedPlan[];
  readonly ids: ComparedCounts;
}

/**
 * Checks the records of every partition that accepted statements speak of, one after the other, and that every partition of the
 * events topic has statements. What cannot be looked at is a finding, never left out.
 * @param hasUnknown whether a partition's chain may go on with statements of a later version
 * @param pool threads that read; ended here
 */
export async function checkRecords(
  run: Run,
  plans: readonly Plan[],
  hasUnknown: boolean,
  pool: ThreadPool | null,
): Promise<CheckedRecords> {
  const topics = new Topics(run);
  const checked: CheckedPlan[] = [];
  const temp = await TempFolder.make();
  try {
    for (const plan of plans) {
      const topic = await topics.describe(plan.topic);
      const options = { hasUnknown, pool, tempDir: temp.path };
      checked.push({ plan, result: topic === null ? null : await checkPlan(run, plan, topic, options, topics) });
      if (topic === 'missing') reportMissing(run.findings, plan, `Topic ${plan.topic} does not exist`);
    }
    await checkCoverage(run, plans, topics);
    return { checked, ids: await checkContent(run, checked, pool) };
  } finally {
    await pool?.close();
    await temp.remove();
  }
}

async function checkPlan(
  run: Run,
  plan: Plan,
  topic: TopicDescription | 'missing',
  options: PartitionOptions,
  topics: Topics,
): Promise<PartitionResult | null> {
  if (topic === 'missing') return null;
  if (topic.topicId !== plan.genesis.statement.topicId) {
    reportRecreated(run.findings, plan, topic.topicId);
    return null;
  }
  const missing = `Topic ${plan.topic} has no partition ${plan.partition}`;
  if (!topic.partitions.some(({ partition }) => partition === plan.partition)) {
    reportMissing(run.findings, plan, missing);
    return null;
  }
  try {
    return await checkPartition(run, plan, options);
  } catch (error) {
    if (error instanceof VerifierError && error.code === 'WORKER_FAILED') {
      reportUnavailable(run, error, plan.topic, plan.partition);
      return null;
    }
    if (!(error instanceof KafkaError)) throw error;
    if (error.code === 'TOPIC_MISSING') reportMissing(run.findings, plan, missing);
    else if (error.code === 'TOPIC_RECREATED') reportRecreated(run.findings, plan, String(error.evidence['found']));
    else {
      reportUnavailable(run, error, plan.topic, plan.partition);
      topics.forget();
    }
    return null;
  }
}

/** Every partition has a genesis, empty ones too: without one nothing says that its records were ever sealed. */
async function checkCoverage(run: Run, plans: readonly Plan[], topics: Topics): Promise<void> {
  if (plans.length === 0) return;
  const name = run.topics.events;
  const topic = await topics.describe(name);
  if (topic === null) return;
  if (topic === 'missing') {
    if (plans.some((plan) => plan.topic === name)) return;
    run.findings.add({
      code: 'nothing-to-check',
      topic: name,
      message: `Topic ${name} does not exist, and no accepted statement speaks of it. Check the name of the events topic.`,
    });
    return;
  }
  for (const { partition } of topic.partitions) {
    if (plans.some((plan) => plan.topic === name && plan.partition === partition)) continue;
    run.findings.add({
      code: 'no-genesis',
      topic: name,
      partition,
      message: `Partition ${partition} of ${name} has no accepted genesis: nothing in it is sealed. Let the ledger service run; if it does, see its alarms.`,
    });
  }
}

/** Descriptions of topics, asked once each, and again after a failure: where nobody answers, nobody is asked for long. */
class Topics {
  private readonly run: Run;
  private readonly known = new Map<string, TopicDescription | 'missing'>();
  /** The last question failed: until one succeeds, nothing else is tried. */
  private failed: KafkaError | null = null;

  constructor(run: Run) {
    this.run = run;
  }

  /** null: it could not be asked; that was reported. */
  async describe(name: string): Promise<TopicDescription | 'missing' | null> {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    if (this.failed !== null) {
      reportUnavailable(this.run, this.failed, name, null);
      return null;
    }
    try {
      const topic = await describeTopic(this.run, name);
      this.known.set(name, topic);
      return topic;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.code === 'TOPIC_MISSING') {
        this.known.set(name, 'missing');
        return 'missing';
      }
      if (error.code !== 'NOT_AUTHORIZED') this.failed = error;
      reportUnavailable(this.run, error, name, null);
      return null;
    }
  }

  forget(): void {
    this.known.clear();
  }
}
