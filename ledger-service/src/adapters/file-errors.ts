import { LedgerError } from '../errors.ts';
import { storeInvalid, storeUnavailable } from '../store-errors.ts';

/** True for an error of the file system with that code, such as `ENOENT`. */
export function hasErrno(error: unknown, code: string): boolean {
  return errnoOf(error) === code;
}

const mend: Readonly<Record<string, string>> = {
  EACCES: "Let the ledger's user read and write there, or name another folder.",
  EPERM:
    "Let the ledger's user read and write there, or name another folder; it must be on a file system that has hard links.",
  ENOTSUP: 'Use a file system that has hard links.',
  EROFS: 'The file system is mounted read-only: mount it for writing, or name another folder.',
  ELOOP: 'It is a symbolic link, and those are not followed: find out who made it, and remove it.',
  EXDEV: 'The folder must be on one file system: mount nothing inside it.',
  ENOTDIR: 'There is a file where a folder should be: find out who put it there, and remove it.',
  EISDIR: 'There is a folder where a file should be: find out who put it there, and remove it.',
  ENAMETOOLONG: 'Name a folder with a shorter path.',
};

/** What passes by itself or once there is room: everything else that the operating system may say is taken for passing too. */
const passing: Readonly<Record<string, string>> = {
  ENOSPC: 'There is no room left: make some.',
  EDQUOT: "The user's quota is used up: make room, or raise it.",
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
  ENFILE: 'Too many files are open on this machine.',
  EIO: 'The disk reports an error: look at the log of the operating system.',
};

/** The coded error for what the file system said; a LedgerError stays as it is. `what` says what could not be done, with the path. */
export function fileError(error: unknown, what: string): LedgerError {
  if (error instanceof LedgerError) return error;
  const code = errnoOf(error) ?? 'unknown error';
  const options = { cause: error, evidence: { found: code } };
  const how = mend[code];
  if (how !== undefined) return storeInvalid(`${what} (${code}). ${how}`, options);
  return storeUnavailable(`${what} (${code}). ${passing[code] ?? 'It is tried again.'}`, options);
}

function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
