import { CommanderError } from 'commander';
import { exitCodeOf } from '../exit-codes.ts';

const told = new WeakSet<object>();

/** The line of `verify --json` where there is no verdict; of each error once, whoever meets it first. */
export function tellError(out: (line: string) => void, error: unknown): void {
  if (typeof error === 'object' && error !== null) {
    if (told.has(error)) return;
    told.add(error);
  }
  out(JSON.stringify({ version: 1, verdict: null, exitCode: verifyExitCodeOf(error), error: plainError(error) }));
}

/** 1 is kept for what was found: a check that broke off has found nothing. */
export function verifyExitCodeOf(error: unknown): 2 | 3 {
  return error instanceof CommanderError || exitCodeOf(error) === 2 ? 2 : 3;
}

/** Any error as what a report or a script can take. */
export function plainError(error: unknown): { code: string; message: string } {
  if (error instanceof CommanderError) return { code: 'USAGE', message: error.message.replace(/^error: /, '') };
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
