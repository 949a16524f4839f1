import type { ContentPart, ContentState, LifeState, SkippedRun } from './content-types.ts';
import { fillHoles } from './holes.ts';
import type { Hole } from './holes.ts';
import { keptBefore } from './kept-text.ts';
import { mostLives, mostRuns } from './lives.ts';
import type { EventPlace, SeenLife, Stretch } from './lives.ts';
import { meet } from './tally.ts';
import type { Met } from './tally.ts';
import { TurnedRuns, partOf } from './turned-runs.ts';
import type { TurnedRun } from './turned-runs.ts';

/** Runs out of turn of one kind that are listed one by one. */
const mostListedRuns = 100;

/** A hole, and whose it is. */
export interface LifeHole extends Hole {
  readonly instance: string;
  readonly epoch: number;
}

export interface JoinedLives {
  readonly holes: readonly LifeHole[];
  /** Holes between whose neighbours there are records that were not read. */
  readonly unclear: readonly LifeHole[];
  /** Numbers that came again of which the first is in what was read before, and how many. */
  readonly earlier: TurnedRuns;
  readonly repeatedEarlier: number;
  /** Numbers that came behind a later one. */
  readonly lates: TurnedRuns;
  /** Beginnings that are unclear because lives were forgotten. */
  readonly ambiguous: Met | null;
  readonly overflow: boolean;
  readonly repeated: number;
  readonly late: number;
  readonly instances: number;
  readonly epochs: number;
  readonly complete: boolean;
  readonly dropped: boolean;
  /** Oldest first. */
  readonly lives: readonly LifeState[];
}

type Kind = 'late' | 'again' | 'earlier';

interface Joined {
  readonly instance: string;
  readonly epoch: number;
  next: number;
  lastOffset: number;
  /** Offset of its first event that was read; Infinity: none was. */
  began: number;
  /** Sequences below this are in what was not read, or by an earlier run, or what was seen of them is forgotten. */
  known: number;
  holes: Hole[];
  /** Whether its first event was asked for the epoch before it. */
  asked: boolean;
  /** Its event that was met last; null: none. */
  end: EventPlace | null;
  /** The newest run of each kind, which may go on. */
  readonly newest: Record<Kind, TurnedRun | null>;
}

/** An epoch that the first event of a later one names, with its last sequence; and the offset of that event. */
interface NamedLife {
  readonly instance: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly offset: number;
}

/**
 * Puts what the shards of one partition saw of each producer's life together, one shard after the other: so memory holds the lives once, however many shards
 * there are, and no more holes than one shard holds.
 */
export class LifeJoin {
  private readonly lives = new Map<string, Joined>();
  private readonly skipped: SkippedRun[] = [];
  private readonly closed: LifeHole[] = [];
  private readonly runs = {
    again: new TurnedRuns(mostRuns),
    earlier: new TurnedRuns(mostListedRuns),
    late: new TurnedRuns(mostListedRuns),
  };
  private readonly counts = { again: 0, earlier: 0, late: 0 };
  private readonly names = new Set<string>();
  private readonly open: NamedLife[] = [];
  /** In all lives that are not closed. */
  private holes = 0;
  private ambiguous: Met | null = null;
  private overflow = false;
  private epochs = 0;
  private complete: boolean;
  private dropped: boolean;
  private expected: number | null;
  private partition = 0;

  constructor(before: ContentState | null) {
    this.complete = before?.complete ?? true;
    this.dropped = before?.dropped ?? false;
    this.expected = before?.nextOffset ?? 0;
    for (const { instance: name, epoch, next, lastOffset } of before?.lives ?? []) {
      const instance = keptBefore(name);
      const end = lastOffset < 0 ? null : { sequence: next - 1, offset: lastOffset };
      this.lives.set(keyOf(instance, epoch), { ...newLife(instance, epoch, next, next), lastOffset, end });
    }
  }

