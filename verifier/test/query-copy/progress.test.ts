import { describe, expect, test } from 'vitest';
import { rowColumns } from '@tallystick/schemas/row';
import type { CopiedRow, CopiedRows } from '../../src/ports/copied-rows.ts';
import { VerifierError } from '../../src/errors.ts';
import { progressText } from '../../src/report/render.ts';
import type { Progress } from '../../src/verdict.ts';
import { World } from '../support/world.ts';

/** Rows 0 to `rows` - 1 of each of two partitions, with cells that no record gives. */
function copyOf({ rows, breaksAt = Infinity }: { rows: number; breaksAt?: number }): CopiedRows {
  const cells = rowColumns.map(() => 'x');
  const extent = { generation: 0, rows, first: 0n, last: BigInt(rows - 1) };
  return {
    place: 'a test',
    faults: async () => await Promise.resolve([]),
    extents: async (topic) => await Promise.resolve([0, 1].map((partition) => ({ ...extent, topic, partition }))),
    others: async function* () {},
    watermark: async () => await Promise.resolve({ rowsFrom: 0, nextOffset: rows, claimedTo: rows }),
    count: async (_, from, to) => await Promise.resolve(Math.max(0, Math.min(to, rows) - from)),
    async *rows({ partition }, from, to): AsyncIterable<CopiedRow> {
      await Promise.resolve();
      for (let offset = from; offset < Math.min(to, rows); offset++) {
        if (partition === 1 && offset >= breaksAt) throw new VerifierError('COPY_UNAVAILABLE', 'it broke off');
        yield { offset, cells, malformed: false };
      }
    },
    close: async () => await Promise.resolve(),
  };
}

async function told(rows: CopiedRows, options: Parameters<World['verify']>[0] = {}): Promise<Progress[]> {
  const world = await World.small({ partitions: 2 });
  const all: Progress[] = [];
  await world.verify({ queryCopy: { rows }, onProgress: (each) => void all.push(each), ...options });
  expect(all.findIndex(({ phase }) => phase === 'copy')).toBeGreaterThan(
    all.findLastIndex(({ phase }) => phase === 'records'),
  );
  return all.filter(({ phase }) => phase === 'copy');
}

describe('progress of the query copy', () => {
  test('goes from nothing to all rows of all partitions, behind the records', async () => {
    const seen = await told(copyOf({ rows: 10 }));
    expect(seen[0]).toEqual({ phase: 'copy', done: 0, total: 20, partition: null, leftMs: null });
    expect(seen.at(-1)).toEqual({ phase: 'copy', done: 20, total: 20, partition: 1, leftMs: 0 });
    expect(seen.map(progressText)).toContain('comparing the query copy: 10 of 20 (partition 0)');
  });

  test('counts the rows that were asked for', async () => {
    const ranges = [{ partition: 1, first: 0, last: 3 }];
    const seen = await told(copyOf({ rows: 10 }), { scope: { kind: 'ranges', ranges } });
    expect(seen.at(-1)).toMatchObject({ done: 4, total: 4, partition: 1 });
  });

  test('does not say that rows were compared that were not', async () => {
    const seen = await told(copyOf({ rows: 10, breaksAt: 1 }));
    expect(seen.at(-1)).toMatchObject({ total: 20, partition: expect.any(Number) as number });
    expect(seen.at(-1)?.done).toBeLessThan(20);
  });
});
