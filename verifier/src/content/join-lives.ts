import type { ContentPart, ContentState, LifeState, SkippedRun } from './content-types.ts';
import { mostLives, mostRuns } from './lives.ts';
import type { Hole, Life, OutOfTurn } from './lives.ts';
import { meet } from './tally.ts';
import type { Met } from './tally.ts';

/** A hole, and whose it is. */
export interface LifeHole extends Hole {
  readonly instance: string;
  readonly epoch: number;
}

/** Sequences that came again in what was read: with the same events, or with others. */
export interface RepeatedRun extends OutOfTurn {
  readonly partition: number;
  readonly instance: string;
  readonly epoch: number;
}

export interface JoinedLives {
  readonly holes: readonly LifeHole[];
  /** Holes between whose neighbours there are records that were not read. */
  readonly unclear: readonly LifeHole[];
  readonly repeats: readonly RepeatedRun[];
  /** Sequences that came again, or late, of which the first is in what was read before. */
  readonly earlier: Met | null;
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

interface Joined {
  readonly instance: string;
  readonly epoch: number;
  next: number;
  lastOffset: number;
  /** Sequences below this are in what was not read, or by an earlier run. */
  readonly known: number;
  holes: Hole[];
  /** Whether its first event was asked for the epoch before it. */
  asked: boolean;
}

/** Puts what the shards of one partition saw of each producer's life together. */
export function joinLives(parts: readonly ContentPart[], before: ContentState | null): JoinedLives {
  const join = new LifeJoin(before);
  for (const part of parts) join.add(part);
  return join.finish();
}

/** An epoch that the first event of a later one names, with its last sequence; and the offset of that event. */
interface NamedLife {
  readonly instance: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly offset: number;
}

class LifeJoin {
  private readonly lives = new Map<string, Joined>();
  private readonly skipped: SkippedRun[] = [];
  private readonly closed: LifeHole[] = [];
  private readonly repeats: RepeatedRun[] = [];
  private readonly names = new Set<string>();
  private readonly open: NamedLife[] = [];
  private earlier: Met | null = null;
  private ambiguous: Met | null = null;
  private overflow = false;
  private repeated = 0;
  private late = 0;
  private epochs = 0;
  private complete: boolean;
  private dropped: boolean;
  private expected: number | null;
  private partition = 0;

  constructor(before: ContentState | null) {
    this.complete = before?.complete ?? true;
    this.dropped = before?.dropped ?? false;
    this.expected = before?.nextOffset ?? 0;
    for (const { instance, epoch, next, lastOffset } of before?.lives ?? [])
      this.lives.set(keyOf(instance, epoch), {
        instance,
        epoch,
        next,
        lastOffset,
        known: next,
        holes: [],
        asked: false,
      });
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
    for (const life of part.lives) this.life(life, part.offsets.last);
    for (const life of part.lives) this.ask(life);
    this.epochs += part.forgotten;
    this.overflow ||= part.overflow;
    this.forget();
  }

  finish(): JoinedLives {
    for (const life of this.open) this.previous(life);
    const all = [...this.closed, ...[...this.lives.values()].flatMap(holesOf)].sort((a, b) => a.after - b.after);
    const holes: LifeHole[] = [];
    const unclear: LifeHole[] = [];
    for (const hole of all) {
      const why = this.skippedIn(hole.before ?? -1, hole.after);
      if (why === 'unread') unclear.push(hole);
      else if (why === null) holes.push(hole);
    }
    const { repeats, earlier, ambiguous, overflow, repeated, late, epochs, dropped } = this;
    const counts = { repeated, late, epochs, instances: this.names.size };
    const lives = [...this.lives.values()].map(({ instance, epoch, next, lastOffset }) => ({
      instance,
      epoch,
      next,
      lastOffset,
    }));
    const complete = this.complete && this.skipped.length === 0;
    return { holes, unclear, repeats, earlier, ambiguous, overflow, ...counts, complete, dropped, lives };
  }

  /** @param lastOffset of the shard: up to there what it has of this life may lie */
  private life(seen: Life, lastOffset: number): void {
    const key = keyOf(seen.instance, seen.epoch);
    const known = this.lives.get(key);
    if (this.names.size < mostLives) this.names.add(seen.instance);
    const life = known ?? this.begin(seen);
    this.lives.delete(key);
    this.lives.set(key, life);
    const from = life.next;
    // What the shards before have already came again; it did not come late.
    this.late += seen.late.filter((sequence) => sequence >= from).length;
    const holes: Hole[] = [];
    if (seen.first > from)
      holes.push({
        first: from,
        last: seen.first - 1,
        before: lastOf(life),
        after: seen.firstOffset,
        behind: from - 1,
      });
    for (const hole of seen.holes) {
      if (hole.last < from) continue;
      // What this shard met again below `from` is not the event before the hole.
      const first = Math.max(hole.first, from);
      holes.push(hole.behind >= from ? hole : { ...hole, first, before: lastOf(life) });
    }
    // What this shard has and the ones before it had too.
    for (const { first, last } of coveredBy(seen)) {
      const run = { first, last: Math.min(last, from - 1), firstOffset: seen.firstOffset, lastOffset };
      if (run.first <= run.last) this.again(life, life.holes, run);
    }
    life.holes.push(...holes);
    if (seen.next > from) {
      life.next = seen.next;
      life.lastOffset = seen.lastOffset;
    }
    for (const run of seen.below) this.again(life, life.holes, run);
    for (const run of seen.repeated) this.again(life, [], run);
  }

