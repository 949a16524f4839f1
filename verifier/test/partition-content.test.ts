// What a partition's content holds in memory, and how many files its ids need open, does not grow with the number of its parts.
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { joinIds } from '../src/content/id-join.ts';
import { IdSpill } from '../src/content/id-spill.ts';
import { Lives } from '../src/content/lives.ts';
import { emptyTally } from '../src/content/tally.ts';
import type { ContentPart } from '../src/content/content-types.ts';
import { planOf } from '../src/domain/plan.ts';
import type { Plan } from '../src/domain/plan.ts';
import { ContentParts } from '../src/records/partition-content.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-content-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const producers = 300;
const options = {
  ...{ topic: 't', partition: 0, origin: 'o', schemas: null, producerKeys: [], maxClockSkewMs: null },
  tempDir: folder,
};

function plan(): Plan {
  const common = { origin: 'o', topic: 't', partition: 0, generation: 0, previous: 'p' };
  const genesis = { ...common, kind: 'genesis', topicId: 'A', reason: 'new', firstOffset: 0, time: 1 } as const;
  const made = planOf([{ hash: 'g', statement: genesis }]);
  if (made === null) throw new Error('no plan');
  return made;
}

/** One event of each of so many producers: the next of its life, or the first of another one's. */
function partOf(number: number, name: (producer: number) => string): ContentPart {
  const lives = new Lives();
  const first = number * producers;
  for (let producer = 0; producer < producers; producer++) {
    const [sequence, offset] = [number, first + producer];
    lives.observe(lives.of(name(producer), 1, sequence, offset), sequence, offset);
  }
  const { begun, forgotten, overflow } = lives;
  const ids = new IdSpill(folder);
  for (let i = 0; i < 10; i++) ids.add(new Uint32Array([number, i, 0, 0]), first + i);
  return {
    ...{ topic: 't', partition: 0, offsets: { first, last: first + producers - 1 }, tally: emptyTally() },
    ...{ lives: lives.list(), begun, forgotten, overflow, skipped: [], ids: ids.finish(), maxClockSkewMs: null },
  };
}

/** How many objects hang on this one, typed arrays as one each. */
function objectsIn(root: unknown): number {
  const seen = new Set<unknown>();
  const open = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) continue;
    const inner = value instanceof Map ? [...value.values()] : value instanceof Set ? [...value] : Object.values(value);
    open.push(...inner.map((each: unknown) => each ?? null));
  }
  return seen.size;
}

test('a partition of many parts holds each producer once', async () => {
  const held: number[] = [];
  for (const count of [10, 110]) {
    const parts = new ContentParts(plan(), options, undefined);
    for (let number = 0; number < count; number++) {
      const part = partOf(number, (producer) => `producer ${producer}`);
      await parts.add({ from: number * producers, end: (number + 1) * producers }, { sealed: part, tail: null });
    }
    held.push(objectsIn(parts));
    const { merged } = await parts.finish();
    expect(merged).toMatchObject({ findings: [], counts: { instances: producers, epochs: producers, missing: 0 } });
  }
  const [few = 0, many = 0] = held;
  // The ids of each part: their place, and where each of 64 groups lies.
  expect((many - few) / 100).toBeLessThan(100);
});

test('the ids of many parts are compared with few files open', async () => {
  const lists = Array.from({ length: 120 }, (_, number) => {
    const spill = new IdSpill(folder);
    // Too many for memory; one of them is in every list.
    for (let i = 0; i < 4_100; i++) spill.add(new Uint32Array([i === 0 ? 0 : number + 1, i, 7, i]), i);
    return spill.finish();
  });
  expect(lists.every(({ file }) => file !== null)).toBe(true);
  let pairs = 0;
  let most = 0;
  await joinIds(lists, () => {
    pairs += 1;
    most = Math.max(most, openFiles());
  });
  expect(pairs).toBe(119);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(2);
  expect(openFiles()).toBe(0);
});

/** Of the folder, by this process. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}
