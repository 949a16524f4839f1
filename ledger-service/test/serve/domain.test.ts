import { inclusionPath, root } from '@tallystick/core/merkle';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import type { PartitionStatement } from '@tallystick/core/statement-types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchCache, type JudgedBatch } from '../../src/serve/domain/batch-cache.ts';
import { BatchTree } from '../../src/serve/domain/batch-tree.ts';
import { findLeaves, leavesNameOf, type LeavesName } from '../../src/serve/domain/find-leaves.ts';
import { findCovering, type Placed } from '../../src/serve/domain/find-statement.ts';
import { Gate } from '../../src/serve/domain/gate.ts';
import { Lru } from '../../src/serve/domain/lru.ts';
import { generationOf } from '../../src/serve/domain/log-index.ts';

const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 });

it("a batch's tree has RFC 6962's root and paths", () => {
  fc.assert(
    fc.property(fc.array(leaf, { minLength: 1, maxLength: 70 }), (leaves) => {
      const tree = new BatchTree(new Uint8Array(Buffer.concat(leaves)), nodeSha256);
      expect(tree.root).toEqual(root(leaves));
      for (const [i, one] of leaves.entries()) {
        expect(tree.leaf(i)).toEqual(one);
        expect(tree.path(i)).toEqual(inclusionPath(leaves, i));
      }
      expect(() => tree.leaf(leaves.length)).toThrow(RangeError);
    }),
  );
});

describe('the search for a statement', () => {
  // A log of several partitions: each takes turns with runs of seals, gaps, prunes and generations of its own.
  const step = fc.record({
    partition: fc.nat(2),
    kind: fc.constantFrom('seal', 'seal', 'seal', 'seal', 'gap', 'prune', 'genesis'),
    count: fc.integer({ min: 1, max: 5 }),
    jump: fc.integer({ min: -6, max: 6 }),
  });

  it('finds what reading the whole log finds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 7 }), async (steps, width) => {
        const log = makeLog(steps);
        const bundles = Math.ceil(log.length / width);
        for (let partition = 0; partition < 3; partition++) {
          const own = log.filter(({ statement }) => statement.partition === partition);
          const read = (bundle: number) =>
            Promise.resolve(
              log.slice(bundle * width, (bundle + 1) * width).filter((one) => one.statement.partition === partition),
            );
          for (let generation = 0; generation < 4; generation++) {
            for (let offset = 0; offset < 40; offset += 3) {
              const expected = own.find(({ statement: one }) => {
                if (one.generation !== generation || (one.kind !== 'seal' && one.kind !== 'gap')) return false;
                return one.offsets.first <= offset && offset <= one.offsets.last;
              });
              const found = await findCovering({ generation, offset }, 0, bundles, read);
              expect(found?.index).toBe(expected?.index);
            }
          }
        }
      }),
    );
  });

  it('looks at no more bundles than a bisection does', async () => {
    const log = makeLog(
      Array.from({ length: 4096 }, () => ({ partition: 0, kind: 'seal' as const, count: 1, jump: 0 })),
    );
    let looked = 0;
    const read = (bundle: number) => {
      looked += 1;
      return Promise.resolve(log.slice(bundle * 4, (bundle + 1) * 4));
    };
    expect((await findCovering({ generation: 0, offset: 777 }, 0, 1025, read))?.statement.kind).toBe('seal');
    expect(looked).toBeLessThanOrEqual(12);
  });
});

interface Step {
  readonly partition: number;
  readonly kind: string;
  readonly count: number;
  readonly jump: number;
}

function makeLog(steps: readonly Step[]): Placed[] {
  const log: Placed[] = [];
  const state = new Map<number, { generation: number; next: number }>();
  const add = (statement: object) =>
    log.push({ index: log.length, note: new Uint8Array(), statement: statement as PartitionStatement });
  for (const { partition, kind, count, jump } of steps) {
    const at = state.get(partition) ?? { generation: -1, next: 0 };
    state.set(partition, at);
    if (at.generation < 0 || kind === 'genesis') {
      at.generation += 1;
      at.next = Math.max(0, at.next + jump);
      add({ kind: 'genesis', partition, generation: at.generation, firstOffset: at.next });
      continue;
    }
    // A prune may be written for any generation, at any time.
    if (kind === 'prune') add({ kind, partition, generation: Math.max(0, at.generation - 1) });
    if (kind !== 'seal' && kind !== 'gap') continue;
    const offsets = { first: at.next, last: at.next + count - 1 };
    add({ kind, partition, generation: at.generation, offsets });
    at.next += count;
  }
  return log;
}

it('the generation of an offset is the newest that begins at or below it', () => {
  const generations = [10, 30, 5, 40].map((firstOffset, generation) => ({ generation, firstOffset, topicId: '' }));
  const of = (offset: number) => generationOf({ generations }, offset)?.generation ?? null;
  expect([4, 5, 10, 29, 30, 39, 40, 99].map(of)).toEqual([null, 2, 2, 2, 2, 2, 3, 3]);
});