  add(part: ContentPart): void {
    if (part.offsets === null) return;
    this.partition = part.partition;
    // Between what was read before and this: pruned, or gone, which another finding says.
    if (this.expected !== null && part.offsets.first > this.expected) {
      this.skipped.push({ first: this.expected, last: part.offsets.first - 1, why: 'lost' });
      this.complete = false;
    }
    this.expected = null;
    this.skipped.push(...part.skipped);
    // First: what goes on in this part may be one of those that it forgot.
    this.dropped ||= part.forgotten > 0;
    for (const life of part.lives) this.life(life);
    for (const life of part.lives) this.ask(life);
    this.epochs += part.forgotten;
    this.overflow ||= part.overflow;
    this.forget();
  }

  /** Numbers that came again in what was read: with the same events, or with others. */
  get repeats(): readonly TurnedRun[] {
    return this.runs.again.listed;
  }

  /** Of what was added so far. */
  result(): JoinedLives {
    const { lives: ended, ambiguous, epochs } = this.ended();
    const all = [...this.closed, ...[...ended.values()].flatMap(holesOf)].sort((a, b) => a.after - b.after);
    const holes: LifeHole[] = [];
    const unclear: LifeHole[] = [];
    for (const hole of all) {
      const why = this.skippedIn(hole.before ?? -1, hole.after);
      if (why === 'unread') unclear.push(hole);
      else if (why === null) holes.push(hole);
    }
    const { dropped, runs } = this;
    const { again, earlier, late } = this.counts;
    const lives = [...ended.values()].map(({ instance, epoch, next, lastOffset }) => ({
      instance,
      epoch,
      next,
      lastOffset,
    }));
    const turned = { earlier: runs.earlier, lates: runs.late };
    const counts = { repeatedEarlier: earlier, repeated: again + earlier, late, instances: this.names.size, epochs };
    const overflow = this.overflow || runs.again.cut;
    const complete = this.complete && this.skipped.length === 0;
    return { holes, unclear, ambiguous, ...turned, ...counts, overflow, complete, dropped, lives };
  }

  private life(seen: SeenLife): void {
    const key = keyOf(seen.instance, seen.epoch);
    const known = this.lives.get(key);
    if (this.names.size < mostLives) this.names.add(seen.instance);
    const life = known ?? this.begin(seen);
    this.lives.delete(key);
    this.lives.set(key, life);
    const [{ first: sequence, firstOffset: offset }] = seen.rising;
    life.began = Math.min(life.began, offset);
    for (const run of Object.values(life.newest))
      if (run !== null && isAt(life.end, run)) run.after ??= { sequence, offset };
    // A number in both came in turn first.
    for (const stretch of seen.rising) this.rise(life, { ...stretch, before: stretch.before ?? life.end });
    for (const stretch of seen.below) this.turned(life, stretch, stretch.first, stretch.last);
    life.end = seen.end;
  }

  private rise(life: Joined, stretch: Stretch): void {
    const from = life.next;
    if (stretch.first < from) this.turned(life, stretch, stretch.first, Math.min(stretch.last, from - 1));
    if (stretch.last < from) return;
    if (stretch.first > from) {
      life.holes.push(holeBehind(life, stretch.first - 1, stretch.firstOffset, stretch.first));
      this.counted(life, life.holes.length - 1);
    }
    life.next = stretch.last + 1;
    life.lastOffset = stretch.lastOffset;
  }

  /** Numbers of a stretch below the highest: they fill holes, or came before. */
  private turned(life: Joined, stretch: Stretch, from: number, to: number): void {
    const before = life.holes.length;
    const parts = fillHoles(life.holes, from, to);
    this.counted(life, before);
    for (const { first, last, filled } of parts) {
      if (filled) {
        this.keep('late', life, stretch, first, last);
        continue;
      }
      this.keep('earlier', life, stretch, first, Math.min(last, life.known - 1));
      this.keep('again', life, stretch, Math.max(first, life.known), last);
    }
  }

  /**
   * Counts the holes of a life anew. Where there are too many its newest is forgotten: of numbers up to there that come yet nobody can say
   * any more whether they are late or come again.
   */
  private counted(life: Joined, before: number): void {
    this.holes += life.holes.length - before;
    if (this.holes <= mostRuns) return;
    const forgotten = life.holes.pop();
    if (forgotten === undefined) return;
    this.holes -= 1;
    this.overflow = true;
    life.known = Math.max(life.known, forgotten.last + 1);
  }

