import { offsetsPlace } from '@tallystick/core/finding';
import type { Codecs } from '@tallystick/core/codecs';
import type { EventDecoder } from '@tallystick/schemas/decoder';
import { isWithin, tooOldText } from '../ages.ts';
import { boundsOf, settledBounds } from '../ask-broker.ts';
import type { Asked } from '../ask-broker.ts';
import { checkAbort, pause } from '../deadline.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { CopiedExtent, CopiedPlace, CopiedRows, CopiedWatermark } from '../ports/copied-rows.ts';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import { comparePlace } from './compare-place.ts';
import type { Expiry, PlaceCompared, PlaceRange } from './compare-place.ts';
import type { CopySegment } from './compare-query-copy.ts';
import { CopyFindings, rowDigest } from './copy-findings.ts';
import type { CopiedPartition, QueryCopyCounts } from './query-copy-result.ts';

export interface CopyParts extends Asked {
  readonly rows: CopiedRows;
  readonly topic: string;
  /** Of the topic that there is now. */
  readonly topicId: string;
  readonly decoder: EventDecoder;
  readonly codecs: Codecs;
  readonly settleMs: number;
  readonly maxLagMs: number;
  /** How long a row has to be kept, ms; null: for ever. */
  readonly minRetentionMs: number | null;
  readonly now: () => number;
  readonly range: (partition: number) => { readonly first: number; readonly last: number } | null;
  readonly add: (finding: NewFinding) => void;
  readonly count: (name: keyof QueryCopyCounts, by: number) => void;
}

/**
 * One generation of one partition.
 * @param later the generations of the partition that came after it
 * @param extent its rows when the run began; null: none
 * @returns null where there is nothing to hold its rows against
 */
export async function comparePartition(
  parts: CopyParts,
  { partition, generation, topicId, firstOffset }: CopySegment,
  later: readonly CopySegment[],
  extent: CopiedExtent | null,
): Promise<CopiedPartition | null> {
  const { topic, log, add, count } = parts;
  const range = parts.range(partition);
  if (range === null) return null;
  const place: CopiedPlace = { topic, partition, generation };
  if (topicId !== parts.topicId) {
    if (extent !== null) uncheckable(parts, place, extent.rows, 'the topic that they were made of is gone');
    return null;
  }
  const source: Source = { log, topic, topicId, partition, deadlineMs: parts.deadlineMs, signal: parts.signal };
  const newest = later.length === 0;
  const mark = await settled(parts, place, newest);
  const reached = await writtenTo(parts.rows, place, mark, Math.max(firstOffset, mark.nextOffset, endOf(extent)));
  const { logStart, highWatermark } = await settledBounds(parts, topic, partition, reached);
  // Of an earlier generation only what it covers has to be there; the worker may have gone on a little.
  const end = Math.min(reached, highWatermark, range.last + 1);
  const limit = Math.min(end, ...later.map((each) => each.firstOffset));
  const from = Math.max(firstOffset, logStart, range.first);
  const found = new CopyFindings(place, add);
  let { rowsFrom } = mark;
  const expiry = async (): Promise<Expiry> => {
    ({ rowsFrom } = await parts.rows.watermark(place));
    return { rowsFrom, takenBefore: parts.minRetentionMs === null ? null : parts.now() - parts.minRetentionMs };
  };
  const offsets = { from, to: end, requiredTo: newest ? end : limit, expiry };
  const compare = async (of: PlaceRange): Promise<PlaceCompared> =>
    of.from < of.to ? await comparePlace({ ...parts, source }, place, of, found, count) : nothing;
  const { compared, expired, unread } = await compare(offsets);
  const grownTo = await outside(parts, place, found, { firstOffset, logStart, highWatermark, extent, range });
  // Rows that were ahead of their records when those were compared, and are not any more: the worker writes none such.
  const grown = await compare({ ...offsets, from: Math.max(from, highWatermark), to: grownTo, requiredTo: 0 });
  if (unread + grown.unread > 0)
    uncheckable(parts, place, unread + grown.unread, 'their records are not stored, or cannot be read');
  found.flush();
  count('altered', found.altered);
  count('extra', found.extra);
  count('missing', found.missing);
  // Also where only some offsets were asked for: what has no row yet was not compared.
  const wanted = Math.min(highWatermark, range.last + 1, ...later.map((each) => each.firstOffset));
  const without = Math.max(reached, from);
  if (without < wanted) await behind(parts, source, place, without, wanted);
  return {
    partition,
    generation,
    from,
    to: from + Math.max(0, end - from),
    rowsFrom,
    expired,
    compared: compared + grown.compared,
  };
}

const nothing = { compared: 0, expired: 0, unread: 0 };

/**
 * How far rows were written. Of the newest run it is only known that a worker set out to write it: it may have died before it did, or wait. Its
 * rows come together, so one of them says that all were there.
 * @param known every offset below was given a row
 */
