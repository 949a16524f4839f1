import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. None of them is a verdict: the command ends 2 where an option or the anchor file is at fault, 3 where the run was cancelled. */
export const verifierErrors = {
  OPTIONS_INVALID: 'an option of the verifier that makes no sense: a limit, a name or a key',
  ANCHOR_CORRUPT: 'an anchor file that is damaged: it does not parse, or its own checksum does not fit',
  ANCHOR_VERSION: 'an anchor file of a version that this release does not know',
  ANCHOR_FOREIGN: 'an anchor file of another log: its origin or root key is not the one given',
  ANCHOR_UNREADABLE: 'an anchor file that cannot be read, written or replaced',
  ANCHOR_LOCKED: 'an anchor file that another run holds and does not let go',
  VERIFY_ABORTED: 'the run was cancelled before it could give a verdict',
} as const;

export type VerifierErrorCode = keyof typeof verifierErrors;

export class VerifierError extends TallystickError<VerifierErrorCode> {
  override readonly name = 'VerifierError';
}
