import { rowColumns } from '@tallystick/schemas/row';
import type { CopiedExtent, CopiedRow, CopiedRows } from '../../verifier/src/ports/copied-rows.ts';

/** What a query copy holds: rows of partition 0 at these offsets, whose cells no record gives. */
export interface CopyInMemory {
  readonly rows: readonly number[];
  readonly nextOffset: number;
  /** Below it rows expired, it says; default 0. */
  readonly rowsFrom?: number;
  /** Rows of other topics. */
  readonly others?: readonly Partial<CopiedExtent>[];
  readonly faults?: readonly string[];
}

export function copyOf(of: CopyInMemory): CopiedRows {
  const cells = rowColumns.map(() => 'x');
  const offsets = (from: number, to: number) => of.rows.filter((offset) => offset >= from && offset < to);
  return {
    place: 'a test',
    faults: async () => await Promise.resolve(of.faults ?? []),
    extents: async (topic) =>
      await Promise.resolve(
        of.rows.length === 0
          ? []
          : [
              {
                ...{ topic, generation: 0, partition: 0, rows: of.rows.length },
                ...{ first: BigInt(Math.min(...of.rows)), last: BigInt(Math.max(...of.rows)) },
              },
            ],
      ),
    async *others(): AsyncIterable<CopiedExtent> {
      await Promise.resolve();
      for (const other of of.others ?? [])
        yield { topic: 'a', generation: 0, partition: 0, rows: 1, first: 0n, last: 0n, ...other };
    },
    watermark: async () =>
      await Promise.resolve({ rowsFrom: of.rowsFrom ?? 0, nextOffset: of.nextOffset, claimedTo: of.nextOffset }),
    count: async (_, from, to) => await Promise.resolve(offsets(from, to).length),
    async *rows(_, from, to): AsyncIterable<CopiedRow> {
      await Promise.resolve();
      for (const offset of offsets(from, to)) yield { offset, cells, malformed: false };
    },
    close: async () => await Promise.resolve(),
  };
}
