import { CoreError } from '@tallystick/core/errors';
import { decodeBase64, encodeBase64 } from '@tallystick/core/encoding';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import type { PartitionState } from '@tallystick/core/judge';
import { LogTree } from '@tallystick/core/log-tree';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import { KafkaError } from '@tallystick/kafka/errors';
import { boundsOf, describeTopic } from '../ask-broker.ts';
import { chainName } from '../domain/anchor.ts';
import type { PlanState } from '../domain/plan.ts';
import { VerifierError } from '../errors.ts';
import type { Anchor, ResumePoint } from '../ports/anchor-store.ts';
import type { PublishedReader } from '../published/published-reader.ts';
import { MissingResource } from '../published/resources.ts';
import type { Resources } from '../published/resources.ts';
import { nameSource } from './name-source.ts';
import type { Run } from './run.ts';

/** Where a run begins: nothing is known, or all that an earlier one left. */
export interface Start {
  /** Unix ms of the run that left it. */
  readonly since: number;
  /** Which cluster or bundle both read. */
  readonly source: string;
  newJudge(): Judge;
  /** Offset of the seals topic. */
  readonly from: number;
  readonly plans: ReadonlyMap<string, PlanState>;
  readonly content: ReadonlyMap<string, unknown>;
  /** null: there is no published log. */
  readonly log: StartInLog | null;
}

export interface StartInLog {
  /** The tree that an earlier run accepted, from the log's own tiles. */
  readonly tree: LogTree;
  /** Leaf hashes (base64) of the statements that were accepted and that the log did not hold: they come next in it. */
  readonly pending: readonly string[];
  /** When each of them was stored, unix ms; null: nobody says. */
  readonly pendingSince: readonly (number | null)[];
  /** Accepted statements: the first entry that is judged. */
  readonly judged: number;
}

/** Why an incremental run cannot decide: a full one does. */
export class NeedsFullRun extends Error {}

/**
 * What an incremental run goes on from.
 * @param reader null where there is no published log; its checkpoint was asked for
 * @throws NeedsFullRun, with the reason
 */
export async function startOf(
  run: Run,
  anchor: Anchor | null,
  reader: PublishedReader | null,
  resources: Resources | null,
): Promise<Start> {
  const resume = anchor?.resume ?? null;
  if (anchor === null || resume === null) throw new NeedsFullRun('there is no state of an earlier run to go on from');
  if ((resume.logSize === null) !== (reader === null))
    throw new NeedsFullRun('the earlier run read the published log and this one does not, or the other way round');
  const source = await sameSource(run, resume);
  await checkTopic(run, resume);
  const newJudge = (): Judge => {
    const { origin, rootKey } = run;
    return Judge.restore({ origin, rootKey, verify: nodeVerifyEd25519 }, resume.judge);
  };
  let judge: Judge;
  try {
    judge = newJudge();
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new NeedsFullRun(`the state does not hold together (${error.message})`);
  }
  const states = new Map(judge.partitions().map((state) => [chainName(state), state]));
  const plans = new Map<string, PlanState>();
  const content = new Map<string, unknown>();
  for (const each of resume.partitions) {
    const state = states.get(chainName(each));
    if (state === undefined)
      throw new NeedsFullRun('the state does not hold together (a partition without statements)');
    const plan = planStateOf(state, each);
    await checkStart(run, each, plan);
    plans.set(chainName(each), plan);
    if (each.content !== null) content.set(chainName(each), each.content);
  }
  if (plans.size !== states.size)
    throw new NeedsFullRun('the state does not hold together (statements without a partition)');
  const log =
    reader === null || resources === null ? null : await startInLog(anchor, resume, judge.size, reader, resources, run);
  return { since: anchor.savedAt, source, newJudge, from: resume.seals.offset, plans, content, log };
}

/** What is not read again was read in this very cluster or bundle: a copy of it may have been altered before any run. */
async function sameSource(run: Run, { source = null }: ResumePoint): Promise<string> {
  if (source === null) throw new NeedsFullRun('nobody knows which cluster or bundle the earlier run read');
  const now = await nameSource(run.log, run);
  if (now === null) throw new NeedsFullRun('the cluster or bundle does not say which one it is');
  if (now !== source)
    throw new NeedsFullRun(`the earlier run read another source: ${source}, and this one reads ${now}`);
  return now;
}

