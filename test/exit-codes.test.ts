// docs/errors.md says which exit code each error gives: held against what the command line really does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TallystickError } from '@tallystick/core/errors';
import { CliError, type CliErrorCode, cliErrors } from '@tallystick/cli/errors';
import { exitCodeOf } from '../cli/src/exit-codes.ts';

const sections = readFileSync(join(import.meta.dirname, '..', 'docs', 'errors.md'), 'utf8').split(/^## /m);
const sectionOf = (name: string): string => sections.find((part) => part.startsWith(`${name}\n`)) ?? '';

/** Sections whose tables list codes of errors. */
const packages = ['core', 'schemas', 'kafka', 'producers', 'ledger-service', 'verifier', 'anomaly-worker', 'infra'];

class AnyError extends TallystickError {}

/** Every documented error, as the class that its package throws. */
const errors: TallystickError[] = [
  ...[...packages, 'HTTP problems'].flatMap((name) =>
    [...sectionOf(name).matchAll(/^\| `([^`]+)` \|/gm)].map(([, code = '']) => new AnyError(code, 'x')),
  ),
  ...Object.keys(cliErrors).map((code) => new CliError(code as CliErrorCode, 'x')),
];

/** The codes of one row of the table of exit codes: whole ones, and beginnings (`ANCHOR_…`). */
function row(exit: 2 | 3): { whole: Set<string>; beginnings: string[] } {
  const [, cell = ''] = new RegExp(`^\\| ${exit} \\|[^|]*\\|(.*)\\|$`, 'm').exec(sectionOf('Exit codes')) ?? [];
  const named = [...cell.matchAll(/`([A-Z_0-9]+)(…?)`/g)];
  return {
    whole: new Set(named.filter(([, , open]) => open === '').map(([, code = '']) => code)),
    beginnings: named.filter(([, , open]) => open === '…').map(([, code = '']) => code),
  };
}

const rows = { 2: row(2), 3: row(3) };

/** What the table says: a whole name counts before a beginning, and 1 is every code that stands nowhere. */
function documented(code: string): 1 | 2 | 3 {
  for (const exit of [2, 3] as const) if (rows[exit].whole.has(code)) return exit;
  for (const exit of [2, 3] as const) if (rows[exit].beginnings.some((begin) => code.startsWith(begin))) return exit;
  return 1;
}

describe('the table of exit codes in docs/errors.md', () => {
  it('says of every error what the command line does', () => {
    expect(errors.length).toBeGreaterThan(200);
    const wrong = errors
      .filter((error) => documented(error.code) !== exitCodeOf(error))
      .map((error) => `${error.code}: ${exitCodeOf(error)}, documented ${documented(error.code)}`);
    expect(wrong).toEqual([]);
  });

  it('names no code that there is not, and none twice', () => {
    const codes = errors.map(({ code }) => code);
    const known = new Set(codes);
    for (const { whole, beginnings } of Object.values(rows)) {
      expect([...whole].filter((code) => !known.has(code))).toEqual([]);
      expect(beginnings.filter((begin) => !codes.some((code) => code.startsWith(begin)))).toEqual([]);
    }
    expect([...rows[2].whole].filter((code) => rows[3].whole.has(code))).toEqual([]);
  });

  it('leaves the rest to 1', () => {
    expect(documented('RECORDS_DISAGREE')).toBe(1);
    expect(documented('BUNDLE_WRITE')).toBe(3);
    expect(documented('BUNDLE_DIGEST')).toBe(2);
  });
});
