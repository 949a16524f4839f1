import { rowColumns } from '@tallystick/schemas/row';
import type { OffsetRange, StoredRow } from '../ports/row-store.ts';

const appendedAt = rowColumns.findIndex(({ name }) => name === 'appended_at');
const valueBytes = rowColumns.findIndex(({ name }) => name === 'value_bytes');

/** The table partition that a row belongs to: the month of Kafka's append time, as `YYYY-MM` (see 0001_events.sql). */
export function tablePartitionOf(row: StoredRow): string {
  const text = row.cells[appendedAt];
  if (typeof text !== 'string') throw new TypeError(`row of offset ${row.offset} has no append time`);
  return text.slice(0, 7);
}

/** Size of a row, roughly: the bytes of its record's value. */
export function rowBytes(row: StoredRow): number {
  return Number(row.cells[valueBytes]);
}

export interface RunLimits {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * How many of these rows, from the first on, can be one insert: consecutive offsets, one table partition, within the limits
 * (but at least one).
 * @param rows in offset order
 */
export function runLength(rows: readonly StoredRow[], limits: RunLimits): number {
  const first = rows[0];
  if (first === undefined) return 0;
  const partition = tablePartitionOf(first);
  let length = 1;
  let bytes = rowBytes(first);
  for (let row = rows[length]; row !== undefined && length < limits.rows; row = rows[length]) {
    bytes += rowBytes(row);
    if (row.offset !== first.offset + length || tablePartitionOf(row) !== partition || bytes > limits.bytes) break;
    length += 1;
  }
  return length;
}

/** What of `[from, to)` is in none of the ranges, which are ascending and merged. */
export function holesIn(present: readonly OffsetRange[], from: number, to: number): OffsetRange[] {
  const holes: OffsetRange[] = [];
  let next = from;
  for (const { first, last } of present) {
    if (first >= to) break;
    if (first > next) holes.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  if (next < to) holes.push({ first: next, last: to - 1 });
  return holes;
}
