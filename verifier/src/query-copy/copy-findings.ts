import { offsetsPlace } from '@tallystick/core/finding';
import type { NewFinding } from '../domain/findings.ts';
import type { CopiedPlace } from '../ports/copied-rows.ts';
import type { AlteredColumn } from './compare-cells.ts';

/** Words what is wrong with the rows of one place. Missing and extra rows are one finding a run of offsets. */
export class CopyFindings {
  altered = 0;
  extra = 0;
  missing = 0;
  private readonly place: CopiedPlace;
  private readonly add: (finding: NewFinding) => void;
  private run: { kind: 'extra' | 'missing'; first: number; last: number; rows: number; why: string } | null = null;

  constructor(place: CopiedPlace, add: (finding: NewFinding) => void) {
    this.place = place;
    this.add = add;
  }

  rowAltered(offset: number, columns: readonly AlteredColumn[]): void {
    this.flush();
    this.altered += 1;
    const [first] = columns;
    const names = columns.map(({ column }) => column).join(', ');
    this.add({
      ...this.place,
      code: 'copy-altered',
      place: offsetsPlace(offset, offset),
      expected: first === undefined ? null : `${first.column} ${first.expected}`,
      found: first === undefined ? null : `${first.column} ${first.found}`,
      message: `The row of offset ${offset} is not what its record gives: ${columns.length === 1 ? 'column' : 'columns'} ${names}.`,
      detail: { columns },
    });
  }

  /** @param why says what makes the row one too many: runs of the same are one finding */
  rowExtra(offset: number, why: string): void {
    this.extra += 1;
    this.extend('extra', offset, why);
  }

  /** @param why says why there has to be one, behind "though" */
  rowMissing(offset: number, why: string): void {
    this.missing += 1;
    this.extend('missing', offset, why);
  }

  /** Says what is not said yet. */
  flush(): void {
    const { run } = this;
    this.run = null;
    if (run === null) return;
    const { kind, first, last, rows, why } = run;
    const offsets = first === last ? `offset ${first}` : `offsets ${first} to ${last}`;
    this.add({
      ...this.place,
      code: kind === 'extra' ? 'copy-extra' : 'copy-missing',
      place: offsetsPlace(first, last),
      expected: kind === 'extra' ? 'no such row' : 'a row for each',
      found: kind === 'extra' ? `${rows}` : 'none',
      message:
        kind === 'extra'
          ? `There ${rows === 1 ? 'is a row' : `are ${rows} rows`} too many at ${offsets}: ${why}.`
          : `There is no row for ${offsets}, though ${why}.`,
    });
  }

  private extend(kind: 'extra' | 'missing', offset: number, why: string): void {
    const { run } = this;
    if (run !== null && run.kind === kind && run.why === why && offset >= run.last && offset <= run.last + 1) {
      run.last = offset;
      run.rows += 1;
      return;
    }
    this.flush();
    this.run = { kind, first: offset, last: offset, rows: 1, why };
  }
}
