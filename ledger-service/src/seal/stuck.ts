import type { ChainPoint } from '@tallystick/core/judge';
import { KafkaError } from '@tallystick/kafka/errors';
import type { ReadChunk } from '@tallystick/kafka/strict-reader';
import { canPass } from '../alarms.ts';

/** What sealing a partition failed at, so that coming as far as that again is not taken for a recovery. */
export interface Stuck {
  readonly generation: number | null;
  /** Last accepted statement. */
  readonly hash: string | null;
  /** Where reading stopped; -1 where it was not reading, or where that can pass. */
  readonly offset: number;
  /** Can it pass by itself? */
  readonly passing: boolean;
  /** Was it a leaf, a signature or a statement that could not be written? */
  readonly writing: boolean;
}

export function stuckAt(error: unknown, state: ChainPoint | null, writing: boolean): Stuck {
  const passing = canPass(error);
  const offset = error instanceof KafkaError ? error.evidence['offset'] : null;
  return {
    generation: state?.generation ?? null,
    hash: state?.hash ?? null,
    offset: typeof offset === 'number' && !passing ? offset : -1,
    passing,
    writing,
  };
}

/** A reader gives what is good before it fails at the same place again, and reading well says nothing of writing. */
export function recovered(stuck: Stuck, confirmed: ChainPoint, { highWatermark, nextOffset }: ReadChunk): boolean {
  if (confirmed.generation !== stuck.generation) return true;
  if (stuck.writing) return confirmed.hash !== stuck.hash || confirmed.nextOffset >= highWatermark;
  return nextOffset >= highWatermark || nextOffset > stuck.offset;
}
