import { encodeBase64 } from '@tallystick/core/encoding';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { Base64Hash, GapStatement, GenesisStatement, SealStatement } from '@tallystick/core/statement-types';

// The decider of one partition: state and batch in, statement out. No clock, no I/O.

/** What the next seal of a partition goes on from. */
export interface SealerState {
  readonly origin: string;
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
  /** Hash of the statement before. */
  readonly previous: Base64Hash;
  readonly nextSeal: number;
  readonly nextIndex: number;
  readonly nextOffset: number;
  /** Leaf before the next event. */
  readonly head: Base64Hash;
}

/** A closed batch: a run of consecutive events, hashed. */
export interface ClosedBatch {
  readonly firstOffset: number;
  /** 1 to 16,384. */
  readonly count: number;
  /** RFC 6962 root over its leaves, 32 bytes. */
  readonly root: Uint8Array;
  /** Its last leaf, 32 bytes. */
  readonly head: Uint8Array;
  /** Leader epoch of the last event's Kafka batch; negative: none. */
  readonly epoch: number;
  /** Timestamp of the last event, unix milliseconds, signed 64 bits. */
  readonly time: bigint;
}

/** The seal of a batch that begins at the state's next offset. */
export function decide(state: SealerState, batch: ClosedBatch): SealStatement {
  if (batch.firstOffset !== state.nextOffset) {
    throw new RangeError(
      `a batch that begins at offset ${batch.firstOffset} does not go on from offset ${state.nextOffset}`,
    );
  }
  const { origin, topic, partition, generation, previous, nextSeal, nextIndex, nextOffset } = state;
  const more = batch.count - 1;
  return {
    kind: 'seal',
    origin,
    topic,
    partition,
    generation,
    seal: nextSeal,
    events: { first: nextIndex, last: nextIndex + more },
    offsets: { first: nextOffset, last: nextOffset + more },
    epoch: sealedEpoch(batch.epoch),
    root: encodeBase64(batch.root),
    after: state.head,
    head: encodeBase64(batch.head),
    previous,
    time: sealedTime(batch.time),
  };
}

/** The state after a seal that {@link decide} made of it. */
export function evolve(state: SealerState, seal: SealStatement): SealerState {
  return {
    ...state,
    previous: statementHash(formatStatement(seal)),
    nextSeal: seal.seal + 1,
    nextIndex: seal.events.last + 1,
    nextOffset: seal.offsets.last + 1,
    head: seal.head,
  };
}

/** Genesis 0 of a partition, whose log starts at `firstOffset` now. */
export function decideGenesis(
  origin: string,
  place: { readonly topic: string; readonly topicId: string; readonly partition: number; readonly firstOffset: number },
  time: number,
): GenesisStatement {
  return { kind: 'genesis', origin, ...place, generation: 0, reason: 'new', previous: null, time };
}

/**
 * The gap of a partition whose log starts above its next offset: what lies between was deleted before it was sealed. It says nothing of
 * any other offset.
 * @param logStart above the state's next offset
 */
export function decideGap(
  state: Pick<SealerState, 'origin' | 'topic' | 'partition' | 'generation' | 'previous' | 'nextOffset'>,
  logStart: number,
  time: number,
): GapStatement {
  const { origin, topic, partition, generation, previous, nextOffset } = state;
  if (logStart <= nextOffset)
    throw new RangeError(`a log that starts at ${logStart} lacks nothing from offset ${nextOffset} on`);
  const offsets = { first: nextOffset, last: logStart - 1 };
  return { kind: 'gap', origin, topic, partition, generation, offsets, reason: 'deleted', previous, time };
}

/** A leader epoch as a seal says it. */
export function sealedEpoch(epoch: number): number | null {
  return epoch < 0 ? null : epoch;
}

/** A timestamp as a seal says it: none outside 0 to 2^53-1. */
export function sealedTime(time: bigint): number | null {
  return time >= 0n && time <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(time) : null;
}
