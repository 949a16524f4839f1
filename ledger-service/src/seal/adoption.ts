import type { ChainPoint, PartitionState, SignedStatement } from '@tallystick/core/judge';
import type {
  GapStatement,
  GenesisStatement,
  PartitionStatement,
  SealStatement,
} from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import { canPass } from '../alarms.ts';
import { LedgerError, type LedgerErrorCode } from '../errors.ts';
import { repairedSeals, sealsWithoutLeaves } from './leaves-repair.ts';
import type { SealerContext } from './sealer-context.ts';
import { recompute, type Recomputed, type RecomputeOptions } from '../recompute.ts';

// How a ledger comes to stand behind statements that it did not just make itself: it hashes their records again.

/**
 * The records do not give what an accepted statement says of them. The statement stays in doubt until they do, whatever is accepted
 * behind it: else one more seal behind a forged one would make it good.
 */
export class StatementDisputed extends LedgerError {
  readonly statement: SealStatement | GapStatement;

  constructor(
    code: LedgerErrorCode & ('FORK' | 'RECORDS_DISAGREE'),
    statement: SealStatement | GapStatement,
    message: string,
    evidence: Readonly<Record<string, unknown>>,
  ) {
    const { topic, partition, generation, offsets } = statement;
    super(code, message, { evidence: { topic, partition, generation, offsets, ...evidence }, fatal: true });
    this.statement = statement;
  }
}

/**
 * At a start: reads the last sealed batch again and compares its root, so that a topic that was rewritten shows before anything is added
 * to its chain. Below the log's start it goes on from the statement and says so.
 * @throws StatementDisputed RECORDS_DISAGREE; KafkaError of the strict reader
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

/** Looks again at a statement in doubt. @throws StatementDisputed where the records still do not give it */
export async function checkDisputed(
  context: SealerContext,
  state: PartitionState,
  statement: SealStatement | GapStatement,
  signal: AbortSignal,
): Promise<void> {
  if (statement.kind === 'seal')
    await compare(context, statement, optionsOf(context, state, signal), 'RECORDS_DISAGREE');
  else checkGap(statement, (await context.log.bounds(statement.topic, statement.partition)).logStart);
}

/**
 * Takes over what others had accepted since `point`, once the records of each of their seals give the same. What lies before the last
 * genesis among them belongs to a generation that the root key closed: it is not asked for.
 * @returns the state after the last of them
 * @throws StatementDisputed FORK where they do not; KafkaError of the strict reader
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
  const last = others.at(-1);
  if (last === undefined) return point;
  const { topicId } = others.findLast(isGenesis)?.statement ?? point;
  for (const { statement } of others.slice(others.findLastIndex(isGenesis) + 1)) {
    if (statement.kind === 'seal')
      await compare(context, statement, { ...optionsOf(context, state, signal), topicId }, 'FORK');
    if (statement.kind === 'gap') checkGap(statement, (await log.bounds(topic, partition)).logStart);
  }
  logger.info('Went on behind what another ledger, or an operator, wrote.', {
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
  const { topic, partition, seal: number, offsets } = seal;
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
  throw new StatementDisputed(code, seal, message, {
    seal: number,
    expected,
    found: Object.fromEntries(differs.map((line) => [line, found[line]])),
  });
}

function isGenesis(signed: SignedStatement<PartitionStatement>): signed is SignedStatement<GenesisStatement> {
  return signed.statement.kind === 'genesis';
}

function checkGap(gap: GapStatement, logStart: number): void {
  const { topic, partition, offsets } = gap;
  if (logStart > offsets.last) return;
  throw new StatementDisputed(
    'FORK',
    gap,
    `A gap says that offsets ${offsets.first} to ${offsets.last} of ${topic}/${partition} were deleted, but the log starts at ${logStart}.`,
    { expected: `> ${offsets.last}`, found: logStart },
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
