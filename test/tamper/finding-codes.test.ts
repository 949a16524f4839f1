import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingCodes, verdictOf, type FindingCode } from '@tallystick/core/finding';
import { beforeAll, describe, expect, it } from 'vitest';
import { counted, notProduced, producers } from './codes.ts';
import { cleanLog, type SmallLog } from './small-log.ts';

// Each code of section 9 of the protocol, and of those that this implementation adds, is made by an alteration of a log, and the verdict that it
// is found by ends as the table says.

let small: SmallLog;
beforeAll(async () => {
  small = await cleanLog();
});

const made = Object.entries(producers) as [keyof typeof producers, (typeof producers)[keyof typeof producers]][];

describe('each finding code', () => {
  it('is made here, or there is a reason why not', () => {
    const named = [...Object.keys(producers), ...Object.keys(notProduced)];
    expect(named.toSorted()).toEqual(Object.keys(findingCodes).toSorted());
  });

  it.each(made)('%s', async (code, produce) => {
    const { findings, exitCode, verdict } = await produce(small);
    const found = findings.find((finding) => finding.code === code);
    expect(findings.map((finding) => finding.code)).toContain(code);
    const { severity, place } = findingCodes[code];
    expect(found?.severity).toBe(severity);
    const form = { offsets: /^(offsets \d+-\d+|-)$/, statement: /^([A-Za-z0-9+/]{43}=|-)$/, none: /^-$/ }[place];
    expect(found?.place).toMatch(form);
    expect({ exitCode, verdict }).toEqual(verdictOf(findings));
    expect(exitCode === 1 ? 1 : Math.max(exitCode, findingCodes[code].exit)).toBe(exitCode);
  });

  it.each(Object.entries(counted))('%s is counted, and changes nothing', async (_, [count, produce]) => {
    const { counts, exitCode } = await produce(small);
    expect(counts[count]).toBeGreaterThan(0);
    expect(exitCode).toBe(0);
  });

  it.each(Object.keys(notProduced) as FindingCode[])('%s is raised nowhere: %#', (code) => {
    const root = join(import.meta.dirname, '..', '..', 'verifier', 'src');
    const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(root, name), 'utf8'))
      .join('\n');
    expect(source.includes(`code: '${code}'`)).toBe(false);
  });
});
