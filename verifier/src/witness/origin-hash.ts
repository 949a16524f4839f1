import { createHash } from 'node:crypto';

/** How a log is named in a path: the SHA-256 of its origin in lower-case hex (C2SP tlog-witness). */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}
