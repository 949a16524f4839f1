import { rowColumns } from '@tallystick/schemas/row';
import type { Cell } from '@tallystick/schemas/row';
import type { Codecs } from '@tallystick/core/codecs';
import type { EventDecoder } from '@tallystick/schemas/decoder';
import { checkAbort } from '../deadline.ts';
import type { CopiedPlace, CopiedRow, CopiedRows } from '../ports/copied-rows.ts';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import { compareCells } from './compare-cells.ts';
import type { AlteredColumn } from './compare-cells.ts';
import { rowDigest } from './copy-findings.ts';
import type { CopyFindings } from './copy-findings.ts';
import { expectedRows } from './expected-rows.ts';

export interface PlaceRange {
  /** Offsets whose records and rows are held against each other, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Offsets below it must have a row, but for those that may have expired: not those that a later generation covers. */
  readonly requiredTo: number;
  /** Asks which rows may be gone by now: once for each slice of rows in which some are missing. */
  readonly expiry: () => Promise<Expiry>;
}

/** Which rows may be gone: those that the database says expired, where the limits of the run allow it. */
export interface Expiry {
  /** By the watermark of the database, rows below it expired; it alone allows nothing. */
  readonly rowsFrom: number;
  /** Rows of records that the broker took before this time (unix ms) may be gone; null: none may. */
  readonly takenBefore: number | null;
}

export interface PlaceCompared {
  /** Rows held against their records. */
  readonly compared: number;
  /** Records without a row, which the limits allow. */
  readonly expired: number;
  /** Rows whose records are not stored or cannot be read. */
  readonly unread: number;
}

/**
 * One merge of the records and the rows of one place, both in the order of offsets, in bounded memory.
 * @throws KafkaError, SchemasError REGISTRY_…, VerifierError COPY_UNAVAILABLE
 */
export async function comparePlace(
  parts: {
    readonly rows: CopiedRows;
    readonly source: Source;
    readonly decoder: EventDecoder;
    readonly codecs: Codecs;
  },
  place: CopiedPlace,
  { from, to, requiredTo, expiry }: PlaceRange,
  found: CopyFindings,
  count: (name: 'compared', by: number) => void,
): Promise<PlaceCompared> {
  const { rows, source } = parts;
  let compared = 0;
  let expired = 0;
  let unread = 0;
  const cursor = new Cursor(rows.rows(place, from, to));
  const expiryNow = ofSlice(cursor, expiry);
  try {
    await cursor.next();
    for await (const piece of readThrough(source, from, to)) {
      checkAbort(source.signal);
      if (piece.kind === 'hole') {
        // What is wrong there the check of the records says; with what could the rows be compared?
        unread += await cursor.skip((offset) => offset <= piece.last);
        continue;
      }
      const before = compared;
      for (const batch of piece.batches) {
        for (const { offset, appendedAtMs, cells } of await expectedRows(place, batch, [from, to], parts)) {
          await beyond(cursor, offset, found, source.signal);
          if (cursor.row?.offset !== offset) {
            if (offset >= requiredTo) continue;
            const why = whyRequired(offset, appendedAtMs, await expiryNow());
            if (why === null) expired += 1;
            else found.rowMissing(offset, why);
            continue;
          }
          const { altered, others } = await rowsAt(cursor, offset, cells, source.signal);
          if (altered.length > 0) found.rowAltered(offset, altered);
          compared += 1;
          for (const row of others) found.rowExtra(offset, row, 'every offset has one row');
        }
      }
      count('compared', compared - before);
    }
    await beyond(cursor, Infinity, found, source.signal);
  } finally {
    await cursor.close();
  }
  return { compared, expired, unread };
}

/**
 * Rows expire while a run goes on: the watermark is raised, then they are removed. So what allows a row to be missing is asked after the slice
 * was read that it is not in, and once for that slice.
 */
function ofSlice(cursor: Cursor, ask: () => Promise<Expiry>): () => Promise<Expiry> {
  let asked: { readonly of: number | 'the end'; readonly expiry: Expiry } | null = null;
  return async () => {
    const of = cursor.row === null ? 'the end' : (cursor.row.slice ?? 0);
    if (asked?.of !== of) asked = { of, expiry: await ask() };
    return asked.expiry;
  };
}

/** Why a row has to be there, behind "though"; null where it may have expired. */
function whyRequired(offset: number, appendedAtMs: number | null, { rowsFrom, takenBefore }: Expiry): string | null {
  if (offset >= rowsFrom) return 'the worker wrote one, or later ones';
  const says = `the table watermarks says that rows below ${rowsFrom} expired`;
  if (takenBefore === null) return `all have to be kept: ${says}, and no limit allows it (minCopyRetentionMs)`;
  if (appendedAtMs !== null && appendedAtMs < takenBefore) return null;
  return `it has to be kept longer: ${says}, which the limit minCopyRetentionMs does not allow yet`;
}

/**
 * Holds the rows of an offset against its record. They come in no order, so one of them is chosen: one that is what the record gives, else the one
 * with the least digest.
 * @returns what is altered in it, and the digests of the others
 */
async function rowsAt(
  cursor: Cursor,
  offset: number,
  expected: readonly Cell[],
  signal: AbortSignal | undefined,
): Promise<{ readonly altered: readonly AlteredColumn[]; readonly others: readonly string[] }> {
  let chosen: { readonly altered: readonly AlteredColumn[]; readonly digest: string } | null = null;
  const others: string[] = [];
  for (; cursor.row?.offset === offset; await cursor.next()) {
    checkAbort(signal);
    const altered = compareCells(rowColumns, expected, cursor.row.cells);
    if (cursor.row.malformed && altered.length === 0) altered.push(notText);
    const row = { altered, digest: rowDigest(cursor.row) };
    const isBetter = chosen === null || rank(row) < rank(chosen);
    if (chosen !== null) others.push(isBetter ? chosen.digest : row.digest);
    if (isBetter) chosen = row;
  }
  return { altered: chosen?.altered ?? [], others };
}

function rank({ altered, digest }: { readonly altered: readonly AlteredColumn[]; readonly digest: string }): string {
  return `${altered.length === 0 ? 0 : 1} ${digest}`;
}

const notText = { column: '(some text)', expected: 'UTF-8', found: 'bytes that are no UTF-8' };

/** Rows below `offset` that no record gives. */
async function beyond(
  cursor: Cursor,
  offset: number,
  found: CopyFindings,
  signal: AbortSignal | undefined,
): Promise<void> {
  while (cursor.row !== null && cursor.row.offset < offset) {
    checkAbort(signal);
    found.rowExtra(cursor.row.offset, rowDigest(cursor.row), 'no record is stored there');
    await cursor.next();
  }
}

/** The row that is to be compared next; null behind the last one. */
class Cursor {
  row: CopiedRow | null = null;
  private readonly rows: AsyncIterator<CopiedRow>;

  constructor(rows: AsyncIterable<CopiedRow>) {
    this.rows = rows[Symbol.asyncIterator]();
  }

  async next(): Promise<void> {
    const { done, value } = await this.rows.next();
    this.row = done === true ? null : value;
  }

  /** Passes over rows as long as `which` says so. @returns how many */
  async skip(which: (offset: number) => boolean): Promise<number> {
    let count = 0;
    for (; this.row !== null && which(this.row.offset); count++) await this.next();
    return count;
  }

  async close(): Promise<void> {
    await this.rows.return?.();
  }
}
