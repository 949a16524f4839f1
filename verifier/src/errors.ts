import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. None of them is a verdict: the command ends 2 where an option, the anchor file, or the key or state of a witness is at fault, 3 where the run was cancelled. */
export const verifierErrors = {
  OPTIONS_INVALID: 'an option of the verifier that makes no sense: a limit, a name or a key',
  ANCHOR_CORRUPT:
    'an anchor file that is damaged or gone: it does not parse, its HMAC does not fit, or it or its key is missing',
  ANCHOR_VERSION: 'an anchor file of a version that this release does not know',
  ANCHOR_FOREIGN: 'an anchor file of another log: its origin or root key is not the one given',
  ANCHOR_UNREADABLE: 'an anchor file that cannot be read, written or replaced',
  ANCHOR_TIMED_OUT: 'the file system of an anchor, its key or its lock gives no answer',
  ANCHOR_KEY: 'the key file of an anchor cannot be used',
  ANCHOR_LOCKED: 'an anchor file that another run holds and does not let go',
  PROGRESS_CORRUPT: 'what a run that did not end left behind is damaged, or was not made with the key of its anchor',
  PROGRESS_FOREIGN:
    'what a run that did not end left behind is of another log, anchor, release, or of a run with other options',
  PROGRESS_OLD: 'what a run that did not end left behind is too old, or of a clock that was ahead',
  PROGRESS_UNUSABLE: 'the progress of a run cannot be read or kept, or another run has it',
  POLICY_FILE_INVALID: 'a limits file that does not parse, or has a member that it cannot have',
  CHECKPOINT_FILE_INVALID:
    'a file of --checkpoint that holds no checkpoint of this log, or one that no key of it signed',
  LOG_UNAVAILABLE: 'the published log cannot be read, or gives no answer in time',
  LOG_RESOURCE_TOO_LARGE: 'the published log serves more bytes than a resource of its kind can have',
  BUNDLE_UNREADABLE: 'an evidence bundle that cannot be opened or read',
  BUNDLE_CHANGED: 'an evidence bundle that was replaced or written to while it was read',
  BUNDLE_TRUNCATED: 'an evidence bundle that is cut off before its end',
  BUNDLE_COMPRESSED: 'an evidence bundle that was compressed',
  BUNDLE_FORMAT:
    'a file that is no evidence bundle: another kind of file, or an archive with other members, names or order',
  BUNDLE_LIMIT: 'an evidence bundle, or a member of one, larger than a bundle can be',
  BUNDLE_MANIFEST: 'an evidence bundle whose manifest does not parse or contradicts itself',
  BUNDLE_VERSION: 'an evidence bundle of a version that this release does not know',
  BUNDLE_DIGEST: 'an evidence bundle whose bytes are not those of its own SHA-256 sums',
  BUNDLE_WRITE: 'an evidence bundle that cannot be written to its place',
  COPY_UNAVAILABLE: 'the query copy cannot be read, or gives no answer in time',
  WORKER_FAILED: 'a thread that read records died, was silent for too long, or could not work',
  VERIFY_ABORTED: 'the run was cancelled before it could give a verdict',
  SCHEDULE_INVALID: 'a schedule that makes no sense: its pattern, its time zone, a limit or an address',
  SCHEDULE_STATE: 'the folder that keeps the lock and the last run cannot be read or written',
  VERIFY_RUNNING: 'another run holds the lock: one runs at a time',
  VERIFY_TIMED_OUT: 'the run took longer than it may and was cancelled',
  VERIFY_INTERRUPTED: 'the process of a run ended before the run had a verdict',
  VERIFY_STUCK: 'a run that was cancelled does not end',
  REPORT_FAILED: 'a report of a run could not be written or delivered',
  METRICS_LISTEN: 'the metrics cannot be served at the address given',
  WITNESS_KEY_EXISTS: 'a file is where a new witness key was to be written',
  WITNESS_KEY_UNREADABLE: 'the witness key file cannot be read or written',
  WITNESS_KEY_MODE: 'others than its owner have rights to the witness key file',
  WITNESS_KEY_INVALID: 'the witness key file does not hold a signer key',
  WITNESS_STATE_MISSING: 'the folder holds no state of a witness',
  WITNESS_STATE_EXISTS: 'a new state was asked for in a folder that is not empty',
  WITNESS_STATE_FOREIGN: 'the state belongs to another witness key',
  WITNESS_STATE_CORRUPT: 'the state of a witness is damaged or incomplete',
  WITNESS_STATE_LOCKED: 'another process holds the state of the witness',
  WITNESS_STATE_UNREADABLE: 'the state of a witness cannot be read or written',
  WITNESS_LISTEN: 'the witness cannot listen on its address',
  SELF_TEST_TOO_LARGE: 'a log whose statements do not fit into the memory that a self-test may use',
} as const;

export type VerifierErrorCode = keyof typeof verifierErrors;

export class VerifierError extends TallystickError<VerifierErrorCode> {
  override readonly name = 'VerifierError';
}
