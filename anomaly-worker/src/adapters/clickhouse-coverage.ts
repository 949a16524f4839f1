import type { Coverage, OffsetRange } from '../ports/row-store.ts';

/** So many offsets are counted together: a bucket whose counts fit is complete without a look at each offset. */
export const bucketOffsets = 65_536;

const mostDoubled = 100;

/**
 * Which offsets have rows, from counts by bucket.
 * @param buckets rows of bucket, smallest and largest offset, rows, distinct offsets; ascending
 * @param offsetsOf rows of offset and its number of rows, for a bucket whose counts do not fit
 */
export async function coverageOf(
  buckets: readonly (readonly unknown[])[],
  offsetsOf: (bucket: number) => Promise<readonly (readonly unknown[])[]>,
): Promise<Coverage> {
  const present: { first: number; last: number }[] = [];
  const doubled: number[] = [];
  for (const cells of buckets) {
    const [bucket, first, last, rows, distinct] = cells.map(Number);
    if (bucket === undefined || first === undefined || last === undefined) continue;
    if (rows === distinct && distinct === last - first + 1) {
      extend(present, { first, last });
      continue;
    }
    for (const pair of await offsetsOf(bucket)) {
      const offset = Number(pair[0]);
      extend(present, { first: offset, last: offset });
      if (Number(pair[1]) > 1 && doubled.length < mostDoubled) doubled.push(offset);
    }
  }
  return { present, doubled };
}

function extend(present: { first: number; last: number }[], range: OffsetRange): void {
  const end = present.at(-1);
  if (end !== undefined && end.last + 1 === range.first) end.last = range.last;
  else present.push({ ...range });
}
