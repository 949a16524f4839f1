import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

// One call for many ids: asking for 16 random bytes costs as much as asking for 4,096.
const pool = Buffer.alloc(4_096);
let at = pool.length;

/** A new event id: UUIDv7 (RFC 9562 section 5.7) of now with 74 random bits, so that an event's hash cannot be guessed. */
export function newEventId(): string {
  if (at === pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const random = pool.subarray(at, at + 16);
  at += 16;
  return v7({ random });
}
