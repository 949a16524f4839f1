import avsc from 'avsc';
import type { Resolver, Type } from 'avsc';
import { SchemasError } from './errors.ts';
import { eventSchema } from './event-schema.ts';
import type { FieldSchema } from './event-schema.ts';
import { guardOf } from './avro-guard.ts';

// avsc compiles a schema to code and recurses over it: a text from outside is bounded first.
const longestSchema = 262_144;
const deepestSchema = 128;

const readerType = typeOf(eventSchema);

function typeOf(schema: unknown): Type {
  return avsc.Type.forSchema(schema as Parameters<typeof avsc.Type.forSchema>[0], { omitRecordMethods: true });
}

/** The Avro type of a record of some of the event schema's fields, in their order: an encoding is those of its fields, joined. */
export function typeOfFields(fields: readonly FieldSchema[]): Type {
  return typeOf({ ...eventSchema, fields });
}

/** SHA-256 of the Parsing Canonical Form of the event schema that this release writes, 32 bytes: the header `avro-schema`. */
export const eventSchemaHash: Uint8Array = Uint8Array.from(readerType.fingerprint('sha256'));

/** How values written with one schema are read as audit events of this release. */
export interface Reading {
  /** SHA-256 of the writer schema's Parsing Canonical Form, hex. */
  readonly hash: string;
  /** @throws SchemasError AVRO_MALFORMED */
  readonly read: (payload: Buffer) => unknown;
}

/** The reading of what this release itself writes: no registry is asked for it. */
export const ownReading: Reading = readingOf(readerType);

function readingOf(writer: Type): Reading {
  const hash = writer.fingerprint('sha256').toString('hex');
  const guard = guardOf(writer);
  let resolver: Resolver | undefined;
  try {
    resolver = writer === readerType ? undefined : readerType.createResolver(writer);
  } catch (error) {
    throw new SchemasError(
      'SCHEMA_INCOMPATIBLE',
      `what is written with schema ${hash} cannot be read as an audit event`,
      {
        cause: error,
        evidence: { schema: hash },
      },
    );
  }
  return {
    hash,
    read(payload) {
      guard(payload);
      try {
        return readerType.fromBuffer(payload, resolver);
      } catch (error) {
        throw new SchemasError('AVRO_MALFORMED', 'the Avro payload does not decode', { cause: error });
      }
    },
  };
}

/**
 * SHA-256 of the Parsing Canonical Form of an Avro schema, 32 bytes.
 * @throws SchemasError SCHEMA_INVALID
 */
export function schemaHash(schemaText: string): Uint8Array {
  return Uint8Array.from(writerType(schemaText).fingerprint('sha256'));
}

/**
 * Makes the reading of values written with a schema.
 * @param expectedHash 32 bytes that the schema has to hash to; null where the registry's word counts
 * @throws SchemasError SCHEMA_INVALID, SCHEMA_HASH_MISMATCH, SCHEMA_INCOMPATIBLE
 */
export function readingFor(schemaText: string, expectedHash: Uint8Array | null): Reading {
  const writer = writerType(schemaText);
  const found = writer.fingerprint('sha256');
  if (expectedHash !== null && !found.equals(expectedHash)) {
    const expected = Buffer.from(expectedHash).toString('hex');
    throw new SchemasError(
      'SCHEMA_HASH_MISMATCH',
      `the registry's schema hashes to ${found.toString('hex')}, the record was written with ${expected}`,
      {
        evidence: { expected, found: found.toString('hex') },
      },
    );
  }
  return readingOf(writer);
}

function writerType(schemaText: string): Type {
  if (schemaText.length > longestSchema) {
    throw new SchemasError(
      'SCHEMA_INVALID',
      `the schema has ${String(schemaText.length)} characters, more than ${String(longestSchema)}`,
    );
  }
  try {
    const schema: unknown = JSON.parse(schemaText);
    if (nestingOf(schemaText) > deepestSchema) throw new Error(`nested deeper than ${String(deepestSchema)}`);
    return typeOf(schema);
  } catch (error) {
    throw new SchemasError('SCHEMA_INVALID', 'the registry holds a text under this id that is not an Avro schema', {
      cause: error,
    });
  }
}

/** The deepest nesting of brackets: an upper bound of the JSON's depth, as brackets inside strings count too. */
function nestingOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const character of text) {
    if (character === '{' || character === '[') most = Math.max(most, ++depth);
    else if (character === '}' || character === ']') depth--;
  }
  return most;
}