  /** Sequences below the highest: they fill holes, or came before. */
  private again(life: Joined, holes: Hole[], run: OutOfTurn): void {
    for (const rest of subtract(holes, run.first, run.last)) {
      const { first, last, filled } = rest;
      const count = last - first + 1;
      if (filled) this.late += count;
      else if (last < life.known) {
        this.repeated += count;
        this.earlier = meet(this.earlier, run.firstOffset, count);
      } else {
        this.repeated += count;
        const { partition } = this;
        const { instance, epoch } = life;
        const { firstOffset, lastOffset } = run;
        if (this.repeats.length < mostRuns)
          this.repeats.push({ partition, instance, epoch, first, last, firstOffset, lastOffset });
        else this.overflow = true;
      }
    }
  }

  private begin({ instance, epoch, first, firstOffset }: Life): Joined {
    this.epochs += 1;
    const known = this.complete && !this.dropped;
    if (first > 0 && this.dropped) this.ambiguous = meet(this.ambiguous, firstOffset);
    const cut = first > 0 && !known;
    return cut
      ? { instance, epoch, next: first, lastOffset: -1, known: first, holes: [], asked: false }
      : { instance, epoch, next: Math.min(first, 0), lastOffset: -1, known: 0, holes: [], asked: false };
  }

  /** What the first event of a life says of the epoch before is settled once all is read, unless it fits already. */
  private ask(seen: Life): void {
    const { instance, epoch, previous } = seen;
    const life = this.lives.get(keyOf(instance, epoch));
    if (previous === null || previous.epoch === epoch || life === undefined || life.asked) return;
    life.asked = true;
    if ((this.lives.get(keyOf(instance, previous.epoch))?.next ?? 0) > previous.sequence) return;
    if (this.open.length < mostRuns) this.open.push({ instance, ...previous });
    else this.overflow = true;
  }

  private previous({ instance, epoch, sequence, offset }: NamedLife): void {
    const key = keyOf(instance, epoch);
    let life = this.lives.get(key);
    if (life === undefined) {
      if (this.dropped) this.ambiguous = meet(this.ambiguous, offset);
      if (this.dropped || !this.complete) return;
      this.epochs += 1;
      life = { instance, epoch, next: 0, lastOffset: -1, known: 0, holes: [], asked: false };
      this.lives.set(key, life);
    }
    if (life.next > sequence) return;
    life.holes.push({ first: life.next, last: sequence, before: lastOf(life), after: offset, behind: life.next - 1 });
    life.next = sequence + 1;
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
      if (this.closed.length + life.holes.length <= mostRuns) this.closed.push(...holesOf(life));
      else this.overflow = true;
    }
  }
}

function keyOf(instance: string, epoch: number): string {
  return `${String(epoch)} ${instance}`;
}

function lastOf({ lastOffset }: Joined): number | null {
  return lastOffset < 0 ? null : lastOffset;
}

function holesOf({ instance, epoch, holes }: Joined): LifeHole[] {
  return holes.map((hole) => ({ ...hole, instance, epoch }));
}

/** The runs of sequences that a shard has of a life. */
function* coveredBy({ first, next, holes }: Life): Generator<{ first: number; last: number }, void, void> {
  let from = first;
  for (const hole of holes) {
    if (from < hole.first) yield { first: from, last: hole.first - 1 };
    from = hole.last + 1;
  }
  if (from < next) yield { first: from, last: next - 1 };
}

/** Takes a run of sequences out of holes, and says which of them were in one. */
function subtract(holes: Hole[], first: number, last: number): { first: number; last: number; filled: boolean }[] {
  const parts: { first: number; last: number; filled: boolean }[] = [];
  const left: Hole[] = [];
  let from = first;
  for (const hole of holes) {
    const begin = Math.max(hole.first, first);
    const end = Math.min(hole.last, last);
    if (begin > end) {
      left.push(hole);
      continue;
    }
    if (from < begin) parts.push({ first: from, last: begin - 1, filled: false });
    parts.push({ first: begin, last: end, filled: true });
    from = end + 1;
    if (hole.first < begin) left.push({ ...hole, last: begin - 1 });
    if (end < hole.last) left.push({ ...hole, first: end + 1 });
  }
  if (parts.length > 0) holes.splice(0, holes.length, ...left);
  if (from <= last) parts.push({ first: from, last, filled: false });
  return parts;
}
