import type { Base64Hash } from '@tallystick/core/statement-types';

/** Somebody answers for one finding: it is still listed, and a 1 of it is lifted, never a 3 (protocol section 9). */
export interface Acknowledgement {
  /** The finding's hash, base64: `ReportedFinding.hash`. */
  readonly hash: Base64Hash;
  readonly reason: string;
  /** Who. */
  readonly by?: string;
  /** ISO 8601 with time zone: from then on it does not count. */
  readonly until?: string;
}
