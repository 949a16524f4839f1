import type { ChainPoint } from '@tallystick/core/judge';
import type { GenesisReason, GenesisStatement } from '@tallystick/core/statement-types';
import { LedgerError } from '../errors.ts';

/** Why a partition is begun anew: all reasons but that of its first generation. */
export type GenerationReason = Exclude<GenesisReason, 'new'>;

export interface GenerationOrder {
  readonly origin: string;
  readonly reason: GenerationReason;
  /** The topic's id now, in Kafka's text form. */
  readonly topicId: string;
  /** The first offset that the new generation covers. What lies between the last seal and it is the loss that it stands for. */
  readonly firstOffset: number;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Reasons under which the topic has another id than the generation before. */
const otherTopic: ReadonlySet<GenerationReason> = new Set(['recreated', 'migrated']);

/**
 * The genesis that closes a partition's generation and begins the next one (protocol, section 5, "one way on"). It counts once the root
 * key signed it and it was accepted: sealing goes on behind it by itself.
 *
 * @param state of the partition now: its last accepted statement is what `previous` names, so nothing may be accepted in between
 * @throws LedgerError CONFIG_INVALID where the reason does not fit the topic ids, or the offset is none
 */
export function decideGeneration(
  state: Pick<ChainPoint, 'topic' | 'partition' | 'generation' | 'hash' | 'topicId'>,
  { origin, reason, topicId, firstOffset, now }: GenerationOrder,
): GenesisStatement {
  const { topic, partition, generation, hash } = state;
  const place = `${topic}/${partition}`;
  if (!Number.isSafeInteger(firstOffset) || firstOffset < 0)
    throw invalid(`The first offset ${firstOffset} of ${place} is no offset.`, { found: firstOffset });
  if (otherTopic.has(reason) && topicId === state.topicId)
    throw invalid(`${place} was not ${reason}: its topic id is ${topicId}, as in generation ${generation}.`, {
      found: topicId,
    });
  if (!otherTopic.has(reason) && topicId !== state.topicId)
    throw invalid(
      `The topic id of ${place} is ${topicId}, but generation ${generation} is of ${state.topicId}: the reason is "recreated" or "migrated", not "${reason}".`,
      { expected: state.topicId, found: topicId },
    );
  return {
    kind: 'genesis',
    origin,
    topic,
    topicId,
    partition,
    generation: generation + 1,
    reason,
    firstOffset,
    previous: hash,
    time: now,
  };
}

function invalid(message: string, evidence: Record<string, unknown>): LedgerError {
  return new LedgerError('CONFIG_INVALID', message, { evidence: { setting: 'generation', ...evidence } });
}
