import { readFileSync } from 'node:fs';

/** Avro schemas as this package's own schema uses them. */
export type FieldType = string | readonly FieldType[] | RecordSchema | ArraySchema | MapSchema | FixedSchema;

export interface RecordSchema {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields: readonly FieldSchema[];
}

export interface FieldSchema {
  readonly name: string;
  readonly type: FieldType;
  readonly default?: unknown;
  readonly doc?: string;
}

interface ArraySchema {
  readonly type: 'array';
  readonly items: FieldType;
}

interface MapSchema {
  readonly type: 'map';
  readonly values: FieldType;
}

interface FixedSchema {
  readonly type: 'fixed';
  readonly name: string;
  readonly size: number;
}

/** The schema that this release writes: the text of audit-event.avsc. */
export const eventSchemaText: string = readFileSync(new URL('../avro/audit-event.avsc', import.meta.url), 'utf8');

/** The same, parsed. It is a file of this package: its shape is known. */
export const eventSchema = JSON.parse(eventSchemaText) as RecordSchema;

export const eventFields: readonly FieldSchema[] = eventSchema.fields;
