import { rowColumns } from '@tallystick/schemas/row';
import type { Codecs } from '@tallystick/core/codecs';
import type { EventDecoder } from '@tallystick/schemas/decoder';
import { checkAbort } from '../deadline.ts';
import type { CopiedPlace, CopiedRow, CopiedRows } from '../ports/copied-rows.ts';
import { readThrough } from '../read-through.ts';
import type { Source } from '../read-through.ts';
import { compareCells } from './compare-cells.ts';
import type { CopyFindings } from './copy-findings.ts';
import { expectedRows } from './expected-rows.ts';

export interface PlaceRange {
  /** Offsets whose records and rows are held against each other, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Offsets in here must have a row: not those that expired, nor those that a later generation covers. */
  readonly required: readonly [from: number, to: number];
}

/**
 * One merge of the records and the rows of one place, both in the order of offsets, in bounded memory.
 * @returns how many rows were held against their records
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
  { from, to, required: [requiredFrom, requiredTo] }: PlaceRange,
  found: CopyFindings,
  count: (name: 'compared' | 'uncheckable', by: number) => void,
): Promise<number> {
  const { rows, source } = parts;
  let compared = 0;
  const cursor = new Cursor(rows.rows(place, from, to));
  try {
    await cursor.next();
    for await (const piece of readThrough(source, from, to)) {
      checkAbort(source.signal);
      if (piece.kind === 'hole') {
        // What is wrong there the check of the records says; with what could the rows be compared?
        count('uncheckable', await cursor.skip((offset) => offset <= piece.last));
        continue;
      }
      const before = compared;
      for (const batch of piece.batches) {
        for (const { offset, cells } of await expectedRows(place, batch, [from, to], parts)) {
          await beyond(cursor, offset, found, source.signal);
          if (cursor.row?.offset !== offset) {
            if (offset >= requiredFrom && offset < requiredTo) found.rowMissing(offset);
            continue;
          }
          const altered = compareCells(rowColumns, cells, cursor.row.cells);
          if (cursor.row.malformed && altered.length === 0) altered.push(notText);
          if (altered.length > 0) found.rowAltered(offset, altered);
          compared += 1;
          await cursor.next();
          while (cursor.row?.offset === offset) {
            checkAbort(source.signal);
            found.rowExtra(offset, 'every offset has one row');
            await cursor.next();
          }
        }
      }
      count('compared', compared - before);
    }
    await beyond(cursor, Infinity, found, source.signal);
  } finally {
    await cursor.close();
  }
  return compared;
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
    found.rowExtra(cursor.row.offset, 'no record is stored there');
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
