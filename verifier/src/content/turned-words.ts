import { atOffsets } from './count-words.ts';
import { wordText } from './kept-text.ts';
import type { EventPlace } from './lives.ts';
import type { TurnedRun } from './turned-runs.ts';

/** One life of a producer, in a finding's evidence. */
export function lifeOf({ instance, epoch }: { readonly instance: string; readonly epoch: number }): string {
  return `${wordText(instance)} ${epoch}`;
}

/** Where a run stands. */
export function standing({ exact, firstOffset, lastOffset }: TurnedRun): string {
  return exact ? atOffsets(firstOffset, lastOffset) : `within offsets ${firstOffset} to ${lastOffset}`;
}

/** What stands around a run in its life, as the end of a sentence. */
export function neighbours({ before, after }: Pick<TurnedRun, 'before' | 'after'>): string {
  const one = ({ sequence, offset }: EventPlace): string => `number ${sequence} (offset ${offset})`;
  if (before !== null && after !== null) return `, between ${one(before)} and ${one(after)}`;
  if (before !== null) return `, behind ${one(before)}`;
  return after === null ? '' : `, before ${one(after)}`;
}

/** A run as evidence. */
export function runDetail(run: TurnedRun): Record<string, unknown> {
  const { instance, epoch, first, last, firstOffset, lastOffset, exact, before, after } = run;
  return { instance, epoch, first, last, count: last - first + 1, firstOffset, lastOffset, exact, before, after };
}
