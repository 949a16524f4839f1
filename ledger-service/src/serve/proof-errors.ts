import { LedgerError, type LedgerErrorCode } from '../errors.ts';

/** Why there is no proof of an event: what a client is told. */
export const proofRefusals = [
  'REQUEST_MALFORMED',
  'PARTITION_UNKNOWN',
  'OFFSET_BEYOND_END',
  'OFFSET_NOT_COVERED',
  'OFFSET_IN_GAP',
  'NOT_SEALED_YET',
  'NOT_PUBLISHED_YET',
  'EVENT_GONE',
  'RECORDS_DISAGREE',
  'PROOF_LATE',
  'SERVER_BUSY',
] as const satisfies readonly LedgerErrorCode[];

export type ProofRefusal = (typeof proofRefusals)[number];

/** What passes by itself: the client is told to come again. */
const passing: ReadonlySet<ProofRefusal> = new Set([
  'NOT_SEALED_YET',
  'NOT_PUBLISHED_YET',
  'PROOF_LATE',
  'SERVER_BUSY',
]);

export function refuse(
  code: ProofRefusal,
  message: string,
  options: { readonly evidence?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
): LedgerError {
  return new LedgerError(code, message, { ...options, retriable: passing.has(code) });
}

export function isRefusal(error: unknown): error is LedgerError & { readonly code: ProofRefusal } {
  return error instanceof LedgerError && proofRefusals.some((code) => code === error.code);
}
