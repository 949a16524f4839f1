import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { offsetsPlace } from '@tallystick/core/finding';
import { contentDigest } from '../domain/content-digest.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { CopiedPlace, CopiedRow } from '../ports/copied-rows.ts';
import type { AlteredColumn } from './compare-cells.ts';

/** Rows in a row of which the same is to be said. */
interface RowRun {
  readonly kind: 'extra' | 'missing';
  readonly why: string;
  readonly first: number;
  last: number;
  rows: number;
  /** Of the extra rows below `last`; those of one offset come in no order. */
  readonly content: Hash;
  /** Digests of the extra rows at `last`. */
  atLast: string[];
}

/** Words what is wrong with the rows of one place. Missing and extra rows are one finding a run of offsets. */
export class CopyFindings {
  altered = 0;
  extra = 0;
  missing = 0;
  private readonly place: CopiedPlace;
  private readonly add: (finding: NewFinding) => void;
  private run: RowRun | null = null;

  constructor(place: CopiedPlace, add: (finding: NewFinding) => void) {
    this.place = place;
    this.add = add;
  }

  rowAltered(offset: number, columns: readonly AlteredColumn[]): void {
    this.flush();
    this.altered += 1;
    const names = columns.map(({ column }) => column).join(', ');
    this.add({
      ...this.place,
      code: 'copy-altered',
      place: offsetsPlace(offset, offset),
      expected: evidenceOf(columns, 'expected'),
      found: evidenceOf(columns, 'found'),
      message: `The row of offset ${offset} is not what its record gives: ${columns.length === 1 ? 'column' : 'columns'} ${names}.`,
      detail: { columns },
    });
  }

  /**
   * @param row its digest (see `rowDigest`); null: what it holds is not known
   * @param why says what makes the row one too many: runs of the same are one finding
   */
  rowExtra(offset: number, row: string | null, why: string): void {
    this.extra += 1;
    const run = this.extend('extra', offset, why);
    if (row !== null) run.atLast.push(row);
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
    closeOffset(run);
    const { kind, first, last, rows, why, content } = run;
    const offsets = first === last ? `offset ${first}` : `offsets ${first} to ${last}`;
    this.add({
      ...this.place,
      code: kind === 'extra' ? 'copy-extra' : 'copy-missing',
      place: offsetsPlace(first, last),
      expected: kind === 'extra' ? 'no such row' : 'a row for each',
      found: kind === 'extra' ? `${rows} (SHA-256 ${content.digest('base64')})` : 'none',
      message:
        kind === 'extra'
          ? `There ${rows === 1 ? 'is a row' : `are ${rows} rows`} too many at ${offsets}: ${why}.`
          : `There is no row for ${offsets}, though ${why}.`,
    });
  }

  private extend(kind: RowRun['kind'], offset: number, why: string): RowRun {
    const { run } = this;
    if (run !== null && run.kind === kind && run.why === why && offset >= run.last && offset <= run.last + 1) {
      if (offset > run.last) closeOffset(run);
      run.last = offset;
      run.rows += 1;
      return run;
    }
    this.flush();
    const begun = { kind, why, first: offset, last: offset, rows: 1, content: createHash('sha256'), atLast: [] };
    this.run = begun;
    return begun;
  }
}

/** SHA-256 (base64) of what a row holds. */
export function rowDigest({ cells, malformed }: CopiedRow): string {
  return contentDigest([cells, malformed]);
}

function closeOffset(run: RowRun): void {
  for (const row of run.atLast.sort()) run.content.update(row);
  run.atLast = [];
}

/** One altered column with what it should hold or holds; of several the first, and a digest of all of them. */
function evidenceOf(columns: readonly AlteredColumn[], side: 'expected' | 'found'): string | null {
  const [first] = columns;
  if (first === undefined) return null;
  const shown = `${first.column} ${first[side]}`;
  if (columns.length === 1) return shown;
  const all = contentDigest(columns.map((each) => [each.column, each[side]]));
  return `${shown}, and ${columns.length - 1} more (SHA-256 of all ${all})`;
}
