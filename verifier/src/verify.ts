import { isKeyName } from '@tallystick/core/encoding';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import { headOf, moveAnchor, stateOf } from './anchoring.ts';
import { checkRecords, reportUnavailable } from './check-records.ts';
import type { CheckedPlan } from './check-records.ts';
import { checkAbort } from './deadline.ts';
import { chainName, checkAnchorFits, rollbacks } from './domain/anchor.ts';
import { Findings } from './domain/findings.ts';
import { planOf } from './domain/plan.ts';
import type { Plan } from './domain/plan.ts';
import { VerifierError } from './errors.ts';
import type { Anchor } from './ports/anchor-store.ts';
import { readStatements } from './read-statements.ts';
import type { Statements } from './read-statements.ts';
import { Meter } from './run.ts';
import type { Run } from './run.ts';
import { judgeAgain, settleContested } from './settle-contested.ts';
import { reportStatements } from './statement-findings.ts';
import type { CheckedPartition, Verdict } from './verdict.ts';
import type { VerifyOptions } from './verify-options.ts';

export type { VerifyOptions } from './verify-options.ts';

/**
 * Recomputes everything that the statements of one log say from the records as the brokers store them, and compares: full
 * verification from the first genesis (protocol, sections 1 to 6 and 9). Trusts the root key, and what the anchor remembers.
 * It reads only, and resolves with a verdict whatever it finds; a verdict is `verified` only if everything was read and agrees.
 *
 * @throws VerifierError for what makes a verdict impossible (exit code 2): OPTIONS_INVALID, VERIFY_ABORTED, and ANCHOR_* for an
 *   anchor that is damaged, foreign or cannot be written
 */
export async function verify(options: VerifyOptions): Promise<Verdict> {
  checkOptions(options);
  const { log, topics, origin, rootKey, signal, onProgress } = options;
  const started = performance.now();
  const now = options.now ?? Date.now;
  const startedAt = now();
  const anchor = (await options.anchor?.load()) ?? null;
  if (anchor !== null) checkAnchorFits(anchor, origin, rootKey.vkey);

  let total = 0;
  const newJudge = (): Judge => new Judge({ origin, rootKey, verify: nodeVerifyEd25519 });
  const judge = newJudge();
  const run: Run = {
    log,
    topics,
    origin,
    get keys() {
      return judge.keys;
    },
    schemas: options.schemas ?? null,
    maxClockSkewMs: options.maxClockSkewMs ?? null,
    workers: options.workers ?? 1,
    reopen: options.reopen ?? null,
    contentBefore: new Map(),
    deadlineMs: options.deadlineMs ?? 30_000,
    settleMs: options.settleMs ?? 10_000,
    signal,
    maxTailAgeMs: options.maxTailAgeMs ?? null,
    now,
    sha256: options.sha256 ?? nodeSha256,
    codecs: options.codecs ?? nodeCodecs,
    findings: new Findings(options.maxFindings ?? 10_000),
    meter: new Meter((events, partition) =>
      onProgress?.({ phase: 'records', done: Math.min(events, total), total, partition, leftMs: null }),
    ),
  };

  const statements = await tryStatements(run, judge, anchor, (done, of) =>
    onProgress?.({ phase: 'statements', done, total: of, partition: null, leftMs: null }),
  );
  const plans = statements === null ? [] : plansOf(statements);
  total = plans.reduce((sum, plan) => sum + plan.sealedEvents, 0);
  if (statements !== null) for (const chain of statements.chains.values()) reportStatements(run.findings, chain);
  const checked = await checkRecords(run, plans, (statements?.unjudged.size ?? 0) > 0);
  onProgress?.({ phase: 'records', done: total, total, partition: null, leftMs: null });
  const decided = await trySettle(run, judge, newJudge, statements, plans);
  if (statements !== null && plans.every(({ acceptedSeals }) => acceptedSeals === 0))
    reportNothing(run, judge, statements, plans);

  const state = stateOf(judge, statements, plans);
  if (anchor !== null && statements !== null) for (const finding of rollbacks(anchor, state)) run.findings.add(finding);
  const updated = run.findings.verdict().exitCode === 0 && (await moveAnchor(options, run, state, startedAt));

  const durationMs = performance.now() - started;
  const partitions = checked.map(describe);
  return {
    version: 1,
    ...run.findings.verdict(),
    origin,
    rootKey: rootKey.vkey,
    topics,
    startedAt: new Date(startedAt).toISOString(),
    durationMs: Math.round(durationMs),
    mode: 'full',
    scope: {
      kind: 'all',
      ranges: null,
      sealedEvents: sum(plans, ({ sealedEvents }) => sealedEvents),
      inScope: sum(plans, ({ sealedEvents }) => sealedEvents),
    },
    published: null,
    anchoredTo: {
      kind: anchor === null ? 'key' : 'anchor',
      since: anchor === null ? null : new Date(anchor.savedAt).toISOString(),
      witnesses: [],
      checkpoint: null,
      partitions: anchor?.partitions.length ?? 0,
      updated,
    },
    checked: {
      events: sum(partitions, ({ checkedEvents }) => checkedEvents),
      seals: sum(partitions, ({ matchedSeals }) => matchedSeals),
      statements: judge.counts.accepted,
      keyStatements: judge.keys.statements.length,
      partitions,
    },
    counts: {
      rubbish: judge.counts.rubbish,
      noise: judge.counts.noise,
      races: decided.counts.race,
      resends: judge.counts.repeated,
      forks: decided.settled('fork').length + decided.counts.dropped,
      unsealed: sum(partitions, ({ unsealed }) => unsealed),
    },
    findings: run.findings.list(),
    findingsOmitted: run.findings.omittedByCode(),
    rates: {
      bytesRead: run.meter.bytes,
      eventsRead: run.meter.events,
      eventsPerSecond: durationMs > 0 ? Math.round((run.meter.events * 1000) / durationMs) : 0,
    },
  };
}