describe('the search for leaves', () => {
  const name = fc.record({ generation: fc.nat(2), seal: fc.nat(20) });

  it('finds every one that is in its order, rubbish and doubles between them', async () => {
    const rubbish = fc.constant(null);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(name, name, rubbish), { maxLength: 60 }),
        fc.nat(5),
        async (given, logStart) => {
          const sorted = given.filter((one) => one !== null).sort(compare);
          const records: (LeavesName | null)[] = given.map((one) => (one === null ? null : (sorted.shift() ?? null)));
          const bounds = { logStart, highWatermark: logStart + records.length };
          const read = (offset: number) => {
            const one = records[offset - logStart] ?? null;
            const named = one === null ? [] : [{ name: one, leaves: offset }];
            return Promise.resolve({ firstOffset: offset, lastOffset: offset, records: named });
          };
          for (const wanted of records) {
            if (wanted === null) continue;
            const found = await findLeaves(wanted, bounds, read, () => true);
            expect(found).not.toBeNull();
            expect(records[(found ?? 0) - logStart]).toEqual(wanted);
          }
          expect(await findLeaves({ generation: 9, seal: 0 }, bounds, read, () => true)).toBeNull();
        },
      ),
    );
  });

  it('takes of several with one name the one whose root fits', async () => {
    const read = (offset: number) => {
      const records = [{ name: { generation: 0, seal: Math.floor(offset / 4) }, leaves: offset }];
      return Promise.resolve({ firstOffset: offset, lastOffset: offset, records });
    };
    const bounds = { logStart: 0, highWatermark: 400 };
    for (const right of [200, 201, 202, 203]) {
      expect(await findLeaves({ generation: 0, seal: 50 }, bounds, read, (leaves) => leaves === right)).toBe(right);
    }
    expect(await findLeaves({ generation: 0, seal: 50 }, bounds, read, () => false)).toBeNull();
  });

  it.each([
    ['events/0/7', { generation: 0, seal: 7 }],
    ['other/0/7', null],
    ['events/0/07', null],
    ['events/-1/7', null],
    ['events/0', null],
    ['events/0/7/8', null],
    ['', null],
    ['\u00ff\u0000', null],
  ])('reads the key %j', (key, expected) => {
    expect(leavesNameOf(Buffer.from(key, 'latin1'), 'events')).toEqual(expected);
  });
});

function compare(a: LeavesName, b: LeavesName): number {
  return a.generation - b.generation || a.seal - b.seal;
}

describe('caches', () => {
  it('keep what was used last, and never more than they may', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    fc.assert(
      fc.property(fc.array(fc.record({ key, weight: fc.nat(8), read: key })), (steps) => {
        const dropped: string[] = [];
        const lru = new Lru<number>(10, (one) => void dropped.push(one));
        for (const [i, { key: one, weight, read }] of steps.entries()) {
          lru.get(read);
          lru.set(one, i, weight);
          expect(lru.weight).toBeLessThanOrEqual(10);
          expect(lru.get(one)).toBe(i);
        }
        lru.set('large', 0, 11);
        expect(lru.get('large')).toBeUndefined();
      }),
    );
    const lru = new Lru<number>(2);
    lru.set('a', 1, 1);
    lru.set('b', 2, 1);
    lru.get('a');
    lru.set('c', 3, 1);
    expect(['a', 'b', 'c'].map((one) => lru.get(one))).toEqual([1, undefined, 3]);
  });

  it('find a batch by any of its offsets, while it is kept', () => {
    const batch = (baseOffset: number, lastOffset: number) =>
      ({ parsed: false, header: { baseOffset, lastOffset } }) as unknown as JudgedBatch;
    const cache = new BatchCache(30);
    for (const [first, last] of [
      [20, 29],
      [0, 9],
      [40, 49],
    ] as const)
      cache.add('t/0', batch(first, last), 10);
    cache.add('t/1', batch(5, 5), 0);
    const at = (offset: number) => cache.get('t/0', offset)?.header.baseOffset ?? null;
    expect([0, 9, 10, 19, 20, 29, 30, 40, 49, 50].map(at)).toEqual([0, 0, null, null, 20, 20, null, 40, 40, null]);
    expect([cache.get('t/1', 4), cache.get('t/2', 0)]).toEqual([null, null]);
    at(20);
    cache.add('t/0', batch(60, 69), 10);
    expect([at(0), at(20), at(60), cache.bytes <= 30]).toEqual([null, 20, 60, true]);
    cache.add('t/0', batch(80, 89), 31);
    expect([at(80), at(60)]).toEqual([null, 60]);
  });
});

it('a gate lets so many run and so many wait', async () => {
  const gate = new Gate(2, 3);
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const task = async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
  };
  const asked = Array.from({ length: 7 }, () => gate.run(task));
  expect(asked.map((one) => one !== null)).toEqual([true, true, true, true, true, false, false]);
  for (let done = 0; done < 5; done++) {
    await new Promise((resolve) => setImmediate(resolve));
    ends.shift()?.();
  }
  for (const one of asked) await one;
  expect(most).toBe(2);
  await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await gate.run(() => Promise.resolve('again'))).toBe('again');
});
