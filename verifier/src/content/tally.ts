/** How many offsets, and the first of them. */
export interface Met {
  readonly count: number;
  readonly first: number;
}

/** A signature that does not count. */
export interface BadSignature {
  readonly offset: number;
  /** As `keptText` gives it. */
  readonly source: string | null;
  readonly why: string;
}

/** How far a clock was off. Places are offsets. */
export interface Skew {
  readonly count: number;
  readonly first: number;
  readonly worstMs: number;
  readonly worst: number;
}

/** What a shard counted: plain data. */
export interface TallyData {
  records: number;
  decoded: number;
  /** By code. */
  readonly undecodable: Record<string, Met>;
  readonly unavailable: Record<string, Met>;
  control: number;
  unparsed: number;
  unpinned: Met | null;
  signed: number;
  unsigned: number;
  badSignatures: number;
  /** The first of them. */
  readonly listedSignatures: BadSignature[];
  producerSkew: Skew | null;
  brokerSkew: Skew | null;
  /** Append times of the first and last batch with the broker's clock, unix ms, and their offsets. */
  firstTime: { readonly ms: number; readonly offset: number } | null;
  lastTime: { readonly ms: number; readonly offset: number } | null;
}

/** Bad signatures that are kept one by one. */
export const mostSignatures = 1_000;

export function emptyTally(): TallyData {
  return {
    records: 0,
    decoded: 0,
    undecodable: {},
    unavailable: {},
    control: 0,
    unparsed: 0,
    unpinned: null,
    signed: 0,
    unsigned: 0,
    badSignatures: 0,
    listedSignatures: [],
    producerSkew: null,
    brokerSkew: null,
    firstTime: null,
    lastTime: null,
  };
}

export function meet(met: Met | null | undefined, first: number, count = 1): Met {
  return { count: (met?.count ?? 0) + count, first: met?.first ?? first };
}

export function skewed(skew: Skew | null, offset: number, ms: number): Skew {
  const worse = skew === null || ms > skew.worstMs;
  return {
    count: (skew?.count ?? 0) + 1,
    first: skew?.first ?? offset,
    worstMs: worse ? ms : skew.worstMs,
    worst: worse ? offset : skew.worst,
  };
}

/** Those of two shards, the first before the second, as one. `limitMs`: how far the broker's clock may go back between them. */
export function joinTallies(a: TallyData, b: TallyData, limitMs: number | null): TallyData {
  const back = a.lastTime === null || b.firstTime === null ? 0 : a.lastTime.ms - b.firstTime.ms;
  const between =
    limitMs !== null && back > limitMs && b.firstTime !== null ? skewed(null, b.firstTime.offset, back) : null;
  return {
    records: a.records + b.records,
    decoded: a.decoded + b.decoded,
    undecodable: joinMet(a.undecodable, b.undecodable),
    unavailable: joinMet(a.unavailable, b.unavailable),
    control: a.control + b.control,
    unparsed: a.unparsed + b.unparsed,
    unpinned: b.unpinned === null ? a.unpinned : meet(a.unpinned, b.unpinned.first, b.unpinned.count),
    signed: a.signed + b.signed,
    unsigned: a.unsigned + b.unsigned,
    badSignatures: a.badSignatures + b.badSignatures,
    listedSignatures: [...a.listedSignatures, ...b.listedSignatures].slice(0, mostSignatures),
    producerSkew: joinSkew(a.producerSkew, b.producerSkew),
    brokerSkew: joinSkew(joinSkew(a.brokerSkew, between), b.brokerSkew),
    firstTime: a.firstTime ?? b.firstTime,
    lastTime: b.lastTime ?? a.lastTime,
  };
}

function joinMet(a: Readonly<Record<string, Met>>, b: Readonly<Record<string, Met>>): Record<string, Met> {
  const joined: Record<string, Met> = { ...a };
  for (const [code, { first, count }] of Object.entries(b)) joined[code] = meet(joined[code], first, count);
  return joined;
}

function joinSkew(a: Skew | null, b: Skew | null): Skew | null {
  if (a === null || b === null) return a ?? b;
  const worse = b.worstMs > a.worstMs ? b : a;
  return { count: a.count + b.count, first: a.first, worstMs: worse.worstMs, worst: worse.worst };
}
