import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingCodes, type FindingCode } from '@tallystick/core/finding';
import { describe, expect, it } from 'vitest';

// Every code that a verdict can hold is shown by a test of verdicts: section 9 of the protocol, row by row.

const root = join(import.meta.dirname, '..', '..');

/** Nobody writes archives yet, and a proof that fails is an error of `check-proof`: nothing raises these. */
const notRaised: readonly FindingCode[] = ['archive-mismatch', 'proof'];
/** Given as counts of a verdict (`counts.races`, `counts.resends`). */
const counted: readonly FindingCode[] = ['race', 'resend'];

/** What tests of verdicts say, without this file. */
const tests = ['verifier/test', 'test', 'cli/test']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(root, folder, name)),
  )
  .filter((path) => path.endsWith('.test.ts') && path !== import.meta.filename && !path.includes('node_modules'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

const shown = (code: FindingCode): boolean => new RegExp(`['"\`]${code}['"\` ]`).test(tests);

describe('each finding code', () => {
  const raised = (Object.keys(findingCodes) as FindingCode[]).filter(
    (code) => !notRaised.includes(code) && !counted.includes(code),
  );
  it.each(raised)('%s is shown by a test', (code) => {
    expect(shown(code)).toBe(true);
  });

  it.each(['races', 'resends'])('%s are counted in a test', (count) => {
    expect(tests).toMatch(new RegExp(`\\b${count}\\b: [1-9]|counts\\.${count}\\)\\.toBe\\([1-9]`));
  });

  it.each(notRaised)('%s is not raised anywhere', (code) => {
    const source = readdirSync(join(root, 'verifier/src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(root, 'verifier/src', name), 'utf8'))
      .join('\n');
    expect(source.includes(`code: '${code}'`)).toBe(false);
  });
});