async function writtenTo(
  rows: CopiedRows,
  place: CopiedPlace,
  { claimedTo }: CopiedWatermark,
  known: number,
): Promise<number> {
  if (claimedTo <= known) return known;
  if ((await rows.count(place, known, claimedTo)) > 0) return claimedTo;
  // What expired is not waited for.
  const { rowsFrom } = await rows.watermark(place);
  return Math.max(known, Math.min(rowsFrom, claimedTo));
}

/** Waits a while for rows that the worker set out to write, or that it has not come to yet. */
async function settled(parts: CopyParts, place: CopiedPlace, newest: boolean): Promise<CopiedWatermark> {
  const { rows, settleMs } = parts;
  const { highWatermark } = await boundsOf(parts, place.topic, place.partition);
  if (newest && highWatermark > 0) {
    const there = async () => (await rows.count(place, highWatermark - 1, highWatermark)) > 0;
    for (const until = performance.now() + settleMs; performance.now() < until && !(await there());)
      await pause(Math.min(250, settleMs), parts.signal);
  }
  return await rows.watermark(place);
}

/**
 * Rows where there can be none, and rows whose records are gone.
 * @returns how far rows behind the high watermark have records by now; they were not compared
 */
async function outside(
  parts: CopyParts,
  place: CopiedPlace,
  found: CopyFindings,
  bounds: {
    readonly firstOffset: number;
    readonly logStart: number;
    readonly highWatermark: number;
    readonly extent: CopiedExtent | null;
    readonly range: { readonly first: number; readonly last: number };
  },
): Promise<number> {
  const { firstOffset, logStart, highWatermark, extent, range } = bounds;
  if (extent === null) return highWatermark;
  const { rows } = parts;
  const extra = async (from: number, to: number, why: string): Promise<void> => {
    for await (const row of rows.rows(place, from, to)) {
      checkAbort(parts.signal);
      found.rowExtra(row.offset, rowDigest(row), why);
    }
  };
  if (extent.first < BigInt(firstOffset) && range.first < firstOffset)
    await extra(range.first, firstOffset, `the generation begins at offset ${firstOffset}`);
  const goneTo = Math.min(logStart, highWatermark, range.last + 1);
  const goneFrom = Math.max(firstOffset, range.first);
  if (extent.first < BigInt(logStart) && goneFrom < goneTo) {
    const gone = await rows.count(place, goneFrom, goneTo);
    if (gone > 0) uncheckable(parts, place, gone, 'their records were removed; no archive is read');
  }
  if (range.last < Number.MAX_SAFE_INTEGER) return highWatermark;
  let end = highWatermark;
  // What was there when the run began: the partition has grown since.
  if (extent.last >= BigInt(highWatermark)) {
    let askedAt = -Infinity;
    for await (const row of rows.rows(place, highWatermark, Number.MAX_SAFE_INTEGER)) {
      checkAbort(parts.signal);
      const { offset } = row;
      if (offset >= end && performance.now() - askedAt > 1_000) {
        end = (await boundsOf(parts, place.topic, place.partition)).highWatermark;
        askedAt = performance.now();
      }
      if (offset >= end) found.rowExtra(offset, rowDigest(row), `the partition ends at offset ${end}`);
    }
  }
  if (extent.last >= BigInt(Number.MAX_SAFE_INTEGER))
    found.rowExtra(Number.MAX_SAFE_INTEGER, String(extent.last), 'no partition has such offsets');
  return end;
}

function uncheckable(parts: CopyParts, place: CopiedPlace, rows: number, why: string): void {
  parts.count('uncheckable', rows);
  parts.add({
    ...place,
    code: 'archive-unchecked',
    found: String(rows),
    message: `${rows} rows of generation ${place.generation} of partition ${place.partition} could not be held against their records: ${why}.`,
  });
}

/** The records that have no row yet: how many, and how old the oldest is. */
async function behind(
  { now, maxLagMs, add, count }: CopyParts,
  source: Source,
  place: CopiedPlace,
  from: number,
  to: number,
): Promise<void> {
  count('notYet', to - from);
  for await (const piece of readThrough(source, from, from + 1)) {
    const header = piece.kind === 'batches' ? piece.batches[0]?.header : undefined;
    if (header === undefined) continue;
    const ageMs = now() - Number(header.maxTimestamp);
    if (isWithin(ageMs, -ageMs, maxLagMs)) return;
    add({
      ...place,
      code: 'copy-behind',
      expected: `at most ${maxLagMs} ms`,
      found: `first record without a row of ${header.maxTimestamp}`,
      message: `${to - from} records (${offsetsPlace(from, to - 1)}) have no row yet, and the oldest of them ${tooOldText(ageMs, -ageMs, maxLagMs)}. See whether the worker runs.`,
    });
    return;
  }
}

function endOf(extent: CopiedExtent | null): number {
  if (extent === null) return 0;
  return extent.last >= BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(extent.last) + 1;
}