function checkOptions({ origin, deadlineMs, settleMs, maxTailAgeMs, maxFindings, signal }: VerifyOptions): void {
  checkAbort(signal);
  if (!isKeyName(origin)) {
    throw new VerifierError(
      'OPTIONS_INVALID',
      `The origin ${JSON.stringify(origin)} is not the name of a log: 1 to 255 visible ASCII characters without "+".`,
    );
  }
  for (const [name, value, least] of [
    ['deadlineMs', deadlineMs, 1],
    ['settleMs', settleMs, 0],
    ['maxTailAgeMs', maxTailAgeMs, 0],
    ['maxFindings', maxFindings, 1],
  ] as const) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) continue;
    throw new VerifierError(
      'OPTIONS_INVALID',
      `The option ${name} is ${value}: it must be a whole number of at least ${least}.`,
    );
  }
}

async function tryStatements(
  run: Run,
  judge: Judge,
  anchor: Anchor | null,
  onProgress: (done: number, total: number) => void,
): Promise<Statements | null> {
  const complete = (statements: Statements): boolean =>
    anchor === null || rollbacks(anchor, stateOf(judge, statements, [])).length === 0;
  const { seals } = run.topics;
  try {
    return await readStatements(run, judge, complete, onProgress);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.code !== 'TOPIC_MISSING') {
      reportUnavailable(run, error, seals, null);
      return null;
    }
    // Without an anchor nothing says that there ever were statements.
    if (anchor !== null) {
      run.findings.add({
        code: 'topic-missing',
        topic: seals,
        message: `Topic ${seals} does not exist, but an earlier run accepted statements from it.`,
      });
    }
    return { judge, chains: new Map(), unjudged: new Set(), topicId: '', logStart: 0, end: 0 };
  }
}

/** @returns the judge that knows what became of the contested statements */
async function trySettle(
  run: Run,
  judge: Judge,
  newJudge: () => Judge,
  statements: Statements | null,
  plans: readonly Plan[],
): Promise<Judge> {
  const byName = new Map(plans.map((plan) => [chainName(plan), plan]));
  try {
    let decided = judge;
    if (statements !== null && judge.counts.dropped > 0) {
      decided = newJudge();
      await judgeAgain(run, decided, statements, byName);
    }
    await settleContested(run, decided, byName);
    return decided;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    reportUnavailable(run, error, run.topics.events, null);
    return judge;
  }
}

function plansOf({ chains }: Statements): Plan[] {
  const plans: Plan[] = [];
  for (const chain of chains.values()) {
    const plan = planOf(chain);
    if (plan !== null) plans.push(plan);
  }
  return plans.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** "There was nothing to check" is never a success. */
function reportNothing(
  { findings, topics }: Run,
  judge: Judge,
  { logStart }: Statements,
  plans: readonly Plan[],
): void {
  const { offered, rubbish, noise } = judge.counts;
  const why =
    plans.length > 0
      ? `${plans.length} partitions have a genesis, but no event is sealed yet. Let the ledger service seal something first`
      : judge.keys.statements.length > 0
        ? 'Key statements are accepted, but no partition has a genesis. Let the ledger service start'
        : offered === 0
          ? `Topic ${topics.seals} holds no statement. Let the ledger service start; if it ran before, its statements are gone`
          : `None of the ${offered} records of ${topics.seals} is a valid statement of this log under the root key given (${rubbish} rubbish, ${noise} signed by no valid key` +
            `${logStart > 0 ? `; the first ${logStart} records of the topic were deleted` : ''}). Check the root key and the origin`;
  findings.add({ code: 'nothing-to-check', found: String(offered), message: `There was nothing to check: ${why}.` });
}

function describe({ plan, result }: CheckedPlan): CheckedPartition {
  const { topic, partition, genesis, from, lastSeal, last } = plan;
  return {
    topic,
    partition,
    generation: genesis.statement.generation,
    topicId: genesis.statement.topicId,
    firstOffset: from,
    lastSealedOffset: lastSeal?.offsets.last ?? null,
    sealedEvents: plan.sealedEvents,
    checkedEvents: result?.checkedEvents ?? 0,
    acceptedSeals: plan.acceptedSeals,
    matchedSeals: result?.matchedSeals ?? 0,
    head: headOf(plan),
    lastStatement: last.hash,
    unsealed: result?.unsealed ?? 0,
    logStart: result?.logStart ?? null,
    highWatermark: result?.highWatermark ?? null,
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
