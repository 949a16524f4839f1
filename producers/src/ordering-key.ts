import { createHmac, createSecretKey } from 'node:crypto';
import type { EventContent, Personal } from '@tallystick/schemas/audit-event';

/** Says which events must keep their order: those with equal texts do. Null: order does not matter, spread them. */
export type OrderBy = (event: EventContent) => string | null;

const wordOf = (value: Personal | undefined): string | null =>
  typeof value === 'string' ? value : (value?.keyId ?? null);

/** Events of one actor in one tenant keep their order. A protected id is known by its key, which is one a subject. */
export const byActor: OrderBy = (event) => {
  const words = [wordOf(event.tenant), wordOf(event.actor?.account), wordOf(event.actor?.id)];
  return words.every((word) => word === null) ? null : JSON.stringify(words);
};

/** Keys kept at hand: actors come back, and the hash costs more than all else in emitting an event. */
const mostKept = 10_000;

/**
 * Makes record keys: 16 bytes of HMAC-SHA-256 over what orders events. They say nothing to who does not hold the secret: a key
 * is never a name or an address, as it cannot be erased.
 */
export function orderingKeys(secret: Uint8Array): (order: string, comesBack: boolean) => Uint8Array {
  const key = createSecretKey(secret);
  const kept = new Map<string, Uint8Array>();
  return (order, comesBack) => {
    const known = kept.get(order);
    if (known !== undefined) return known;
    const made = createHmac('sha256', key).update(order).digest().subarray(0, 16);
    if (!comesBack) return made;
    const oldest = kept.keys().next();
    if (kept.size >= mostKept && oldest.done !== true) kept.delete(oldest.value);
    kept.set(order, made);
    return made;
  };
}
