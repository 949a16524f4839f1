import { rowColumns } from '@tallystick/schemas/row';
import type { CopiedRow, CopiedRows } from '../../verifier/src/ports/copied-rows.ts';

/** A query copy of partition 0 whose rows, at these offsets, hold nothing that any record gives. */
export function copyOf(of: { readonly rows: readonly number[]; readonly nextOffset: number }): CopiedRows {
  const cells = rowColumns.map(() => 'x');
  const offsets = (from: number, to: number) => of.rows.filter((offset) => offset >= from && offset < to);
  return {
    place: 'a test',
    faults: async () => await Promise.resolve([]),
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
    others: async function* () {},
    watermark: async () => await Promise.resolve({ rowsFrom: 0, nextOffset: of.nextOffset, claimedTo: of.nextOffset }),
    count: async (_, from, to) => await Promise.resolve(offsets(from, to).length),
    async *rows(_, from, to): AsyncIterable<CopiedRow> {
      await Promise.resolve();
      for (const offset of offsets(from, to)) yield { offset, cells, malformed: false };
    },
    close: async () => await Promise.resolve(),
  };
}
