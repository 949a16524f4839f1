import type { ChainPoint, PartitionState } from '@tallystick/core/judge';
import type { GapStatement, SealStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import { canPass } from '../alarms.ts';
import { LedgerError, type LedgerErrorCode } from '../errors.ts';
import { repairedSeals, sealsWithoutLeaves } from './leaves-repair.ts';
import type { SealerContext } from './partition-sealer.ts';
import { recompute, type Recomputed, type RecomputeOptions } from '../recompute.ts';

// How a ledger comes to stand behind statements that it did not just make itself: it hashes their records again.

/**
 * At a start: reads the last sealed batch again and compares its root, so that a topic that was rewritten shows before anything is added
 * to its chain. Below the log's start it goes on from the statement and says so.
 * @throws LedgerError RECORDS_DISAGREE; KafkaError of the strict reader
 */
export async function checkLastBatch(
  context: SealerContext,
  state: PartitionState,
  repairLeaves: boolean,
  signal: AbortSignal,
): Promise<ChainPoint> {
  if (state.lastSeal === null) return state;
  const options = optionsOf(context, state, signal);
  await compare(context, state.lastSeal.statement, options, 'RECORDS_DISAGREE');
  if (repairLeaves) await repair(context, state, options);
  return state;
}

/**
 * Takes over what others had accepted since `point`, once the records of each of their seals give the same.
 * @returns the state after the last of them
 * @throws LedgerError FORK where they do not; KafkaError of the strict reader
 */
export async function adopt(context: SealerContext, point: ChainPoint, signal: AbortSignal): Promise<ChainPoint> {
  const { view, log, logger } = context;
  const { topic, partition } = point;
  const others = view.since(topic, partition, point.hash);
  const state = view.judge.partition(topic, partition) ?? point;
  if (others === null) {
    // Too far behind to go through all of them: as after a restart, the last one decides.
    const { lastSeal } = view.judge.partition(topic, partition) ?? { lastSeal: null };
    if (lastSeal !== null) await compare(context, lastSeal.statement, optionsOf(context, state, signal), 'FORK');
    return state;
  }
  let { topicId } = point;
  for (const { statement } of others) {
    if (statement.kind === 'genesis') ({ topicId } = statement);
    if (statement.kind === 'seal')
      await compare(context, statement, { ...optionsOf(context, state, signal), topicId }, 'FORK');
    if (statement.kind === 'gap') checkGap(statement, (await log.bounds(topic, partition)).logStart);
  }
  const last = others.at(-1);
  if (last === undefined) return point;
  logger.info('Went on behind what another ledger sealed.', {
    place: `${topic}/${partition}`,
    statements: others.length,
  });
  return view.judge.point(topic, partition, last.hash) ?? state;
}

async function compare(
  { logger }: SealerContext,
  seal: SealStatement,
  options: RecomputeOptions,
  code: LedgerErrorCode & ('FORK' | 'RECORDS_DISAGREE'),
): Promise<Recomputed | null> {
  const { topic, partition, generation, seal: number, offsets } = seal;
  const place = `${topic}/${partition}`;
  let recomputed: Recomputed;
  try {
    recomputed = await recompute(seal, options);
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'RECORDS_DELETED') throw error;
    logger.warn("The last sealed batch lies below the log's start: going on from its statement alone.", {
      place,
      seal: number,
    });
    return null;
  }
  const { differs, found } = recomputed;
  if (differs.length === 0) return recomputed;
  const expected = Object.fromEntries(differs.map((line) => [line, seal[line]]));
  const message =
    `The records of ${place}, offsets ${offsets.first} to ${offsets.last}, do not give ${differs.join(', ')} of seal ${number}` +
    (code === 'FORK' ? ', which another ledger wrote.' : '.');
  throw new LedgerError(code, message, {
    evidence: {
      topic,
      partition,
      generation,
      seal: number,
      offsets,
      expected,
      found: Object.fromEntries(differs.map((line) => [line, found[line]])),
    },
    fatal: true,
  });
}

function checkGap({ topic, partition, offsets }: GapStatement, logStart: number): void {
  if (logStart > offsets.last) return;
  throw new LedgerError(
    'FORK',
    `A gap says that offsets ${offsets.first} to ${offsets.last} of ${topic}/${partition} were deleted, but the log starts at ${logStart}.`,
    { evidence: { topic, partition, expected: `> ${offsets.last}`, found: logStart }, fatal: true },
  );
}

/**
 * Leaves are stored before their seal, so they are missing only where the leaves topic lost them. Those of the last few seals are written
 * again. No trouble with them stops sealing: missing leaves are a warning, and their batches can be hashed by anyone.
 */
async function repair(context: SealerContext, state: PartitionState, options: RecomputeOptions): Promise<void> {
  const { view, topics, writer, logger } = context;
  const { topic, partition } = state;
  const place = `${topic}/${partition}`;
  const seals = view.lastSeals(topic, partition, repairedSeals);
  try {
    for (const seal of await sealsWithoutLeaves(seals, { ...options, leavesTopic: topics.leaves })) {
      const recomputed = await recompute(seal, options);
      if (recomputed.differs.length > 0) continue;
      await writer.storeLeaves(seal, recomputed.leaves);
      logger.warn('The leaves of a seal were missing and are written again.', { place, seal: seal.seal });
    }
  } catch (error) {
    if (canPass(error) || options.signal.aborted) throw error;
    logger.warn('The leaves of the last seals could not be checked.', { place, error: String(error) });
  }
}

function optionsOf(
  { log, codecs, sha256, deadlineMs }: SealerContext,
  { topicId }: ChainPoint,
  signal: AbortSignal,
): RecomputeOptions {
  return { log, topicId, codecs, sha256, deadlineMs, signal };
}
