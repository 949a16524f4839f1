import type { VerifierKey } from '@tallystick/core/note';
import type { ProducerKey } from './content-types.ts';

/** The keys that are valid at a place, by the source that they are named after. */
export function keysAtPlace(keys: readonly ProducerKey[], place: number): ReadonlyMap<string, readonly VerifierKey[]> {
  const valid = new Map<string, VerifierKey[]>();
  for (const { key, added, retired } of keys) {
    if (!(added < place && (retired === null || place < retired))) continue;
    valid.set(key.name, [...(valid.get(key.name) ?? []), key]);
  }
  return valid;
}