function planStateOf(state: PartitionState, saved: ResumePoint['partitions'][number]): PlanState {
  const { next, floor, acceptedSeals, sealedEvents, count, prunedTo } = saved;
  const { geneses, last, lastSeal } = state;
  return {
    next,
    floor,
    geneses: geneses.map((statement) => ({ hash: statementHash(formatStatement(statement)), statement })),
    acceptedSeals,
    sealedEvents,
    last: { hash: last.hash, statement: last.statement },
    count,
    lastSeal: lastSeal?.statement ?? null,
    prunedTo,
  };
}

/** What earlier runs checked has to be there still, as far as the log start alone tells. Which events are gone a full run says. */
async function checkStart(
  run: Run,
  { topic, partition }: { topic: string; partition: number },
  plan: PlanState,
): Promise<void> {
  try {
    const { logStart } = await boundsOf(run, topic, partition);
    if (isGone(plan, logStart))
      throw new NeedsFullRun(
        `partition ${partition} of ${topic} begins at offset ${logStart}: records that an earlier run checked are gone`,
      );
  } catch (error) {
    if (error instanceof KafkaError)
      throw new NeedsFullRun(`partition ${partition} of ${topic} could not be asked (${error.code})`);
    throw error;
  }
}

/**
 * Whether offsets below the log start were checked, and no prune accounts for them: a prune accounts for its own generation only. Offsets between the
 * last seal of a generation and the next one count as checked here; a full run tells them from those.
 */
export function isGone({ geneses, floor, prunedTo }: PlanState, logStart: number): boolean {
  const pruned = new Map(prunedTo);
  const all = geneses.map(({ statement }) => statement);
  const topicId = all.at(-1)?.topicId;
  return all.some((genesis, index) => {
    const from = Math.max(floor, genesis.firstOffset);
    const end = Math.min(logStart, ...all.slice(index + 1).map(({ firstOffset }) => firstOffset));
    return genesis.topicId === topicId && end > from && end - 1 > (pruned.get(genesis.generation) ?? -1);
  });
}

async function checkTopic(run: Run, { seals }: ResumePoint): Promise<void> {
  const topic = run.topics.seals;
  try {
    const { topicId } = await describeTopic(run, topic);
    if (topicId !== seals.topicId) throw new NeedsFullRun(`topic ${topic} is another one than it was`);
    const { logStart, highWatermark } = await boundsOf(run, topic, 0);
    if (logStart > seals.offset || highWatermark < seals.offset)
      throw new NeedsFullRun(`topic ${topic} does not hold offset ${seals.offset}, at which the earlier run ended`);
  } catch (error) {
    if (error instanceof KafkaError) throw new NeedsFullRun(`topic ${topic} could not be asked (${error.code})`);
    throw error;
  }
}

async function startInLog(
  anchor: Anchor,
  { logSize, root, pending, pendingSince }: ResumePoint,
  judged: number,
  reader: PublishedReader,
  resources: Resources,
  run: Run,
): Promise<StartInLog> {
  const size = logSize ?? 0;
  const served = reader.served?.checkpoint ?? null;
  if (served === null || served.size < size)
    throw new NeedsFullRun('the published log is smaller than it was, or gone');
  if (size + pending.length !== judged || anchor.log === null)
    throw new NeedsFullRun('the state does not hold together (sizes)');
  let tree: LogTree;
  try {
    tree = await LogTree.resume(size, (tile) => resources.tile(tile, served.size), run.sha256);
  } catch (error) {
    const known = error instanceof CoreError || error instanceof MissingResource || isUnavailable(error);
    if (!known) throw error;
    throw new NeedsFullRun('the tiles at the edge of the log that was accepted cannot be read');
  }
  if (root === null || encodeBase64(tree.root()) !== encodeBase64(decodeBase64(root)))
    throw new NeedsFullRun('the tiles of the log give another root than it had');
  // A release that did not keep it: no later than about the run that left it.
  return { tree, pending, pendingSince: pendingSince ?? pending.map(() => anchor.savedAt), judged };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof VerifierError && error.code !== 'VERIFY_ABORTED';
}
