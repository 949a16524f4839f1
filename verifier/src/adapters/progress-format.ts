import { createHash } from 'node:crypto';
import { VerifierError } from '../errors.ts';
import type { Mac } from '../domain/anchor-format.ts';

/** What stands before the first part. */
export const noPart = '-';

/** A part of a run's progress as it was read, and the code that the next one names. */
export interface OpenedPart {
  readonly content: Uint8Array;
  readonly code: string;
}

/** A part as it is kept. */
export interface FormattedPart {
  readonly bytes: Uint8Array;
  readonly code: string;
}

/**
 * The bytes of a part: a line with its number, the code of the part before it and its own, then the content. So no part can be changed, left out
 * or put in another's place by who does not have the key.
 */
export function formatPart(content: Uint8Array, index: number, before: string, mac: Mac): FormattedPart {
  const code = codeOf(content, index, before, mac);
  return { bytes: Buffer.concat([Buffer.from(`tallystick progress 1 ${index} ${before} ${code}\n`), content]), code };
}

/**
 * Reads a part back.
 * @param where names it in errors
 * @throws VerifierError PROGRESS_CORRUPT
 */
export function openPart(bytes: Uint8Array, index: number, before: string, mac: Mac, where: string): OpenedPart {
  const end = bytes.indexOf(10);
  const content = bytes.subarray(end + 1);
  const code = codeOf(content, index, before, mac);
  const line = `tallystick progress 1 ${index} ${before} ${code}`;
  if (end < 0 || end > 1_000 || Buffer.from(bytes.subarray(0, end)).toString('latin1') !== line)
    throw corrupt(where, 'it does not have the code written in it, or is not the part that follows the one before it');
  return { content, code };
}

export function corrupt(where: string, what: string): VerifierError {
  return new VerifierError('PROGRESS_CORRUPT', `The progress ${where} is damaged: ${what}.`, {
    evidence: { where, what },
  });
}

function codeOf(content: Uint8Array, index: number, before: string, mac: Mac): string {
  return mac(`tallystick/progress/v1\n${index}\n${before}\n${createHash('sha256').update(content).digest('base64')}\n`);
}
