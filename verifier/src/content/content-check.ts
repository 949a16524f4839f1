import type {
  ContentCheck,
  ContentCounts,
  ContentOptions,
  ContentPart,
  ContentState,
  MergedContent,
} from './content-types.ts';

export type {
  ContentCheck,
  ContentCounts,
  ContentOptions,
  ContentPart,
  ContentState,
  MergedContent,
  ProducerKey,
} from './content-types.ts';

const nothing: ContentCounts = {
  records: 0,
  decoded: 0,
  undecodable: {},
  unavailable: 0,
  control: 0,
  unparsed: 0,
  unpinned: 0,
  signed: 0,
  badSignatures: 0,
  unsigned: 0,
  instances: 0,
  epochs: 0,
  missing: 0,
  repeated: 0,
  late: 0,
};

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
export function openContentCheck({ topic, partition }: ContentOptions): ContentCheck {
  let first: number | null = null;
  let last = -1;
  const see = (from: number, to: number): void => {
    first ??= from;
    last = to;
  };
  return {
    section: () => undefined,
    batch: (_bytes, header, from, to) => see(Math.max(from, header.baseOffset), Math.min(to, header.lastOffset)),
    skipped: (from, to) => see(from, to),
    finish: () => Promise.resolve({ topic, partition, offsets: first === null ? null : { first, last } }),
  };
}

/**
 * Puts the shards of one partition together.
 * @param parts in the order of their offsets
 * @param before what an earlier run left; null: nothing was there to read before; {@link unknownBefore}: it was not read
 */
export function mergeContent(parts: readonly ContentPart[], before: ContentState | null): MergedContent {
  const last = parts.reduce((end, { offsets }) => Math.max(end, (offsets?.last ?? -1) + 1), before?.nextOffset ?? 0);
  return { findings: [], counts: nothing, state: { ...(before ?? unknownBefore), nextOffset: last } };
}
