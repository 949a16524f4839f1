import { ownReading, readingFor } from './avro-schema.ts';
import type { Reading } from './avro-schema.ts';
import { schemaHeader, wirePrefixLength } from './avro.ts';
import { SchemasError } from './errors.ts';
import type { AuditEvent } from './event-types.ts';
import type { RecordContent } from './row.ts';

/** Where schemas come from: the registry. */
export interface SchemaSource {
  /** Where they come from, such as a registry's URL: what was read with schemas of another place was not read with these. Default: not known. */
  readonly place?: string;
  /**
   * The text of the schema with this id.
   * @throws SchemasError SCHEMA_UNKNOWN; REGISTRY_UNREACHABLE and its like, after which asking again can help
   */
  schemaById(id: number): Promise<string>;
}

/** A record as it is stored. Header names are bytes: nothing says that they are UTF-8. */
export interface StoredRecord {
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [name: Uint8Array, value: Uint8Array | null])[];
}

const headerName = Buffer.from(schemaHeader);
// What says that this record is no audit event. Anything else (a registry that is away) says nothing about the record.
const verdicts = new Set<string>([
  'WIRE_FORMAT',
  'AVRO_MALFORMED',
  'SCHEMA_INVALID',
  'SCHEMA_HEADER',
  'SCHEMA_HASH_MISMATCH',
  'SCHEMA_UNKNOWN',
  'SCHEMA_INCOMPATIBLE',
]);

/**
 * Reads records as audit events by the protocol's rules: a record that names its schema by hash is read with that schema
 * or not at all; without the header the registry's word counts (`pinned: false`, a warning); with two it does not decode.
 */
export class EventDecoder {
  readonly #schemas: SchemaSource;
  readonly #most: number;
  // By id and hash asked for. A reading, or why there is none. The oldest goes first when there are too many.
  readonly #known = new Map<string, Reading | SchemasError>();

  /** @param options.cached schemas kept, default 1,000 */
  constructor(schemas: SchemaSource, options: { readonly cached?: number } = {}) {
    this.#schemas = schemas;
    this.#most = options.cached ?? 1_000;
  }

  /**
   * What the record is. Answers at once, without a promise, where the schema is known already.
   * @throws SchemasError REGISTRY_UNREACHABLE, REGISTRY_NOT_AUTHORIZED, REGISTRY_PROTOCOL: the record was not judged
   */
  decode(record: StoredRecord): RecordContent | Promise<RecordContent> {
    try {
      const { id, hash, payload } = dissect(record);
      if (hash !== null && hash.toString('hex') === ownReading.hash) return decoded(ownReading, payload, true);
      const key = `${String(id)}/${hash?.toString('hex') ?? ''}`;
      const known = this.#known.get(key);
      if (known instanceof SchemasError) throw known;
      if (known !== undefined) return decoded(known, payload, hash !== null);
      return this.#learn(key, id, hash).then(
        (reading) => decodedOrNot(reading, payload, hash !== null),
        (error: unknown) => undecodable(error),
      );
    } catch (error) {
      return undecodable(error);
    }
  }

  async #learn(key: string, id: number, hash: Uint8Array | null): Promise<Reading> {
    const text = await this.#schemas.schemaById(id);
    try {
      return this.#keep(key, readingFor(text, hash));
    } catch (error) {
      if (error instanceof SchemasError) this.#keep(key, error);
      throw error;
    }
  }

  #keep<Kept extends Reading | SchemasError>(key: string, kept: Kept): Kept {
    const oldest = this.#known.keys().next();
    if (this.#known.size >= this.#most && oldest.done !== true) this.#known.delete(oldest.value);
    this.#known.set(key, kept);
    return kept;
  }
}

function dissect(record: StoredRecord): { id: number; hash: Buffer | null; payload: Buffer } {
  const named = record.headers.filter(([name]) => headerName.equals(name));
  if (named.length > 1)
    throw new SchemasError('SCHEMA_HEADER', `the record has ${String(named.length)} ${schemaHeader} headers`);
  const header = named[0]?.[1];
  if (named.length === 1 && header?.length !== 32) {
    throw new SchemasError('SCHEMA_HEADER', `the ${schemaHeader} header is not 32 bytes long`);
  }
  if (record.value === null) throw new SchemasError('WIRE_FORMAT', 'the record has no value');
  const value = Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength);
  if (value.length < wirePrefixLength || value[0] !== 0) {
    throw new SchemasError('WIRE_FORMAT', 'the value does not begin with a 0 byte and a schema id');
  }
  const hash = header === undefined || header === null ? null : Buffer.from(header);
  return { id: value.readUInt32BE(1), hash, payload: value.subarray(wirePrefixLength) };
}

function decoded(reading: Reading, payload: Buffer, pinned: boolean): RecordContent {
  return { status: 'decoded', event: reading.read(payload) as AuditEvent, pinned, schemaHash: reading.hash };
}

function decodedOrNot(reading: Reading, payload: Buffer, pinned: boolean): RecordContent {
  try {
    return decoded(reading, payload, pinned);
  } catch (error) {
    return undecodable(error);
  }
}

function undecodable(error: unknown): RecordContent {
  if (error instanceof SchemasError && verdicts.has(error.code)) {
    return { status: 'undecodable', code: error.code, message: error.message };
  }
  throw error;
}
