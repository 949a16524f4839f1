import type { CopiedBatch } from '@tallystick/verifier/copied-log';
import { flip } from './altered-log.ts';
import type { Alter, Says } from './case.ts';
import type { Indexes, Sight } from './disk-log.ts';

// What somebody does to the segments of a broker, and what is said of it. Of each partition the seals cover the offsets 0-15, 16-31 and so on,
// two batches each; the sixth batch holds the offsets 40 to 47. The seals topic holds the key, then the genesis, then the seals.

export interface DiskRow {
  readonly what: string;
  readonly alter: Alter;
  readonly says: Partial<Record<Sight, Says>>;
  readonly partitions?: 2;
  /** Default `left`. */
  readonly indexes?: Indexes;
  /** Longest wait of whoever looks, ms; default: as ever. */
  readonly deadlineMs?: number;
  /** Warnings that there are, whoever looks. */
  readonly warns?: readonly string[];
}

export const row = (what: string, alter: Alter, says: DiskRow['says'], more: Partial<DiskRow> = {}): DiskRow => ({
  ...{ what, alter, says },
  ...more,
});
export const anew = { indexes: 'anew' } as const;

/** With another byte in it, which its CRC does not fit. */
export function copyOf({ bytes }: CopiedBatch): Buffer {
  const copy = Buffer.from(bytes);
  flip(-8)(copy);
  return copy;
}

export const found = (...findings: string[]): Says => [1, findings];
export const fine: Says = [0, []];
export const eventAltered: Alter = (log) => log.bytes(0, 40, flip(-20));
