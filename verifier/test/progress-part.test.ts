// A part of a run's progress comes back as it was, with ids that lay in a file.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { parseBatch } from '@tallystick/core/batch';
import { afterAll, expect, test } from 'vitest';
import { compareIds } from '../src/content/compare-ids.ts';
import { mergeContent, openContentCheck } from '../src/content/content-check.ts';
import type { ContentPart } from '../src/content/content-types.ts';
import { decodePart, encodePart, hasHead, headOfPart } from '../src/progress/progress-part.ts';
import type { CheckedPart } from '../src/progress/progress-part.ts';
import { life, origin, Records, topic } from './content/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-part-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** So many events of one life, of which the last is the first once more. */
async function contentOf(count: number): Promise<{ part: ContentPart; records: Records }> {
  const events = life(Array.from({ length: count }, (_, n) => n));
  const records = new Records();
  for (let at = 0; at < events.length; at += 500) records.add(events.slice(at, at + 500));
  records.add(events.slice(0, 1));
  const options = { topic, partition: 0, origin, schemas: null, producerKeys: [], maxClockSkewMs: null };
  const check = openContentCheck({ ...options, tempDir: folder });
  for (const { bytes, header } of records.batches)
    await check.batch(parseBatch(bytes, header, nodeCodecs), header.baseOffset, header.lastOffset);
  return { part: await check.finish(), records };
}

function around(content: ContentPart | null): CheckedPart {
  return {
    topic,
    partition: 3,
    from: 7,
    end: 12,
    statement: 'hash',
    last: 'mark',
    behind: ['next', 'and on'],
    keys: 'keys',
    logStart: 2,
    checkedEvents: 5,
    matchedSeals: 1,
    findings: [{ code: 'create-time', message: 'words', detail: { count: 2 } }],
    open: [{ first: 7, met: true }],
    content,
  };
}

test.each([
  ['few, in memory', 30, false],
  ['many, in a file', 6_000, true],
])('ids: %s', async (_, count, inFile) => {
  const { part, records } = await contentOf(count);
  expect(part.ids.file !== null).toBe(inFile);
  const bytes = encodePart(around(part));
  if (part.ids.file !== null) rmSync(part.ids.file);
  const { content, ...of } = decodePart(bytes, folder);
  expect({ ...of, content: null }).toEqual(around(null));
  const head = headOfPart(bytes);
  expect(of).toMatchObject(head);
  expect(hasHead(of, head)).toBe(true);
  for (const change of [
    { partition: 4 },
    { from: 8 },
    { end: 13 },
    { statement: '' },
    { last: '' },
    { behind: ['next'] },
    { keys: '' },
    { logStart: 3 },
  ])
    expect(hasHead({ ...of, ...change }, head)).toBe(false);
  expect({ ...content, ids: null }).toEqual({ ...structuredClone(part), ids: null });
  expect(content?.ids.file !== null).toBe(inFile);
  const again = await compareIds(
    content === null ? [] : [{ parts: [content], repeats: mergeContent([content], null).repeats }],
    {
      read: async function* read(_partition, from, to) {
        await Promise.resolve();
        yield records.batches.filter(({ header }) => header.lastOffset >= from && header.baseOffset < to);
      },
      schemas: null,
      codecs: nodeCodecs,
      signal: undefined,
    },
  );
  expect(again).toMatchObject({ compared: count + 1, duplicates: 1, conflicts: 0 });
  expect(readdirSync(folder)).toEqual([]);
});

test.each([30, 6_000])(
  'nothing of a part of %i events is a view of its bytes, which would stay in memory',
  async (count) => {
    const { part } = await contentOf(count);
    const written = encodePart(around(part));
    // At every place in memory: arrays that lie at multiples of eight are made as views.
    for (let shift = 0; shift < 8; shift++) {
      const room = new Uint8Array(shift + written.length);
      room.set(written, shift);
      const { content } = decodePart(room.subarray(shift), folder);
      const arrays = viewsIn(content);
      expect(arrays.length).toBeGreaterThanOrEqual(64);
      for (const { buffer, byteLength } of arrays) {
        expect(buffer).not.toBe(room.buffer);
        expect(buffer.byteLength).toBe(byteLength);
      }
      rmSync(content?.ids.file ?? '', { force: true });
    }
    rmSync(part.ids.file ?? '', { force: true });
  },
);

function viewsIn(value: unknown): ArrayBufferView[] {
  if (ArrayBuffer.isView(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(viewsIn) : [];
}

test('without events, and what is no part at all', () => {
  expect(decodePart(encodePart(around(null)), folder)).toEqual(around(null));
  for (const bytes of [new Uint8Array(), Buffer.from('{}'), Buffer.from('no part'), new Uint8Array(100)])
    expect(() => headOfPart(bytes)).toThrow();
});

test('ids that are gone cannot be kept, and a folder that is gone takes none back', async () => {
  const { part } = await contentOf(6_000);
  const bytes = encodePart(around(part));
  expect(() => decodePart(bytes, join(folder, 'nowhere'))).toThrow('ENOENT');
  rmSync(part.ids.file ?? '');
  expect(() => encodePart(around(part))).toThrow('ENOENT');
  expect(existsSync(part.ids.file ?? '')).toBe(false);
});
