import type { ContentCheck, ContentOptions, ContentPart, ContentState, MergedContent } from './content-types.ts';
import { wordTally } from './content-findings.ts';
import { savedLives } from './content-state.ts';
import { joinLives } from './join-lives.ts';
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
 * @param before what an earlier run left; null: nothing was there to read before; {@link unknownBefore}: it was not read
 */
export function mergeContent(parts: readonly ContentPart[], before: ContentState | null): MergedContent {
  const limitMs = parts[0]?.maxClockSkewMs ?? null;
  const tally = parts.reduce((joined, part) => joinTallies(joined, part.tally, limitMs), tallyOf(before));
  const joined = joinLives(parts, before);
  const [first] = parts;
  const findings = first === undefined ? [] : [...wordTally(first, tally, limitMs), ...wordLives(first, joined)];
  const { repeated, late, instances, epochs, holes, complete } = joined;
  const lives = savedLives(joined.lives);
  const missing = holes.reduce((sum, hole) => sum + hole.last - hole.first + 1, 0);
  return {
    findings,
    counts: { ...countsOf(tally), instances, epochs, missing, repeated, late },
    state: {
      version: 1,
      nextOffset: parts.reduce((end, { offsets }) => Math.max(end, (offsets?.last ?? -1) + 1), before?.nextOffset ?? 0),
      complete,
      dropped: joined.dropped || lives.length < joined.lives.length,
      latestMs: tally.lastTime?.ms ?? null,
      lives,
    },
  };
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
