import type { RepeatedRun } from './join-lives.ts';
import type { KnownEvent } from './read-again.ts';

/** Sequences that came again, until they are known to have come with the same events. */
export class Repeats {
  private readonly byLife = new Map<string, { readonly run: RepeatedRun; pending: number }[]>();

  constructor(runs: readonly RepeatedRun[]) {
    for (const run of runs) {
      const key = keyOf(run.partition, run.instance, run.epoch);
      const known = this.byLife.get(key) ?? [];
      this.byLife.set(key, known);
      known.push({ run, pending: run.last - run.first + 1 });
    }
    // The shortest first: a run of a whole shard may hold the offsets of runs within it.
    for (const known of this.byLife.values()) known.sort((a, b) => span(a.run) - span(b.run));
  }

  /** The event at this offset is one before it, sent again. */
  confirm(partition: number, offset: number, { instance, epoch, sequence }: KnownEvent): void {
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
    if (found !== undefined) found.pending -= 1;
  }

  /** Those of which some came with other events. */
  others(): (RepeatedRun & { readonly pending: number })[] {
    return [...this.byLife.values()]
      .flat()
      .filter(({ pending }) => pending > 0)
      .map(({ run, pending }) => ({ ...run, pending }))
      .sort((a, b) => a.partition - b.partition || a.firstOffset - b.firstOffset);
  }
}

function span({ firstOffset, lastOffset }: RepeatedRun): number {
  return lastOffset - firstOffset;
}

function keyOf(partition: number, instance: string, epoch: number): string {
  return `${partition} ${String(epoch)} ${instance}`;
}
