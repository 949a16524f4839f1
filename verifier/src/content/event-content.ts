import { createHash } from 'node:crypto';
import { lifeFields } from '@tallystick/schemas/audit-event';
import type { AuditEvent } from '@tallystick/schemas/audit-event';

const lifeNames = new Set<string>(lifeFields);

/**
 * What two events are compared by: SHA-256 of all members but those of their producer's life, in one form (protocol, section 8: duplicates
 * are equal in all but instance, epoch, sequence and what they say of an epoch before).
 */
export function contentHash(event: AuditEvent): string {
  const members = Object.entries(event).filter(([name]) => !lifeNames.has(name));
  return createHash('sha256')
    .update(canonical(Object.fromEntries(members)))
    .digest('base64');
}

function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')};`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return value === undefined ? 'null' : JSON.stringify(value);
}
