import type { BatchHeader } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import { dataRecords } from '../records/data-records.ts';
import type { BundleWriter } from './bundle-writer.ts';
import { maxSchemaBytes, maxSchemas } from './limits.ts';
import { schemaName } from './member-names.ts';

/** Bytes before an Avro payload in the Confluent wire format: a 0 byte and the schema's id. */
const prefixBytes = 5;

/** The ids of schemas that records name. */
export class SchemaIds {
  readonly ids = new Set<number>();
  /** More were named than a bundle takes: the records that name them cannot be judged from it. */
  overflow = false;

  batch(bytes: Uint8Array, header: BatchHeader): void {
    for (const { value } of dataRecords({ bytes, header }, nodeCodecs))
      if (value !== null && value.length >= prefixBytes && value[0] === 0) this.add(value);
  }

  private add(value: Uint8Array): void {
    const id = new DataView(value.buffer, value.byteOffset, prefixBytes).getUint32(1);
    if (this.ids.has(id)) return;
    if (this.ids.size >= maxSchemas) this.overflow = true;
    else this.ids.add(id);
  }
}

/**
 * Copies the schemas with these ids from the registry; one that it does not know is an empty member.
 * @throws SchemasError REGISTRY_UNREACHABLE, REGISTRY_NOT_AUTHORIZED, REGISTRY_PROTOCOL
 */
export async function exportSchemas(
  source: SchemaSource,
  ids: ReadonlySet<number>,
  writer: BundleWriter,
): Promise<void> {
  for (const id of [...ids].sort((a, b) => a - b)) {
    const text = Buffer.from(await textOf(source, id));
    if (text.length <= maxSchemaBytes) await writer.member(schemaName(id), text);
  }
}

async function textOf(source: SchemaSource, id: number): Promise<string> {
  try {
    return await source.schemaById(id);
  } catch (error) {
    if (error instanceof SchemasError && error.code === 'SCHEMA_UNKNOWN') return '';
    throw error;
  }
}
