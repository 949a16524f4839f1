import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryEdge } from '@tallystick/core/log-tree';
import { formatEntryBundle, parseEntryBundle, tilePath, type FetchTile } from '@tallystick/core/tiles';
import { codeOf, codeOfAsync } from './reference/throws.ts';

const entry = (i: number) => new TextEncoder().encode(`entry ${i}`);
const from =
  (stored: ReadonlyMap<string, Uint8Array>): FetchTile =>
  (tile) =>
    Promise.resolve(stored.get(tilePath(tile)) ?? new Uint8Array(0));

describe('the entries of a growing log', () => {
  it('are all stored in bundles, through any stops and flushes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ count: fc.integer({ min: 0, max: 400 }), restart: fc.boolean() }), { maxLength: 6 }),
        async (steps) => {
          const stored = new Map<string, Uint8Array>();
          let edge = EntryEdge.empty();
          for (const { count, restart } of steps) {
            const before = edge.size;
            for (let i = 0; i < count; i++) edge.append(entry(edge.size));
            for (const { tile, bytes } of edge.bundlesSince(before)) stored.set(tilePath(tile), bytes);
            edge.flushed(edge.size);
            if (restart) edge = await EntryEdge.resume(edge.size, from(stored));
            expect(edge.size).toBe(before + count);
            expect(edge.entries.length).toBeLessThan(256);
            for (let index = 0; index * 256 < edge.size; index++) {
              const width = Math.min(256, edge.size - index * 256);
              const bytes = stored.get(tilePath({ level: 'entries', index, width }));
              const expected = Array.from({ length: width }, (_, i) => entry(index * 256 + i));
              expect(parseEntryBundle(bytes ?? new Uint8Array(0), width)).toEqual(expected);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('are given since any size that is kept, and no other', () => {
    const edge = EntryEdge.empty();
    while (edge.size < 600) edge.append(entry(edge.size));
    const paths = (size: number) => edge.bundlesSince(size).map(({ tile }) => tilePath(tile));
    expect(paths(0)).toEqual(['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/88']);
    expect(paths(512)).toEqual(['tile/entries/002.p/88']);
    expect(paths(600)).toEqual([]);
    edge.flushed(300);
    edge.flushed(5);
    expect(paths(300)).toEqual(['tile/entries/001', 'tile/entries/002.p/88']);
    for (const size of [0, 299, 601, 0.5]) expect(codeOf(() => edge.bundlesSince(size))).toBe('MERKLE_BAD_INPUT');
    expect(codeOf(() => edge.flushed(601))).toBe('MERKLE_BAD_INPUT');
    expect(codeOf(() => edge.append(new Uint8Array(65_536)))).toBe('TILE_MALFORMED');
    expect(edge.size).toBe(600);
  });

  it('are not resumed from a bundle of another width', async () => {
    const bundle = formatEntryBundle([entry(0), entry(1)]);
    for (const size of [1, 3, 257])
      expect(await codeOfAsync(EntryEdge.resume(size, () => Promise.resolve(bundle)))).toBe('TILE_MALFORMED');
    expect(await codeOfAsync(EntryEdge.resume(-1, () => Promise.resolve(bundle)))).toBe('MERKLE_BAD_INPUT');
    expect((await EntryEdge.resume(2, () => Promise.resolve(bundle))).size).toBe(2);
  });
});
