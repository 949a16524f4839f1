import type { Plan } from './plan.ts';
import { firstEndingAt } from './sections.ts';

/** Sections in a row that are checked on their own: each seal names the leaf before it, so nothing else is needed of what comes before. */
export interface Shard {
  /** Indexes in the plan's sections: first (inclusive) and end (exclusive). Both are the length where only the tail is read. */
  readonly fromSection: number;
  readonly toSection: number;
  /** Where the first section begins, and the offset behind the last. */
  readonly from: number;
  readonly end: number;
  /** The offsets there are to be read, end exclusive. */
  readonly readFrom: number;
  readonly readTo: number;
  /** Records behind `end` count as unsealed up to here, exclusive. `end` where others look at them. */
  readonly countTo: number;
  /**
   * The shard before ends where this one begins. Then the record before is read too, so that what lies between the two (a batch that
   * goes back, an offset that is missing) is seen as it would be by one who reads all.
   */
  readonly joins: boolean;
  /** Where the last of the shards that follow each other ends to be read, exclusive: what lies behind it is not theirs to read. */
  readonly runTo: number;
}

export interface ShardLimits {
  readonly events: number;
  readonly sections: number;
}

/** Of a partition: log start, and the offset behind the last record that readers may see. */
export interface Bounds {
  readonly logStart: number;
  readonly highWatermark: number;
}

/**
 * Cuts a plan into shards of whole sections, in order. What cannot be read (below the log start, beyond the high watermark) and
 * what is not to be is in none of them; the last one takes the unsealed tail.
 * @param after what lies below this border of sections was read before; default: nothing was
 */
export function* shardsOf(plan: Plan, bounds: Bounds, limits: ShardLimits, after = 0): Generator<Shard, void, void> {
  const { sections } = plan;
  const start = Math.max(plan.from, bounds.logStart, after);
  const stop = Math.min(plan.readTo, bounds.highWatermark);
  const hasTail = stop > Math.max(plan.end, start);
  const runToOf = (from: number): number => endOfRun(plan, bounds, from);
  let open: Shard | null = null;
  for (let index = firstEndingAt(sections, start); index < sections.length; index++) {
    const section = sections.at(index);
    if (section === undefined || section.first >= stop) break;
    if (section.kind === 'lost' || section.kind === 'outside') {
      if (open !== null) yield open;
      open = null;
      continue;
    }
    const joins: boolean = open !== null || (after > plan.from && section.first === after);
    const end = section.last + 1;
    const reached = { toSection: index + 1, end, readTo: Math.min(end, stop), countTo: end };
    if (open !== null && !isFull(open, limits)) {
      open = extended(open, reached);
      continue;
    }
    if (open !== null) yield open;
    const { first } = section;
    const readFrom = Math.max(first, start);
    open = { fromSection: index, from: first, readFrom, joins, runTo: runToOf(first), ...reached };
  }
  const takesTail = hasTail && open?.end === plan.end;
  if (open !== null) yield takesTail ? { ...open, readTo: stop, countTo: plan.readTo } : open;
  if (!hasTail || takesTail) return;
  yield {
    fromSection: sections.length,
    toSection: sections.length,
    from: plan.end,
    end: plan.end,
    readFrom: Math.max(plan.end, start),
    readTo: stop,
    countTo: plan.readTo,
    joins: after > plan.from && after === plan.end,
    runTo: stop,
  };
}

/** Where what lies in a row from this border of sections on ends, exclusive, as `Shard.runTo`. */
export function endOfRun({ readTo, skips }: Plan, { highWatermark }: Bounds, from: number): number {
  const stop = Math.min(readTo, highWatermark);
  return Math.min(stop, skips.find(({ first }) => first >= from)?.first ?? stop);
}

/** Two shards, of which the second joins the first, as one. */
export function joinShards(first: Shard, second: Shard): Shard {
  return extended(first, second);
}

type Reach = Pick<Shard, 'toSection' | 'end' | 'readTo' | 'countTo'>;

function extended(shard: Shard, { toSection, end, readTo, countTo }: Reach): Shard {
  return { ...shard, toSection, end, readTo, countTo };
}

function isFull({ fromSection, toSection, from, end }: Shard, { events, sections }: ShardLimits): boolean {
  return end - from >= events || toSection - fromSection >= sections;
}
