import { createHmac } from 'node:crypto';
import canonicalize from 'canonicalize';
import { stringify } from 'uuid';
import { member, text } from './shape.ts';
import type { Json } from './shape.ts';

/** Shortest key of an import, bytes. */
export const shortestKey = 16;

/**
 * Id (UUIDv8, RFC 9562 section 5.8) and salt of an imported record: keyed hashes of what identifies the original, which is its
 * own id and account where it has both, else its RFC 8785 form. The same key gives the same values at every import; without it
 * neither can be guessed from the record.
 */
export function importIdentity(key: Uint8Array, record: Json, original: string): { id: string; salt: Uint8Array } {
  const identity = identityOf(record, original);
  const keyed = (purpose: string): Buffer =>
    createHmac('sha256', key).update(`tallystick/import-${purpose}/v1\n${identity}`).digest().subarray(0, 16);
  const id = keyed('id');
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x80, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  return { id: stringify(id), salt: keyed('salt') };
}

function identityOf(record: Json, original: string): string {
  const eventId = text(record, 'eventID');
  const account = text(record, 'recipientAccountId') ?? text(member(record, 'userIdentity'), 'accountId');
  if (eventId !== null && account !== null) return JSON.stringify(['aws.cloudtrail', 'id', account, eventId]);
  const form = canonicalForm(record);
  return JSON.stringify(form === null ? ['aws.cloudtrail', 'text', original] : ['aws.cloudtrail', 'content', form]);
}

/** Null for a record with half a surrogate pair in it: RFC 8785 has no form for that. It is known by its exact text then. */
function canonicalForm(record: Json): string | null {
  try {
    return canonicalize(record) ?? null;
  } catch {
    return null;
  }
}
