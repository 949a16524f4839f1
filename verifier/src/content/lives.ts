import { keptText } from './kept-text.ts';

/** Lives kept at once; more than a partition has producers, with room. */
export const mostLives = 65_536;
/** Stretches of each kind that are kept of one shard. */
export const mostRuns = 10_000;

/** Where one event of a life stands, and its number there. */
export interface EventPlace {
  readonly sequence: number;
  readonly offset: number;
}

/** Numbers of one life that follow each other one by one; both ends inclusive. Other events may lie between them. */
export interface Stretch {
  readonly first: number;
  last: number;
  readonly firstOffset: number;
  lastOffset: number;
  /** The event of this life that stands just before it, and just behind it; null: there was none in the shard. */
  readonly before: EventPlace | null;
  after: EventPlace | null;
}

/** One life of a producer while a shard is read. Who reads events in turn needs `next` and `lastOffset` only. */
export interface Life {
  /** As {@link keptText} gives it. */
  readonly instance: string;
  readonly epoch: number;
  /** The number that is in turn: the highest and one. NaN behind an event that was out of turn, so that {@link Lives} sees the one after it too. */
  next: number;
  /** Where the highest was met first. */
  lastOffset: number;
  /** What its first event says of the epoch before. */
  previous: { readonly epoch: number; readonly sequence: number; readonly offset: number } | null;
  /** What `next` is again, and the event before; only where `next` is NaN. */
  top: number;
  latest: EventPlace | null;
  /** The one in `below` that the event before belongs to. */
  open: Stretch | null;
  readonly rising: Stretch[];
  readonly below: Stretch[];
}

/** What one shard saw of one life: plain data. */
export interface SeenLife {
  /** As {@link keptText} gives it. */
  readonly instance: string;
  readonly epoch: number;
  /** Numbers each of which was higher than all before it, ascending; between two of them numbers are missing. One at least. */
  readonly rising: readonly [Stretch, ...Stretch[]];
  /** Numbers that were not: they came late, or again. In the order in which they were met first. */
  readonly below: readonly Stretch[];
  /** The event that stands last. */
  readonly end: EventPlace;
  readonly previous: Life['previous'];
}

/** The lives of one shard, in the order in which they were met. Memory is bounded: those that say nothing more go first. */
export class Lives {
  private readonly kept = new Map<string, Life>();
  private jumps = 0;
  private runs = 0;
  /** Lives that began at 0, were in turn, and were forgotten. */
  forgotten = 0;
  /** There were too many stretches or lives to keep: what is said of sequences is incomplete. */
  overflow = false;
  begun = 0;

  /** The life, made if it is new. Called when the life changes from one event to the next, not for each. */
  of(name: string, epoch: number, sequence: number, offset: number): Life {
    const instance = keptText(name);
    const key = `${String(epoch)} ${instance}`;
    const known = this.kept.get(key);
    if (known !== undefined) {
      // Behind all others: the one that was met longest ago comes first.
      this.kept.delete(key);
      this.kept.set(key, known);
      return known;
    }
    if (this.kept.size >= mostLives) this.forget();
    this.begun += 1;
    const life: Life = {
      instance,
      epoch,
      next: sequence,
      lastOffset: offset,
      previous: null,
      top: sequence,
      latest: null,
      open: null,
      rising: [beginStretch({ sequence, offset }, null)],
      below: [],
    };
    this.kept.set(key, life);
    return life;
  }

  observe(life: Life, sequence: number, offset: number): void {
    if (sequence === life.next) {
      life.next = sequence + 1;
      life.lastOffset = offset;
    } else this.outOfTurn(life, sequence, offset);
  }

  /** An event that does not just follow the one before it, or that stands behind one that did not. */
  outOfTurn(life: Life, sequence: number, offset: number): void {
    const here: EventPlace = { sequence, offset };
    const top = topOf(life);
    const before = endOf(life);
    const running = life.latest === null ? life.rising.at(-1) : life.open;
    if (running !== null && running !== undefined) running.after = here;
    if (sequence < top) {
      life.open = this.extend(life.below, here, before);
      life.latest = here;
      life.top = top;
      life.next = NaN;
      return;
    }
    if (sequence > top) this.jump(life, top, here, before);
    life.open = null;
    life.latest = null;
    life.next = sequence + 1;
    life.lastOffset = offset;
  }

  list(): SeenLife[] {
    return [...this.kept.values()].map(seen).sort((a, b) => a.rising[0].firstOffset - b.rising[0].firstOffset);
  }

  private jump(life: Life, top: number, here: EventPlace, before: EventPlace): void {
    if (this.jumps === mostRuns) {
      this.overflow = true;
      return;
    }
    this.jumps += 1;
    const ended = life.rising.at(-1);
    if (ended !== undefined) Object.assign(ended, { last: top - 1, lastOffset: life.lastOffset });
    life.rising.push(beginStretch(here, before));
  }

  /** @returns the stretch that it belongs to; null: there are too many */
  private extend(runs: Stretch[], here: EventPlace, before: EventPlace): Stretch | null {
    const last = runs.at(-1);
    if (last !== undefined && last.last + 1 === here.sequence) {
      last.last = here.sequence;
      last.lastOffset = here.offset;
      last.after = null;
      return last;
    }
    if (this.runs === mostRuns) {
      this.overflow = true;
      return null;
    }
    this.runs += 1;
    const run = beginStretch(here, before);
    runs.push(run);
    return run;
  }

  /** Makes room for an eighth: of the lives met longest ago those that hold nothing that has to be said. */
  private forget(): void {
    let wanted = mostLives / 8;
    for (const [key, { rising, below, previous }] of this.kept) {
      if (wanted === 0) return;
      if ((rising[0]?.first ?? 0) > 0 || previous !== null || rising.length > 1 || below.length > 0) continue;
      this.kept.delete(key);
      this.forgotten += 1;
      wanted -= 1;
    }
    if (this.kept.size < mostLives) return;
    this.overflow = true;
    const [oldest] = this.kept.keys();
    if (oldest !== undefined) this.kept.delete(oldest);
  }
}

function beginStretch({ sequence, offset }: EventPlace, before: EventPlace | null): Stretch {
  return { first: sequence, last: sequence, firstOffset: offset, lastOffset: offset, before, after: null };
}

function topOf({ next, top }: Life): number {
  return Number.isNaN(next) ? top : next;
}

/** The event that was met last. */
function endOf({ latest, next, lastOffset }: Life): EventPlace {
  return latest ?? { sequence: next - 1, offset: lastOffset };
}

function seen(life: Life): SeenLife {
  const { instance, epoch, below, previous, lastOffset } = life;
  const rising = life.rising.slice(0, -1);
  const current = life.rising.at(-1);
  if (current === undefined) throw new TypeError('a life has an event');
  // It may have gone on behind what once stood behind it.
  const after = current.after !== null && current.after.offset > lastOffset ? current.after : null;
  const newest = { ...current, last: topOf(life) - 1, lastOffset, after };
  const [first = newest, ...rest] = rising;
  return {
    instance,
    epoch,
    rising: rising.length === 0 ? [newest] : [first, ...rest, newest],
    below,
    end: endOf(life),
    previous,
  };
}
