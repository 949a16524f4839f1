import { LedgerError } from '../errors.ts';
import type { StoredHead } from './stored-log.ts';

// What ends a try to publish, and is no fault.

/**
 * The log went another way than this session collected, or parts of it cannot be read: it is opened anew, and judged on from there.
 */
export class Reopen extends Error {
  override readonly name = 'Reopen';
}

/** Another publisher stored a checkpoint before this one signed or wrote anything behind the one before. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
  readonly newest: StoredHead | null;

  constructor(newest: StoredHead | null) {
    super('another publisher stored a checkpoint');
    this.newest = newest;
  }
}

/** What another opening of the log can mend. */
export function isReopened(error: unknown): boolean {
  return (
    error instanceof Reopen ||
    (error instanceof LedgerError && (error.code === 'SEALS_LOST' || error.code === 'LOG_DAMAGED'))
  );
}
