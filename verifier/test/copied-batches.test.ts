// A batch that was put in, with exact copies of what lies before it behind it, and an index of offsets that leads to the copies.
import { batchHeaderLength } from '@tallystick/core/batch';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import { afterAll, describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { BundleFolder } from './bundle/bundles.ts';
import { indexed, serving, underSameHeader } from './support/indexed-log.ts';
import { lengthOf, type Lookup } from './support/scanning-log.ts';
import { summary, text, topics, World } from './support/world.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

/** As large as an answer, at most. */
const answer = 1024 * 1024;

async function emit(world: World, count: number, size: number, name: string): Promise<void> {
  const records = Array.from({ length: count }, (_, n) => ({
    key: text('k'),
    value: Buffer.concat([text(`${name} ${n} `), Buffer.alloc(size, '.')]),
  }));
  await world.append(topics.events, 0, records);
}

const stored = (world: World): Buffer[] => world.cluster.batches(topics.events, 0).map((batch) => Buffer.from(batch));

/** Batches of one event each, one of which is cut off at the end of the first answer: B is the one before. */
async function cutOff() {
  const world = await World.make();
  for (let i = 0; i < 10; i++) await emit(world, 1, 100_000, `good ${i}`);
  for (const size of [1_000, 1_000, 60_000, 1_000]) await emit(world, 1, size, 'good');
  await world.seal(0);
  const all = stored(world);
  return { world, all, upToB: all.slice(0, 12), B: all[11]!, C: all[12]!, on: all.slice(12) };
}

function forged(batch: Buffer): Buffer {
  const copy = Buffer.from(batch);
  copy.write('EVIL', copy.indexOf('good'), 'latin1');
  sealCrc(copy);
  return copy;
}

describe.each(indexed)('Kafka %s', (_kafka, find) => {
  test('what was seen of it where an answer ended is not forgotten: inconclusive', async () => {
    const { world, upToB, B, C, on } = await cutOff();
    const log = serving(world, Buffer.concat([...upToB, forged(C), B, ...on]), { find });
    const verdict = await world.verify({ log });
    expect({ exit: verdict.exitCode, found: summary(verdict) }).toEqual({ exit: 3, found: ['unreadable 0 -'] });
    expect(verdict.findings.find(({ code }) => code === 'unreadable')?.found).toBe('LOG_DIVERGED');
  });

  test('under the very header of the batch that it stands for', async () => {
    const { world, upToB, C, on } = await cutOff();
    const copy = underSameHeader(C, C.indexOf('good'), C.length - 20);
    expect(copy.subarray(0, batchHeaderLength).equals(C.subarray(0, batchHeaderLength))).toBe(true);
    const verdict = await world.verify({ log: serving(world, Buffer.concat([...upToB, copy, ...on]), { find }) });
    expect(verdict.exitCode).toBe(1);
    expect(summary(verdict)).toContain('altered 0 offsets 12-12');
  });

  test('with a CRC that is wrong, read whole: a copy further on is no second look', async () => {
    const { world, upToB, B, C, on } = await cutOff();
    const copy = Buffer.from(C);
    copy.write('EVIL', copy.indexOf('good'), 'latin1');
    const small = [...upToB.slice(10), copy, B, ...on];
    // The first ten are left out of what is stored: all of it fits into an answer.
    world.cluster.deleteRecords(topics.events, 0, 10);
    const whole = await world.verify({ log: serving(world, Buffer.concat([...upToB.slice(10), ...on]), { find }) });
    const verdict = await world.verify({ log: serving(world, Buffer.concat(small), { find }) });
    expect(summary(verdict).filter((line) => !summary(whole).includes(line))).not.toEqual([]);
  });

  test('an index that leads behind everything: no answer is none that is fine', async () => {
    const { world, upToB, C, on } = await cutOff();
    const copy = underSameHeader(C, C.indexOf('good'), C.length - 20);
    copy.writeInt32BE(5, 12);
    const before = Buffer.concat([...upToB, copy]);
    const astray: Lookup = (bytes, offset) =>
      offset === 11 ? bytes.length : offset === 12 ? before.length : find(bytes, offset);
    const log = serving(world, Buffer.concat([before, ...on]), { find: astray });
    const verdict = await world.verify({ log });
    expect({ exit: verdict.exitCode, found: summary(verdict) }).toEqual({ exit: 3, found: ['unreadable 0 -'] });
  });

  test('a bundle of it is not made', async () => {
    const { world, upToB, B, C, on } = await cutOff();
    const log = serving(world, Buffer.concat([...upToB, forged(C), B, ...on]), { find });
    await expect(folder.export({ log } as World)).rejects.toMatchObject({ code: 'LOG_DIVERGED' });
  });

  test('where an answer would end with the batch before it: where answers end is left to chance', async () => {
    const world = await World.make();
    for (let i = 0; i < 10; i++) await emit(world, 1, 100_000, `good ${i}`);
    const left = answer - stored(world).reduce((sum, { length }) => sum + length, 0);
    await emit(world, 1, left - 1_000, 'good');
    const short = left - stored(world).at(-1)!.length;
    const probe = await World.make();
    await emit(probe, 1, 500, 'good');
    await emit(world, 1, 500 - (stored(probe)[0]!.length - short), 'good');
    for (const size of [60_000, 1_000]) await emit(world, 1, size, 'good');
    await world.seal(0);
    const all = stored(world);
    const [upToB, on] = [all.slice(0, 12), all.slice(12)];
    expect(Buffer.concat(upToB)).toHaveLength(answer);
    const bytes = Buffer.concat([...upToB, forged(on[0]!), all[11]!, ...on]);
    // Whoever knows where the answer ends is not seen.
    expect((await world.verify({ log: serving(world, bytes, { find }) })).exitCode).toBe(0);
    for (const drawn of [0.001, 0.1, 0.35, 0.5, 0.8, 0.999]) {
      const verdict = await world.verify({ log: serving(world, bytes, { find, random: () => drawn }) });
      expect([1, 3]).toContain(verdict.exitCode);
    }
  });

  test('nothing put in: nothing is found wherever answers end', async () => {
    const { world, all } = await cutOff();
    for (let drawn = 0; drawn < 1; drawn += 0.07) {
      const log = serving(world, Buffer.concat(all), { find, random: () => drawn });
      const verdict = await world.verify({ log });
      expect({ drawn, exit: verdict.exitCode, found: summary(verdict) }).toEqual({ drawn, exit: 0, found: [] });
    }
  });

  /** Seals end with the batches B and C; behind them copies of the last `count` of what lies before are put. */
  const copies = [
    ['of the last batch of a seal', 2, 1],
    ['of the last two batches, at the border between them', 2, 2],
  ] as const;
  test.each(copies)('behind where a run was killed, with copies %s', async (_, at, count) => {
    const world = await World.make();
    for (const [events, size] of [
      [3, 900],
      [3, 100],
      [1, 8_000],
      [2, 100],
    ] as const) {
      await emit(world, events, size, 'good');
      await world.seal(0);
    }
    const all = stored(world);
    const row = all.slice(at - 1, at - 1 + count);
    const next = all.slice(at - 1 + count);
    const bytes = Buffer.concat([...all.slice(0, at - 1), ...row, forged(next[0]!), ...row, ...next]);
    const anchor = memoryAnchorStore();
    const kill = new AbortController();
    const killed = Object.assign(Object.create(world.log) as RecordLog, {
      fetch: async (request: FetchRequest) => {
        if (request.topic === topics.events && request.offset >= 6) kill.abort();
        return await world.log.fetch(request.topic === topics.events ? { ...request, maxBytes: 1 } : request);
      },
    });
    const often = { anchor, progressEveryEvents: 1, progressEveryMs: 0 };
    await expect(world.verify({ ...often, log: killed, signal: kill.signal })).rejects.toMatchObject({
      code: 'VERIFY_ABORTED',
    });
    expect(anchor.progress.parts.length).toBeGreaterThan(1);
    const log = serving(world, bytes, { find });
    const whole = await world.verify({ log });
    expect(whole.exitCode).toBe(1);
    expect(summary(await world.verify({ ...often, log }))).toEqual(summary(whole));
    // Neither is it passed over by a run that only keeps its progress.
    const alone = await world.verify({ ...often, anchor: memoryAnchorStore(), log });
    expect(summary(alone)).toEqual(summary(whole));
  });
});

test('batches lie where they are looked for', async () => {
  const { all } = await cutOff();
  const bytes = Buffer.concat(all);
  for (const [, find] of indexed)
    for (let offset = 0, at = 0; offset < all.length; at += lengthOf(bytes, at), offset++)
      expect(find(bytes, offset)).toBe(at);
});
