import { hash } from 'node:crypto';

type Value = string | number | boolean | null | readonly Value[];

/** SHA-256 (base64) of the JSON text of some values: by it a line of a finding covers all of them, in their order. */
export function contentDigest(values: readonly Value[]): string {
  return hash('sha256', JSON.stringify(values), 'base64');
}

/** SHA-256 (base64) of bytes as they are. */
export function digestOfBytes(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64');
}
