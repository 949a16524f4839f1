import { LedgerError } from './errors.ts';
import { maxCheckpointBytes } from './ports/checkpoint-store.ts';

/** The errors that every store of the log raises, in the same words whatever stands behind it. */

export function storeUnavailable(
  message: string,
  options: { cause?: unknown; evidence?: Readonly<Record<string, unknown>> } = {},
): LedgerError {
  return new LedgerError('LOG_STORE_UNAVAILABLE', message, { ...options, retriable: true });
}

export function storeInvalid(
  message: string,
  options: { cause?: unknown; evidence?: Readonly<Record<string, unknown>> } = {},
): LedgerError {
  return new LedgerError('LOG_STORE_INVALID', message, options);
}

export function tooLarge(what: string, maxBytes: number): LedgerError {
  return storeInvalid(
    `${what} has more than the ${maxBytes} bytes that it may have. Nothing of ours writes that: find out who did.`,
    {
      evidence: { what, expected: `at most ${maxBytes} bytes` },
    },
  );
}

/** @throws LedgerError LOG_STORE_INVALID for a note that could not be read back */
export function checkNote(note: Uint8Array): void {
  if (note.length >= 1 && note.length <= maxCheckpointBytes) return;
  throw storeInvalid(`A checkpoint has 1 to ${maxCheckpointBytes} bytes, and this one has ${note.length}.`, {
    evidence: { expected: `1 to ${maxCheckpointBytes}`, found: note.length },
  });
}

/** The store lacks a version that it had: it was rolled back, or it is another one. */
export function versionsLost(where: string, expected: number, found: number | null): LedgerError {
  return storeInvalid(
    `The checkpoint store in ${where} held version ${expected}, and ${found === null ? 'that is gone' : `now ends at version ${found}`}: it was rolled back, emptied, or is another store. Find out why; the log's newest checkpoint is also in "checkpoint" of the published log and with the witnesses.`,
    { evidence: { where, expected, found } },
  );
}
