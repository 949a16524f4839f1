import { describe, expect, it } from 'vitest';
import { progressLine, progressMode, type ProgressMode } from '../src/progress.ts';

/** What is written where updates come at these times, ms. */
function written(mode: ProgressMode, times: readonly number[], columns?: number): string[] {
  const out: string[] = [];
  let time = 0;
  const line = progressLine(mode, { write: (text) => out.push(text), columns: () => columns, now: () => time });
  for (time of times) line.update(`at ${time} of 60000`);
  line.clear();
  return out;
}

const often = Array.from({ length: 601 }, (_, n) => n * 100);

describe('progress', () => {
  it('is one line of a terminal, written over and taken away', () => {
    const out = written('line', [0, 50, 99, 100]);
    expect(out).toEqual(['\r\u001B[2Kat 0 of 60000', '\r\u001B[2Kat 100 of 60000', '\r\u001B[2K']);
  });

  it('never wraps', () => {
    expect(written('line', [50_000], 30)[0]).toBe('\r\u001B[2Kat 50000 of 60000');
    const shown = (columns: number | undefined) => {
      const out: string[] = [];
      progressLine('line', { write: (text) => out.push(text), columns: () => columns }).update('x'.repeat(200));
      return out.join('').replaceAll(/[^x]/g, '').length;
    };
    expect([30, 120, 0, undefined].map(shown)).toEqual([29, 119, 79, 79]);
  });

  it('is a line every ten seconds where that is no terminal, and none of what is done sooner', () => {
    expect(written('lines', often)).toEqual([10, 20, 30, 40, 50, 60].map((s) => `at ${s * 1000} of 60000\n`));
    expect(written('lines', often.slice(0, 99))).toEqual([]);
    // The clock of a work begins with its first word, not with the program.
    expect(written('lines', [50_000, 55_000])).toEqual([]);
  });

  it('is nothing for programs', () => {
    expect(written(progressMode(true, true), often)).toEqual([]);
    expect([progressMode(true), progressMode(false), progressMode(false, true)]).toEqual(['line', 'lines', 'none']);
  });
});
