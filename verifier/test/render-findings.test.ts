import { describe, expect, test } from 'vitest';
import { findingLines } from '../src/report/render-findings.ts';
import type { ReportedFinding } from '../src/verdict.ts';
import { failed, finding } from './report/samples.ts';

const told = (findings: readonly ReportedFinding[], shown = 20, findingsOmitted = {}) =>
  findingLines({ findings, findingsOmitted }, { shown, paint: (_, text) => text });

/** The codes of the findings that are shown, in their order. */
const codes = (lines: readonly string[]) =>
  lines.flatMap((line) => /^ {2}(?:tampering|loss|warning|note) (\S+)/.exec(line)?.[1] ?? []);

const altered = (n: number) => finding({ code: 'altered', place: `offsets ${n}-${n}`, message: `Offset ${n}.` });
const many = Array.from({ length: 60 }, (_, n) => altered(n));

describe('findings in text', () => {
  test('are all there where they are few, the worst first', () => {
    const lines = told([finding({ code: 'duplicate' }), finding({ code: 'deleted' }), altered(1)]);
    expect(lines[1]).toBe('findings (3):');
    expect(codes(lines)).toEqual(['altered', 'deleted', 'duplicate']);
    expect(lines.join('\n')).not.toContain('more');
  });

  test('of many of one code hide no other', () => {
    const { findings, findingsOmitted } = failed.verdict ?? { findings: [], findingsOmitted: {} };
    const lines = told(findings, 20, findingsOmitted);
    const count = Object.groupBy(codes(lines), (code) => code);
    expect(codes(lines)).toHaveLength(20);
    expect(count['altered']).toHaveLength(16);
    expect(Object.keys(count)).toEqual(['altered', 'checkpoint', 'deleted', 'unavailable', 'unpinned-schema']);
    expect(lines.slice(-2)).toEqual([
      '  and 44 more of altered: --json lists them',
      '  and 4,211 more of altered, beyond the limit of findings that are kept',
    ]);
  });

  test('count every code for which there is no room', () => {
    const lines = told([...many, finding({ code: 'deleted' }), finding({ code: 'race' })], 1);
    expect(codes(lines)).toEqual(['altered']);
    expect(lines.slice(-3)).toEqual([
      '  and 59 more of altered: --json lists them',
      '  and 1 more of deleted: --json lists them',
      '  and 1 more of race: --json lists them',
    ]);
    expect(codes(told(many, 0))).toEqual([]);
  });

  test('of notes are two of a code', () => {
    const lines = told(Array.from({ length: 9 }, (_, n) => finding({ code: 'duplicate', place: `offsets ${n}-${n}` })));
    expect(codes(lines)).toHaveLength(2);
    expect(lines.at(-1)).toBe('  and 7 more of duplicate: --json lists them');
  });

  test('that nobody answers for come before those that somebody does', () => {
    const acknowledged = { reason: 'a disk was lost' };
    const answered = many.map((one) => ({ ...one, acknowledged }));
    const lines = told([...answered, altered(99)], 2);
    expect(lines[1]).toBe('findings (61, 60 of them acknowledged):');
    expect(lines[2]).toContain('offsets 99-99');
  });
});
