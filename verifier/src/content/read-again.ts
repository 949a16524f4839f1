import { parseBatch, slicesOf } from '@tallystick/core/batch';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { CompareOptions } from './compare-ids.ts';
import { contentHash } from './event-content.ts';
import { keptText } from './kept-text.ts';
import { RecordView } from './record-view.ts';
import type { SchemaReader } from './schema-reader.ts';

/** What two events with one id are compared by. */
export interface KnownEvent {
  readonly hash: string;
  /** This and the next as {@link keptText} gives them: thousands are kept at a time. */
  readonly id: string;
  readonly instance: string;
  readonly epoch: number;
  readonly sequence: number;
}

/** Offsets that are no further apart are read in one run. */
const nearby = 2_000;
const schemaName = Buffer.from('avro-schema');

/**
 * Reads the events at some offsets of a partition again.
 * @param offsets ascending, distinct
 * @returns by offset; what is not there, or does not decode, is not in it
 */
export async function readEvents(
  { read, codecs }: Pick<CompareOptions, 'read' | 'codecs'>,
  schemas: SchemaReader,
  partition: number,
  offsets: readonly number[],
): Promise<Map<number, KnownEvent>> {
  const found = new Map<number, KnownEvent>();
  let at = 0;
  while (at < offsets.length) {
    let end = at + 1;
    while (end < offsets.length && (offsets[end] ?? 0) - (offsets[end - 1] ?? 0) <= nearby) end++;
    const wanted = new Set(offsets.slice(at, end));
    for await (const batches of read(partition, offsets[at] ?? 0, (offsets[end - 1] ?? 0) + 1)) {
      for (const batch of batches) await readBatch(batch, { codecs }, schemas, wanted, found);
    }
    at = end;
  }
  return found;
}

async function readBatch(
  { bytes, header }: ReadBatch,
  { codecs }: Pick<CompareOptions, 'codecs'>,
  schemas: SchemaReader,
  wanted: ReadonlySet<number>,
  found: Map<number, KnownEvent>,
): Promise<void> {
  if (header.control) return;
  let any = false;
  for (let offset = header.baseOffset; offset <= header.lastOffset && !any; offset++) any = wanted.has(offset);
  if (!any) return;
  const batch = parseBatch(bytes, header, codecs);
  if (!batch.parsed) return;
  const view = new RecordView();
  for (const { offset, body } of slicesOf(batch)) {
    if (!wanted.has(offset)) continue;
    view.readBody(body);
    const event = await knownEvent(view, body, schemas);
    if (event !== null) found.set(offset, event);
  }
}

/**
 * The event of one record.
 * @param view of `body`
 * @returns null where it does not decode
 */
export async function knownEvent(
  view: RecordView,
  body: Uint8Array,
  schemas: SchemaReader,
): Promise<KnownEvent | null> {
  const value = view.valueAt < 0 ? null : body.subarray(view.valueAt, view.valueEnd);
  const schema = view.schemaAt < 0 ? null : body.subarray(view.schemaAt, view.schemaEnd);
  const headers = Array.from({ length: view.schemas }, () => [schemaName, schema] as const);
  const content = await schemas.read({ value, headers });
  if (content.status !== 'decoded') return null;
  const { id, instance, epoch, sequence } = content.event;
  return { hash: contentHash(content.event), id: keptText(id), instance: keptText(instance), epoch, sequence };
}
