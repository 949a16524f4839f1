import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import { unparsedTimestamp } from '@tallystick/core/entry';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { EventDecoder } from '@tallystick/schemas/decoder';
import { rowOf } from '@tallystick/schemas/row';
import type { Cell, RecordContent } from '@tallystick/schemas/row';
import type { CopiedPlace } from '../ports/copied-rows.ts';

export interface ExpectedRow {
  readonly offset: number;
  /** When the broker took the record, unix ms; null where its batch has another clock. */
  readonly appendedAtMs: number | null;
  readonly cells: readonly Cell[];
}

/**
 * The rows that the records of a batch give, for the offsets in `[from, to)`: every offset has one, whatever it holds.
 * @throws SchemasError REGISTRY_…: what a record is cannot be told now
 */
export async function expectedRows(
  place: CopiedPlace,
  { bytes, header }: ReadBatch,
  [from, to]: readonly [number, number],
  { decoder, codecs }: { readonly decoder: EventDecoder; readonly codecs: Codecs },
): Promise<ExpectedRow[]> {
  const parsed = parseBatch(bytes, header, codecs);
  const rows: ExpectedRow[] = [];
  const appendedAtMs = header.appendTime ? Number(header.maxTimestamp) : null;
  if (!parsed.parsed) {
    // Each offset of such a batch is an entry, with the time that the header gives.
    const timestamp = unparsedTimestamp(header);
    const content = { status: 'unparsed', message: parsed.reason } as const;
    const end = Math.min(to, header.lastOffset + 1);
    for (let offset = Math.max(from, header.baseOffset); offset < end; offset++)
      rows.push({
        offset,
        appendedAtMs,
        cells: rowOf({ ...place, offset, timestamp, key: null, value: null, content }),
      });
    return rows;
  }
  for (const record of recordsOf(parsed)) {
    const { offset, timestamp, key, value } = record;
    if (offset < from || offset >= to) continue;
    const judged: RecordContent | Promise<RecordContent> = header.control
      ? { status: 'control' }
      : decoder.decode(record);
    const content = judged instanceof Promise ? await judged : judged;
    rows.push({ offset, appendedAtMs, cells: rowOf({ ...place, offset, timestamp, key, value, content }) });
  }
  return rows;
}
