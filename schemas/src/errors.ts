import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. */
export const schemasErrors = {
  EVENT_INVALID: 'an event that does not fit the schema; the message names the field',
  WIRE_FORMAT:
    'a record value that is not in the Confluent wire format: one 0 byte, a 4-byte schema id, an Avro payload',
  AVRO_MALFORMED: 'an Avro payload that does not decode with its schema, or is over the limits for hostile input',
  SCHEMA_INVALID: 'a text that is not an Avro schema, or one that is over the limits for hostile input',
  SCHEMA_HEADER: 'an avro-schema header that is no SHA-256 hash, or more than one of them',
  SCHEMA_HASH_MISMATCH: 'the registry gives another schema for this id than the one that the record was written with',
  SCHEMA_UNKNOWN: 'the registry has no schema with this id',
  SCHEMA_INCOMPATIBLE: 'a schema that cannot be read as an audit event, or that the registry refuses as incompatible',
  REGISTRY_UNREACHABLE: 'the schema registry does not answer, or not in time',
  REGISTRY_NOT_AUTHORIZED: 'the schema registry refuses the credentials',
  REGISTRY_COMPATIBILITY: 'the subject in the schema registry is not at FULL_TRANSITIVE',
  REGISTRY_PROTOCOL: 'the schema registry answers something that is not its protocol',
} as const;

export type SchemasErrorCode = keyof typeof schemasErrors;

export class SchemasError extends TallystickError<SchemasErrorCode> {
  override readonly name = 'SchemasError';
}
