import type { ChainPoint, PartitionState } from '@tallystick/core/judge';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { GapStatement } from '@tallystick/core/statement-types';
import { decideGap, decideGenesis } from '../domain/seal-decider.ts';
import { LedgerError } from '../errors.ts';
import type { SealerContext } from './sealer-context.ts';

// Statements of a partition that are no seals.

/** Begins the chain of a partition. @throws LedgerError STATEMENT_REFUSED, and those of the writer; KafkaError */
export async function writeGenesis(
  context: SealerContext,
  partition: number,
  topicId: string,
): Promise<PartitionState> {
  const { log, topics, origin, writer, view, logger, clock } = context;
  const where = `${topics.events}/${partition}`;
  const { logStart } = await log.bounds(topics.events, partition);
  const place = { topic: topics.events, topicId, partition, firstOffset: logStart };
  const result = await writer.write(decideGenesis(origin, place, clock.now()), null);
  const state = view.judge.partition(topics.events, partition);
  if (state === null)
    throw new LedgerError('STATEMENT_REFUSED', `The genesis of ${where} was not accepted.`, { fatal: true });
  logger.info(result === 'accepted' ? 'The partition is sealed from here on.' : 'Another ledger wrote the genesis.', {
    place: where,
    firstOffset: state.firstOffset,
  });
  return state;
}

/** Writes down which offsets were deleted before they were sealed. @returns where sealing goes on */
export async function writeGap(
  { log, origin, writer, view, logger, clock }: SealerContext,
  point: ChainPoint,
): Promise<ChainPoint> {
  const { topic, partition, hash: previous, nextOffset } = point;
  // Asked again, because it is signed: and another ledger's gap may have been adopted meanwhile.
  const { logStart } = await log.bounds(topic, partition);
  if (logStart <= nextOffset) return point;
  const gap: GapStatement = decideGap({ ...point, origin, previous }, logStart, clock.now());
  const result = await writer.write(gap, null);
  const place = `${topic}/${partition}`;
  logger.error('Records were deleted before they were sealed.', { place, offsets: gap.offsets, result });
  const hash = statementHash(formatStatement(gap));
  return (result === 'accepted' ? view.judge.point(topic, partition, hash) : null) ?? point;
}