  private keep(kind: Kind, life: Joined, stretch: Stretch, first: number, last: number): void {
    if (first > last) return;
    this.counts[kind] += last - first + 1;
    const { partition } = this;
    const { instance, epoch, began } = life;
    const run = { partition, instance, epoch, began, ...partOf(stretch, first, last) };
    life.newest[kind] = this.runs[kind].add(run, life.newest[kind]);
  }

  private begin({ instance, epoch, rising: [{ first, firstOffset }] }: SeenLife): Joined {
    this.epochs += 1;
    if (first > 0 && this.dropped) this.ambiguous = meet(this.ambiguous, firstOffset);
    const cut = first > 0 && !(this.complete && !this.dropped);
    return cut ? newLife(instance, epoch, first, first) : newLife(instance, epoch, Math.min(first, 0), 0);
  }

  /** What the first event of a life says of the epoch before is settled once all is read, unless it fits already. */
  private ask(seen: SeenLife): void {
    const { instance, epoch, previous } = seen;
    const life = this.lives.get(keyOf(instance, epoch));
    if (previous === null || previous.epoch === epoch || life === undefined || life.asked) return;
    life.asked = true;
    if ((this.lives.get(keyOf(instance, previous.epoch))?.next ?? 0) > previous.sequence) return;
    if (this.open.length < mostRuns) this.open.push({ instance, ...previous });
    else this.overflow = true;
  }

  /** The lives as they are if nothing more comes: with the holes that the first events of later epochs name. */
  private ended(): { lives: ReadonlyMap<string, Joined>; ambiguous: Met | null; epochs: number } {
    const lives = new Map(this.lives);
    let { ambiguous, epochs } = this;
    for (const { instance, epoch, sequence, offset } of this.open) {
      const key = keyOf(instance, epoch);
      const known = lives.get(key);
      if (known === undefined) {
        if (this.dropped) ambiguous = meet(ambiguous, offset);
        if (this.dropped || !this.complete) continue;
        epochs += 1;
      }
      const life = known ?? newLife(instance, epoch, 0, 0);
      if (life.next > sequence) continue;
      const holes = [...life.holes, holeBehind(life, sequence, offset, null)];
      lives.set(key, { ...life, holes, next: sequence + 1 });
    }
    return { lives, ambiguous, epochs };
  }

  private skippedIn(after: number, before: number): SkippedRun['why'] | null {
    let found: SkippedRun['why'] | null = null;
    for (const { first, last, why } of this.skipped) {
      if (last <= after || first >= before) continue;
      if (why === 'unread') return why;
      found = why;
    }
    return found;
  }

  private forget(): void {
    for (const [key, life] of this.lives) {
      if (this.lives.size <= mostLives) return;
      this.lives.delete(key);
      this.dropped = true;
      this.holes -= life.holes.length;
      if (this.closed.length + life.holes.length <= mostRuns) this.closed.push(...holesOf(life));
      else this.overflow = true;
    }
  }
}

function keyOf(instance: string, epoch: number): string {
  return `${String(epoch)} ${instance}`;
}

function newLife(instance: string, epoch: number, next: number, known: number): Joined {
  const newest = { late: null, again: null, earlier: null };
  return { instance, epoch, next, known, lastOffset: -1, began: Infinity, holes: [], asked: false, end: null, newest };
}

/** The numbers from what came last to `last` are missing. */
function holeBehind({ next, lastOffset }: Joined, last: number, after: number, ahead: number | null): Hole {
  const none = lastOffset < 0;
  return { first: next, last, before: none ? null : lastOffset, behind: none ? null : next - 1, after, ahead };
}

function holesOf({ instance, epoch, holes }: Joined): LifeHole[] {
  return holes.map((hole) => ({ ...hole, instance, epoch }));
}

function isAt(end: EventPlace | null, { last, lastOffset }: TurnedRun): boolean {
  return end !== null && end.sequence === last && end.offset === lastOffset;
}
