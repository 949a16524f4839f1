import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { decideContested, placeText } from '@tallystick/core/judge';
import type { Contested, Judge, RecordFacts } from '@tallystick/core/judge';
import { LeafChain } from '@tallystick/core/leaf';
import { rootInPlace } from '@tallystick/core/merkle';
import type { SealStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import { boundsOf } from '../ask-broker.ts';
import { chainName } from '../domain/anchor.ts';
import { sectionAt } from '../domain/plan.ts';
import type { Plan } from '../domain/plan.ts';
import { VerifierError } from '../errors.ts';
import type { PublishedReader } from '../published/published-reader.ts';
import { MissingResource } from '../published/resources.ts';
import type { Resources } from '../published/resources.ts';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import { epochOf, timeOf } from '../records/seal-values.ts';
import { reportUnavailable } from '../run/report-unavailable.ts';
import type { Run } from '../run/run.ts';
import { Reading } from './read-statements.ts';
import type { Statements } from './read-statements.ts';
import { chainOf } from './statement-findings.ts';

const leafBytes = 32;

/** The published log, and the first entry of it that this run judged. */
interface JudgedLog {
  readonly resources: Resources;
  readonly reader: PublishedReader;
  readonly from: number;
}

/**
 * Decides on the statements that did not continue. What cannot be looked at for it is a finding.
 * @param newJudge one that has seen nothing yet
 * @param before what the judge was given
 * @returns the judge that knows what became of them
 */
export async function settleContested(
  run: Run,
  judge: Judge,
  newJudge: () => Judge,
  before: Statements,
  log: JudgedLog | null,
  plans: readonly Plan[],
): Promise<Judge> {
  const byName = new Map(plans.map((plan) => [chainName(plan), plan]));
  try {
    let decided = judge;
    if (judge.counts.dropped > 0) {
      decided = newJudge();
      await judgeAgain(run, decided, before, log, byName);
    }
    await settleOpen(run, decided, byName);
    return decided;
  } catch (error) {
    if (error instanceof KafkaError) {
      reportUnavailable(run, error, run.topics.events, null);
      return judge;
    }
    const ofLog = error instanceof MissingResource || (error instanceof VerifierError && error.code.startsWith('LOG_'));
    if (!ofLog && !(error instanceof CoreError)) throw error;
    run.findings.add({
      code: 'unreadable',
      found: 'contested',
      message: `The published log could not be read once more to decide on contested statements: ${error.message}`,
    });
    return judge;
  }
}

/**
 * Judges all statements again where more of them were contested than a judge keeps: two ledgers that are alive together for an hour lose
 * thousands of races, and none of them is a fork. Each race is settled as it is met, so that memory stays bounded.
 * @param judge one that has seen nothing yet
 * @throws KafkaError where statements or records cannot be read
 */
async function judgeAgain(
  run: Run,
  judge: Judge,
  before: Statements,
  log: JudgedLog | null,
  plans: ReadonlyMap<string, Plan>,
): Promise<void> {
  const onContested = async (contested: Contested): Promise<void> => {
    const facts = await factsOf(run, contested, plans);
    if (decideContested(contested, facts) === 'race') judge.settle(contested, facts);
  };
  const logFrom = log?.from ?? null;
  const reading = new Reading({ run, judge, from: before.from, logFrom, planOptions: null, onContested });
  if (log !== null) {
    const { size } = log.reader.tree;
    for await (const { first, entries } of log.resources.bundles(log.from, size, log.reader.served?.checkpoint.size))
      for (const [i, entry] of entries.entries()) reading.entry(entry, first + i);
  }
  await reading.again(before);
}

/**
 * Decides every well-signed statement that did not continue: a lost race if it says what the records say, else a fork (protocol
 * section 5). Only these batches are read again.
 * @throws KafkaError where their records cannot be read
 */
async function settleOpen(run: Run, judge: Judge, plans: ReadonlyMap<string, Plan>): Promise<void> {
  for (const contested of judge.open()) {
    const facts = await factsOf(run, contested, plans);
    const settlement = judge.settle(contested, facts);
    if (settlement !== 'race') report(run, contested, settlement);
  }
  const { dropped } = judge.counts;
  if (dropped === 0) return;
  run.findings.add({
    code: 'fork',
    found: `${dropped} more`,
    counts: true,
    message: `${dropped} more well-signed statements contradict the accepted ones; they are too many to keep, so nobody can answer for them. A seal key is in wrong hands: retire it.`,
  });
}

function report(run: Run, { signed, why }: Contested, settlement: 'fork' | 'unjudged'): void {
  const { statement, hash, place, key } = signed;
  run.findings.add({
    ...chainOf(statement),
    code: settlement,
    place: hash,
    expected: null,
    found: statement.previous,
    message:
      settlement === 'fork'
        ? `A ${statement.kind} statement at ${placeText(place, run.topics.seals)}, validly signed by ${key.name}, contradicts what was accepted before (${why}): somebody with a valid key signed two histories. Keep the topic as evidence and find out who holds that key.`
        : `A ${statement.kind} statement at ${placeText(place, run.topics.seals)} did not continue (${why}), and its records can no longer be read: a lost race and a fork cannot be told apart.`,
    detail: {
      ...(place.in === 'log' ? { index: place.index } : { offset: place.offset }),
      signer: key.vkey,
      text: signed.text,
    },
  });
}

async function factsOf(
  run: Run,
  { signed, continues }: Contested,
  plans: ReadonlyMap<string, Plan>,
): Promise<RecordFacts> {
  const { statement } = signed;
  if (continues === null || (statement.kind !== 'seal' && statement.kind !== 'gap')) return { found: 'nothing' };
  const plan = plans.get(chainName(statement));
  if (plan === undefined) return { found: 'nothing' };
  const { first, last } = statement.offsets;
  if (
    statement.generation < plan.genesis.statement.generation &&
    !stillChecked(plan, continues.topicId, statement.generation, last)
  ) {
    return { found: 'unreadable', because: 'generation-closed' };
  }
  if (statement.kind === 'seal') {
    // The same values as an accepted seal of these very offsets: the pass over the records judges those.
    const accepted = sectionAt(plan, first);
    if (
      accepted?.kind === 'seal' &&
      accepted.first === first &&
      accepted.last === last &&
      accepted.seal.after === statement.after &&
      accepted.seal.generation === statement.generation
    ) {
      const { root, head, epoch, time } = accepted.seal;
      return { found: 'records', root, head, epoch, time };
    }
  }
  const { topic, partition } = statement;
  const { logStart, highWatermark } = await boundsOf(run, topic, partition);
  const pruned = plan.prunedTo.get(statement.generation) ?? -1;
  if (statement.kind === 'gap') {
    // Where a prune moved the log start, nothing tells any more what did before.
    const isPruned = first <= pruned && last < logStart;
    return isPruned ? { found: 'unreadable', because: 'pruned' } : { found: 'log-start', logStart };
  }
  if (first < logStart) {
    return pruned >= Math.min(last, logStart - 1) ? { found: 'unreadable', because: 'pruned' } : { found: 'nothing' };
  }
  if (last >= highWatermark) return { found: 'nothing' };
  const source: Source = {
    log: run.log,
    topic,
    topicId: plan.genesis.statement.topicId,
    partition,
    deadlineMs: run.deadlineMs,
    signal: run.signal,
  };
  return await recompute(run, source, statement);
}

/** Of a closed generation only what lies below every later one, in the topic that is there now, can be read. */
function stillChecked(plan: Plan, topicId: string, generation: number, last: number): boolean {
  if (topicId !== plan.genesis.statement.topicId) return false;
  return plan.laterFirstOffset(generation) > last;
}

async function recompute(run: Run, source: Source, seal: SealStatement): Promise<RecordFacts> {
  const { first, last } = seal.offsets;
  const { sha256, codecs } = run;
  const chain = new LeafChain({ sha256, codecs, partition: source.partition, previous: decodeBase64(seal.after) });
  const leaves = new Uint8Array((last - first + 1) * leafBytes);
  let count = 0;
  let epoch = -1;
  for await (const piece of readThrough(source, first, last + 1)) {
    if (piece.kind === 'hole') return { found: 'nothing' };
    for (const { bytes, header } of piece.batches) {
      count += chain.append(bytes, header, first, last, leaves, count * leafBytes);
      epoch = header.leaderEpoch;
    }
  }
  if (count !== last - first + 1) return { found: 'nothing' };
  const head = encodeBase64(chain.head);
  return {
    found: 'records',
    root: encodeBase64(rootInPlace(leaves, count, sha256)),
    head,
    epoch: epochOf(epoch),
    time: timeOf(chain.lastTimestamp),
  };
}
