import { checkBody, checkEvent, checkLife, lifeFields } from './audit-event.ts';
import type { EventBody, EventLife } from './audit-event.ts';
import { eventSchemaHash, typeOfFields } from './avro-schema.ts';
import { SchemasError } from './errors.ts';
import { eventFields } from './event-schema.ts';

export { eventSchemaHash, schemaHash } from './avro-schema.ts';
export { eventSchemaText } from './event-schema.ts';

/** Name of the record header with the SHA-256 (32 bytes) of the writer schema's Parsing Canonical Form. */
export const schemaHeader = 'avro-schema';

/** The header that goes with every record that {@link encodeEvent} makes. */
export const eventHeaders: readonly (readonly [name: string, value: Uint8Array])[] = [[schemaHeader, eventSchemaHash]];

const isLife = (name: string): boolean => lifeFields.some((life) => life === name);
// The life's fields come last in the schema, so an event is the encoding of its body and that of its life, joined.
const bodyType = typeOfFields(eventFields.filter(({ name }) => !isLife(name)));
const lifeType = typeOfFields(eventFields.filter(({ name }) => isLife(name)));

/** Bytes before the Avro payload: a 0 byte and the schema id. */
export const wirePrefixLength = 5;

/**
 * Encodes all of an event but the life of its producer.
 * @throws SchemasError EVENT_INVALID naming the field
 */
export function encodeBody(body: EventBody): Uint8Array {
  return bodyType.toBuffer(checkBody(body));
}

/**
 * Encodes the place of an event in the life of its producer.
 * @throws SchemasError EVENT_INVALID naming the field
 */
export function encodeLife(life: EventLife): Uint8Array {
  return lifeType.toBuffer(checkLife(life));
}

/**
 * Joins the parts of an event to a record value in the Confluent wire format: 0x00, u32 schema id, Avro payload.
 * @throws SchemasError WIRE_FORMAT if the schema id is not a u32
 */
export function joinEvent(schemaId: number, body: Uint8Array, life: Uint8Array): Uint8Array {
  if (!Number.isInteger(schemaId) || schemaId < 0 || schemaId > 0xffffffff) {
    throw new SchemasError('WIRE_FORMAT', `a schema id is a number from 0 to 2^32-1, not ${String(schemaId)}`);
  }
  const value = Buffer.allocUnsafe(wirePrefixLength + body.length + life.length);
  value[0] = 0;
  value.writeUInt32BE(schemaId, 1);
  value.set(body, wirePrefixLength);
  value.set(life, wirePrefixLength + body.length);
  return value;
}

/**
 * Encodes a whole event as a record value; {@link eventHeaders} go with it.
 * @throws SchemasError EVENT_INVALID naming the field
 */
export function encodeEvent(event: EventBody & EventLife, schemaId: number): Uint8Array {
  const whole = checkEvent(event);
  return joinEvent(schemaId, bodyType.toBuffer(only(whole, false)), lifeType.toBuffer(only(whole, true)));
}

function only(event: object, life: boolean): object {
  return Object.fromEntries(Object.entries(event).filter(([name]) => isLife(name) === life));
}

/** The body that {@link encodeBody} encoded; not for bytes from outside. */
export function decodeBody(encoded: Uint8Array): EventBody {
  const body: EventBody = bodyType.fromBuffer(Buffer.from(encoded));
  return body;
}
