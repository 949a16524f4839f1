import { describe, expect, test } from 'vitest';
import { coverageOf } from '../src/adapters/clickhouse-coverage.ts';
import { MemoryRowStore } from '../src/adapters/memory-row-store.ts';
import { holesIn, runLength } from '../src/domain/runs.ts';
import { rowStoreContract, rowsOf } from './support/row-store-contract.ts';

const store = new MemoryRowStore();
rowStoreContract('memory', () => ({
  connect: () => store,
  removeRows: async (place, first, last) => store.removeRows(place, { first, last }),
  findingIds: async (place) => store.findings(place).map(({ id }) => id),
}));

describe('holes', () => {
  const present = [
    { first: 2, last: 4 },
    { first: 7, last: 7 },
    { first: 20, last: 30 },
  ];
  test.each([
    [
      0,
      10,
      [
        [0, 1],
        [5, 6],
        [8, 9],
      ],
    ],
    [2, 5, []],
    [
      3,
      21,
      [
        [5, 6],
        [8, 19],
      ],
    ],
    [31, 31, []],
    [40, 42, [[40, 41]]],
    [22, 25, []],
  ])('in [%i, %i)', (from, to, holes) => {
    expect(holesIn(present, from, to).map(({ first, last }) => [first, last])).toEqual(holes);
  });
});

describe('an insert is a run', () => {
  const place = { topic: 't', generation: 0, partition: 0 };
  const limits = { rows: 100, bytes: 1_000_000 };
  const rows = rowsOf(place, 0, 20);
  test('of consecutive offsets within the limits, one at least', () => {
    expect(runLength([], limits)).toBe(0);
    expect(runLength(rows, limits)).toBe(21);
    expect(runLength(rows, { ...limits, rows: 4 })).toBe(4);
    expect(runLength(rows, { ...limits, bytes: 7 })).toBe(2);
    expect(runLength(rows, { ...limits, bytes: 0 })).toBe(1);
    expect(runLength([...rows.slice(0, 3), ...rows.slice(4)], limits)).toBe(3);
  });
});

describe('coverage', () => {
  const never = () => Promise.reject(new Error('asked for single offsets'));
  test('of full buckets needs no look at single offsets', async () => {
    const coverage = await coverageOf(
      [
        ['0', '10', '65535', '65526', '65526'],
        ['1', '65536', '65540', '5', '5'],
      ],
      never,
    );
    expect(coverage).toEqual({ present: [{ first: 10, last: 65540 }], doubled: [] });
  });
  test('finds a hole and a double that cancel out in the count', async () => {
    const offsets = [
      ['1', '1'],
      ['2', '2'],
      ['4', '1'],
    ];
    expect(await coverageOf([['0', '1', '4', '4', '3']], async () => offsets)).toEqual({
      present: [
        { first: 1, last: 2 },
        { first: 4, last: 4 },
      ],
      doubled: [2],
    });
  });
});
