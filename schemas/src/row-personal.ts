import type { AuditEvent, Personal, Protected } from './event-types.ts';

/** Text of a value that can be personal: '' where it is absent or encrypted. */
export function personalText(value: Personal | undefined): string {
  return typeof value === 'string' ? value : '';
}

function isProtected(value: object): value is Protected {
  return 'ciphertext' in value && value.ciphertext instanceof Uint8Array;
}

/** The paths of the fields that are encrypted, such as `actor.email` or `resources.0.name`, in the order of the schema. */
export function protectedFields(event: AuditEvent): string[] {
  const found: string[] = [];
  collect(event, '', found);
  return found;
}

function collect(value: object, path: string, found: string[]): void {
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'object' || member === null || member instanceof Uint8Array) continue;
    const here = path === '' ? name : `${path}.${name}`;
    if (isProtected(member)) found.push(here);
    else collect(member, here, found);
  }
}
