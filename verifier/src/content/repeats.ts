import type { KnownEvent } from './read-again.ts';
import type { TurnedRun } from './turned-runs.ts';

/** Numbers that came again, and what is known of the events that did. */
export interface Repeat {
  readonly run: TurnedRun;
  /** Numbers of which it is not known that they came with the same event. */
  pending: number;
  /** Events that are the earlier one once more; the offsets of the first and last of them, and those where they stood first. */
  same: number;
  sameOffsets: { first: number; last: number } | null;
  stoodAt: { first: number; last: number } | null;
}

/** Sequences that came again, until they are known to have come with the same events. */
export class Repeats {
  private readonly byLife = new Map<string, Repeat[]>();

  constructor(runs: readonly TurnedRun[]) {
    for (const run of runs) {
      const key = keyOf(run.partition, run.instance, run.epoch);
      const known = this.byLife.get(key) ?? [];
      this.byLife.set(key, known);
      known.push({ run, pending: run.last - run.first + 1, same: 0, sameOffsets: null, stoodAt: null });
    }
    // The shortest first: a run of which the ends are not known may hold the offsets of runs within it.
    for (const known of this.byLife.values()) known.sort((a, b) => span(a.run) - span(b.run));
  }

  /**
   * The event at this offset is one of its life before it, sent again.
   * @param stoodAt where that stands
   * @returns false: no run holds it
   */
  confirm(partition: number, offset: number, { instance, epoch, sequence }: KnownEvent, stoodAt: number): boolean {
    const found = this.byLife
      .get(keyOf(partition, instance, epoch))
      ?.find(
        ({ run, pending }) =>
          pending > 0 &&
          run.first <= sequence &&
          sequence <= run.last &&
          run.firstOffset <= offset &&
          offset <= run.lastOffset,
      );
    if (found === undefined) return false;
    found.pending -= 1;
    found.same += 1;
    found.sameOffsets = widened(found.sameOffsets, offset);
    found.stoodAt = widened(found.stoodAt, stoodAt);
    return true;
  }

  /** Those of which events came again as they were. */
  same(): Repeat[] {
    return this.sorted(({ same }) => same > 0);
  }

  /** Those of which some came with other events. */
  others(): Repeat[] {
    return this.sorted(({ pending }) => pending > 0);
  }

  private sorted(which: (repeat: Repeat) => boolean): Repeat[] {
    return [...this.byLife.values()]
      .flat()
      .filter(which)
      .sort((a, b) => a.run.partition - b.run.partition || a.run.firstOffset - b.run.firstOffset);
  }
}

function span({ firstOffset, lastOffset }: TurnedRun): number {
  return lastOffset - firstOffset;
}

function widened(range: { first: number; last: number } | null, offset: number): { first: number; last: number } {
  return range === null
    ? { first: offset, last: offset }
    : { first: Math.min(range.first, offset), last: Math.max(range.last, offset) };
}

function keyOf(partition: number, instance: string, epoch: number): string {
  return `${partition} ${lifeKey({ instance, epoch })}`;
}

/** A life within its partition. */
export function lifeKey({ instance, epoch }: { readonly instance: string; readonly epoch: number }): string {
  return `${String(epoch)} ${instance}`;
}
