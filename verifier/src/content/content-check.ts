import type { ContentCheck, ContentOptions, ContentPart, ContentState, MergedContent } from './content-types.ts';
import { wordTally } from './content-findings.ts';
import { savedLives } from './content-state.ts';
import { LifeJoin } from './join-lives.ts';
import { ShardCheck } from './shard-check.ts';
import { emptyTally, joinTallies } from './tally.ts';
import type { Met, TallyData } from './tally.ts';
import { wordLives } from './word-lives.ts';

export type {
  ContentCheck,
  ContentCounts,
  ContentOptions,
  ContentPart,
  ContentState,
  MergedContent,
  PartIds,
  ProducerKey,
} from './content-types.ts';

/** What is known of a partition of which only a part is read: nothing. For {@link mergeContent}. */
export const unknownBefore: ContentState = {
  version: 1,
  nextOffset: 0,
  complete: false,
  dropped: false,
  latestMs: null,
  lives: [],
};

/** Begins the check of one shard. */
export function openContentCheck(options: ContentOptions): ContentCheck {
  return new ShardCheck(options);
}

/**
 * Puts the shards of one partition together.
 * @param parts in the order of their offsets
 * @param before as {@link ContentMerge} takes it
 */
export function mergeContent(parts: readonly ContentPart[], before: ContentState | null): MergedContent {
  const merge = new ContentMerge(before);
  for (const part of parts) merge.add(part);
  return merge.result();
}

/** Puts the shards of one partition together as they come: memory does not grow with their number. */
export class ContentMerge {
  private readonly before: ContentState | null;
  private readonly lives: LifeJoin;
  /** The lives without what an earlier run knew of them: only what was read can be compared. */
  private read: LifeJoin | null = null;
  private first: Pick<ContentPart, 'topic' | 'partition' | 'maxClockSkewMs'> | null = null;
  private tally: TallyData;
  private nextOffset: number;

  /** @param before what an earlier run left; null: nothing was there to read before; {@link unknownBefore}: it was not read */
  constructor(before: ContentState | null) {
    this.before = before;
    this.lives = new LifeJoin(before);
    this.tally = tallyOf(before);
    this.nextOffset = before?.nextOffset ?? 0;
  }

  /** In the order of their offsets. */
  add(part: ContentPart): void {
    const { topic, partition, maxClockSkewMs } = part;
    this.first ??= { topic, partition, maxClockSkewMs };
    this.tally = joinTallies(this.tally, part.tally, this.first.maxClockSkewMs);
    this.lives.add(part);
    if (part.offsets === null) return;
    this.read ??= this.joinOf(part.offsets.first);
    if (this.read !== this.lives) this.read.add(part);
    this.nextOffset = Math.max(this.nextOffset, part.offsets.last + 1);
  }

  /** Of what was added so far. */
  result(): MergedContent {
    const { first, tally, nextOffset, read } = this;
    const joined = this.lives.result();
    const limitMs = first?.maxClockSkewMs ?? null;
    const findings = first === null ? [] : [...wordTally(first, tally, limitMs), ...wordLives(first, joined)];
    const { repeated, late, instances, epochs, holes, complete } = joined;
    const lives = savedLives(joined.lives);
    const missing = holes.reduce((sum, hole) => sum + hole.last - hole.first + 1, 0);
    return {
      findings,
      counts: { ...countsOf(tally), instances, epochs, missing, repeated, late },
      state: {
        version: 1,
        nextOffset,
        complete,
        dropped: joined.dropped || lives.length < joined.lives.length,
        latestMs: tally.lastTime?.ms ?? null,
        lives,
      },
      repeats: read?.repeats ?? [],
    };
  }

  /** @param begins the first offset that was read */
  private joinOf(begins: number): LifeJoin {
    const { before, lives } = this;
    if (before === null || (before === unknownBefore && begins > 0)) return lives;
    return new LifeJoin(begins === 0 ? null : unknownBefore);
  }
}

/** Only the clock goes on from an earlier run; all else is counted of this one. */
function tallyOf(before: ContentState | null): TallyData {
  const tally = emptyTally();
  if (before !== null && before.latestMs !== null)
    tally.lastTime = { ms: before.latestMs, offset: before.nextOffset - 1 };
  return tally;
}

function countsOf({
  records,
  decoded,
  control,
  unparsed,
  unpinned,
  signed,
  unsigned,
  badSignatures,
  ...tally
}: TallyData) {
  const undecodable = Object.fromEntries(Object.entries(tally.undecodable).map(([code, { count }]) => [code, count]));
  const unavailable = Object.values(tally.unavailable).reduce((sum: number, { count }: Met) => sum + count, 0);
  const of = { records, decoded, undecodable, unavailable, control, unparsed, unpinned: unpinned?.count ?? 0 };
  return { ...of, signed, badSignatures, unsigned };
}
