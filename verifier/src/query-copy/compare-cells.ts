import type { Cell, RowColumn } from '@tallystick/schemas/row';
import { digestOfBytes } from '../domain/content-digest.ts';

/**
 * A cell as it is read back. 64-bit integers are decimal text, times `YYYY-MM-DD hh:mm:ss.mmm`, maps a list of pairs (a map in a row can hold
 * a key twice, an object cannot).
 */
export type CopiedCell = string | number | boolean | null | readonly string[] | readonly (readonly [string, string])[];

/** A column whose cell is not what the record gives. Both sides as JSON; of one that is too long to be shown its beginning and its SHA-256. */
export interface AlteredColumn {
  readonly column: string;
  readonly expected: string;
  readonly found: string;
}

const shownLength = 200;

/** The columns in which a row differs from the one that its record gives; none where they are equal. */
export function compareCells(
  columns: readonly RowColumn[],
  expected: readonly Cell[],
  found: readonly CopiedCell[],
): AlteredColumn[] {
  const altered: AlteredColumn[] = [];
  for (const [index, { name }] of columns.entries()) {
    const wanted = asRead(expected[index] ?? null);
    const there = found[index] ?? null;
    if (same(wanted, there)) continue;
    altered.push({ column: name, expected: shown(wanted), found: shown(there) });
  }
  return altered;
}

/** Numbers are compared as text: so 64 bits stay exact, whichever way the server writes them. */
function same(a: CopiedCell, b: CopiedCell): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
  if (typeof a === 'number' || typeof b === 'number') return isScalar(a) && isScalar(b) && String(a) === String(b);
  return false;
}

function isScalar(cell: CopiedCell): cell is string | number {
  return typeof cell === 'string' || typeof cell === 'number';
}

/** The form in which the cell of a row is read back. */
function asRead(cell: Cell): CopiedCell {
  if (cell === null || typeof cell !== 'object') return cell;
  return isList(cell) ? cell : Object.entries(cell);
}

function isList(cell: readonly string[] | Readonly<Record<string, string>>): cell is readonly string[] {
  return Array.isArray(cell);
}

function shown(cell: CopiedCell): string {
  const text = JSON.stringify(cell);
  if (text.length <= shownLength) return text;
  const digest = digestOfBytes(Buffer.from(text));
  return `${text.slice(0, shownLength)}… (${text.length} characters, SHA-256 ${digest})`;
}
