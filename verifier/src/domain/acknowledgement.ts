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

/** Those that still count at this time, unix ms. */
export function inForce(acknowledged: readonly Acknowledgement[], now: number): Acknowledgement[] {
  return acknowledged.filter(({ until }) => until === undefined || now < Date.parse(until));
}

/** What is wrong with the members of an acknowledgement, or null. */
export function acknowledgementFault({ hash, reason, by, until }: Acknowledgement): string | null {
  if (!/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(hash)) return 'hash is not the SHA-256 of a finding in base64';
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > 2_000)
    return 'reason is missing, or longer than 2,000 characters';
  if (by !== undefined && (typeof by !== 'string' || by.length > 200)) return 'by is no name of at most 200 characters';
  if (until === undefined) return null;
  const form = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;
  return form.test(until) && !Number.isNaN(Date.parse(until)) ? null : 'until is no time such as 2027-01-31T00:00:00Z';
}
