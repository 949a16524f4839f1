import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import { unparsedTimestamp } from '@tallystick/core/entry';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { StoredRecord } from '@tallystick/schemas/decoder';
import { rowColumns, rowOf } from '@tallystick/schemas/row';
import type { RecordContent } from '@tallystick/schemas/row';
import { eventColumnNames, eventOf } from './adapters/clickhouse-events.ts';
import type { DetectionEvent } from './domain/detection.ts';
import type { Place, StoredRow } from './ports/row-store.ts';

/** Says what a record is; rejects where that cannot be told now (the registry is away). */
export interface Decoder {
  decode(record: StoredRecord): RecordContent | Promise<RecordContent>;
}

/**
 * The rows of those offsets of a batch that lie in `[from, to)`: one for each, in order, whatever they hold.
 * @throws SchemasError REGISTRY_…: nothing was judged, ask again later
 */
export async function rowsOfBatch(
  place: Place,
  { bytes, header }: ReadBatch,
  from: number,
  to: number,
  decoder: Decoder,
  codecs: Codecs,
): Promise<StoredRow[]> {
  const first = Math.max(from, header.baseOffset);
  const end = Math.min(to, header.lastOffset + 1);
  if (first >= end) return [];
  const parsed = parseBatch(bytes, header, codecs);
  const rows: StoredRow[] = [];
  if (!parsed.parsed) {
    // By the protocol each offset of such a batch is an entry, with the time that the header gives.
    const timestamp = unparsedTimestamp(header);
    const content = { status: 'unparsed', message: parsed.reason } as const;
    for (let offset = first; offset < end; offset++) {
      rows.push({ offset, cells: rowOf({ ...place, offset, timestamp, key: null, value: null, content }) });
    }
    return rows;
  }
  for (const record of recordsOf(parsed)) {
    if (record.offset < first || record.offset >= end) continue;
    const judged: RecordContent | Promise<RecordContent> = header.control
      ? { status: 'control' }
      : decoder.decode(record);
    // No turn of the event loop for each record: the schema is known for all but a few.
    const content = judged instanceof Promise ? await judged : judged;
    const { offset, timestamp, key, value } = record;
    rows.push({ offset, cells: rowOf({ ...place, offset, timestamp, key, value, content }) });
  }
  return rows;
}

const eventCells = eventColumnNames.map((name) => rowColumns.findIndex((column) => column.name === name));

/** A row as the detections see it: the same as when it is read back. */
export function eventOfRow({ cells }: StoredRow): DetectionEvent {
  return eventOf(eventCells.map((index) => cells[index]));
}
