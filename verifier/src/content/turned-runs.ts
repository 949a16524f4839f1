import type { EventPlace, Stretch } from './lives.ts';

/** Numbers of one life that came late, or again. */
export interface TurnedRun {
  readonly partition: number;
  readonly instance: string;
  readonly epoch: number;
  /** Offset of the first event of this life that was read. */
  readonly began: number;
  /** Both inclusive. */
  readonly first: number;
  last: number;
  readonly firstOffset: number;
  lastOffset: number;
  /** Whether it begins and ends at just these offsets; else it lies between them. */
  exact: boolean;
  /** The event of this life that stands just before it, and just behind it; null: none, or it is not known. */
  readonly before: EventPlace | null;
  after: EventPlace | null;
}

/** Runs that are kept one by one, and the number of all. */
export class TurnedRuns {
  readonly listed: TurnedRun[] = [];
  count = 0;
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  /** @param latest of this kind in the same life: where the numbers go on, so does that run. @returns the run that they are in */
  add(run: TurnedRun, latest: TurnedRun | null): TurnedRun {
    if (latest !== null && latest.last + 1 === run.first) {
      const { last, lastOffset, after } = run;
      return Object.assign(latest, { last, lastOffset, after, exact: latest.exact && run.exact });
    }
    this.count += 1;
    if (this.listed.length < this.most) this.listed.push(run);
    return run;
  }

  /** Whether some were left out. */
  get cut(): boolean {
    return this.count > this.listed.length;
  }
}

/** The part `first` to `last` of a stretch. Where other events lie in between, it is not known where a part begins and ends. */
export function partOf(stretch: Stretch, first: number, last: number): Pick<TurnedRun, keyof Stretch | 'exact'> {
  const { firstOffset, lastOffset } = stretch;
  const atBegin = first === stretch.first;
  const atEnd = last === stretch.last;
  const straight = lastOffset - firstOffset === stretch.last - stretch.first;
  const place = (sequence: number): EventPlace => ({ sequence, offset: firstOffset + sequence - stretch.first });
  return {
    first,
    last,
    firstOffset: straight ? place(first).offset : firstOffset,
    lastOffset: straight ? place(last).offset : lastOffset,
    exact: straight || (atBegin && atEnd),
    before: atBegin ? stretch.before : straight ? place(first - 1) : null,
    after: atEnd ? stretch.after : straight ? place(last + 1) : null,
  };
}
