/** Lives kept at once; more than a partition has producers, with room. */
export const mostLives = 65_536;
/** Runs of any kind kept of one shard. */
export const mostRuns = 10_000;

/** Sequences that are missing, both ends inclusive, and the events around them. */
export interface Hole {
  readonly first: number;
  readonly last: number;
  /** Offsets of the event before and after; null: there is none. */
  readonly before: number | null;
  readonly after: number;
  /** Sequence of the event before, when the hole was found: since then a part of it may have been filled. */
  readonly behind: number;
}

/** Sequences that came out of turn, one after the other. */
export interface OutOfTurn {
  readonly first: number;
  last: number;
  readonly firstOffset: number;
  lastOffset: number;
}

/** What one shard saw of one life of a producer. */
export interface Life {
  readonly instance: string;
  readonly epoch: number;
  /** The sequence seen first, and where. */
  readonly first: number;
  readonly firstOffset: number;
  /** The highest sequence and one; where the highest was met first. */
  next: number;
  lastOffset: number;
  holes: Hole[];
  /** Seen already in this shard. */
  repeated: OutOfTurn[];
  /** Lower than the first: seen before this shard, or never. */
  below: OutOfTurn[];
  /** Sequences that filled a hole. */
  late: number[];
  /** What its first event says of the epoch before. */
  previous: { readonly epoch: number; readonly sequence: number; readonly offset: number } | null;
}

/** The lives of one shard, in the order in which they were met. Memory is bounded: those that say nothing more go first. */
export class Lives {
  private readonly kept = new Map<string, Life>();
  private runs = 0;
  private filled = 0;
  /** Lives that began at 0, had no holes, and were forgotten. */
  forgotten = 0;
  /** There were too many runs or lives to keep: what is said of sequences is incomplete. */
  overflow = false;
  begun = 0;

  /** The life, made if it is new. Called when the life changes from one event to the next, not for each. */
  of(instance: string, epoch: number, sequence: number, offset: number): Life {
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
      first: sequence,
      firstOffset: offset,
      next: sequence,
      lastOffset: offset,
      holes: [],
      repeated: [],
      below: [],
      late: [],
      previous: null,
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

  /** An event that does not just follow the one before it. */
  outOfTurn(life: Life, sequence: number, offset: number): void {
    if (sequence >= life.next) {
      if (sequence > life.next && this.room())
        life.holes.push({
          first: life.next,
          last: sequence - 1,
          before: life.lastOffset,
          after: offset,
          behind: life.next - 1,
        });
      life.next = sequence + 1;
      life.lastOffset = offset;
    } else if (life.holes.length > 0 && this.filled < mostRuns && fill(life.holes, sequence)) {
      life.late.push(sequence);
      this.filled += 1;
      // From here on what fills a hole looks like what came twice.
      if (this.filled === mostRuns) this.overflow = true;
    } else this.extend(sequence < life.first ? life.below : life.repeated, sequence, offset);
  }

  list(): Life[] {
    return [...this.kept.values()].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  private extend(runs: OutOfTurn[], sequence: number, offset: number): void {
    const last = runs.at(-1);
    if (last !== undefined && last.last + 1 === sequence) {
      last.last = sequence;
      last.lastOffset = offset;
    } else if (this.room()) {
      runs.push({ first: sequence, last: sequence, firstOffset: offset, lastOffset: offset });
    }
  }

  private room(): boolean {
    if (this.runs < mostRuns) {
      this.runs += 1;
      return true;
    }
    this.overflow = true;
    return false;
  }

  /** Makes room for an eighth: of the lives met longest ago those that hold nothing that has to be said. */
  private forget(): void {
    let wanted = mostLives / 8;
    for (const [key, life] of this.kept) {
      if (wanted === 0) return;
      const { first, previous, holes, repeated, below } = life;
      if (first > 0 || previous !== null || holes.length + repeated.length + below.length > 0) continue;
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

/** Takes a number out of the holes, which are in ascending order; false where it is in none. */
export function fill(holes: Hole[], sequence: number): boolean {
  let from = 0;
  let to = holes.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((holes[middle]?.last ?? Infinity) < sequence) from = middle + 1;
    else to = middle;
  }
  const hole = holes[from];
  if (hole === undefined || hole.first > sequence) return false;
  const parts: Hole[] = [];
  if (hole.first < sequence) parts.push({ ...hole, last: sequence - 1 });
  if (sequence < hole.last) parts.push({ ...hole, first: sequence + 1 });
  holes.splice(from, 1, ...parts);
  return true;
}
