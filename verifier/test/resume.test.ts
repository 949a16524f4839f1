// A run that is killed leaves what it had checked to the next one: nothing of that is read again, nothing that it found is lost, and nothing is
// taken over that does not fit.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVerifierKey } from '@tallystick/core/note';
import { batchField, sealCrc } from '@tallystick/kafka/batch-encoder';
import { KafkaError } from '@tallystick/kafka/errors';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import { encodeEvent, eventHeaders } from '@tallystick/schemas/avro';
import { SchemasError } from '@tallystick/schemas/errors';
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import type { ContentPart } from '../src/content/content-types.ts';
import { renderText } from '../src/report/render.ts';
import { judgingVersion } from '../src/progress/progress-binding.ts';
import { RunProgress } from '../src/progress/run-progress.ts';
import type { Verdict } from '../src/verdict.ts';
import type { VerifyOptions } from '../src/verify.ts';
import { event } from './content/support.ts';
import { LogWorld } from './support/log-world.ts';
import { pruneText } from './support/tiny-sealer.ts';
import { byBase, lookups } from './support/scanning-log.ts';
import type { Lookup } from './support/scanning-log.ts';
import { origin, rootKey, sealKey, summary, topics, World } from './support/world.ts';

const day = 86_400_000;

/** Every seal is a part of its own, kept at once. */
const often = { progressEveryEvents: 1, progressEveryMs: 0 };

/** Offsets of the events topic that were fetched, as `partition:offset`, and an end at one of them: as if the process were killed there. */
function killedAt(log: RecordLog, at: string | null): { log: RecordLog; signal: AbortSignal; fetched: string[] } {
  const kill = new AbortController();
  const fetched: string[] = [];
  const watched = Object.assign(Object.create(log) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      if (request.topic !== topics.events) return await log.fetch(request);
      const place = `${request.partition}:${request.offset}`;
      fetched.push(place);
      if (place === at) kill.abort();
      // One batch a fetch, so that every one of them is seen.
      return await log.fetch({ ...request, maxBytes: 1 });
    },
  });
  return { log: watched, signal: kill.signal, fetched };
}

/** Two partitions with three seals each: offsets 0-3, 4-6 and 7. */
async function killed(world: World, at: string, options: Partial<VerifyOptions> = {}) {
  const anchor = memoryAnchorStore();
  const { log, signal } = killedAt(world.log, at);
  await expect(world.verify({ anchor, log, signal, ...often, ...options })).rejects.toMatchObject({
    code: 'VERIFY_ABORTED',
  });
  const again = async (more: Partial<VerifyOptions> = {}): Promise<Verdict & { fetched: string[] }> => {
    const { log: watched, fetched } = killedAt(world.log, null);
    const verdict = await world.verify({ anchor, log: watched, ...often, ...options, ...more });
    return { ...verdict, fetched };
  };
  return { anchor, again };
}

/** Partition 0 of the events as these bytes. */
function storedAs(world: World, stored: Buffer, find: Lookup): RecordLog {
  return Object.assign(Object.create(world.log) as RecordLog, {
    fetch: async (request: FetchRequest) => {
      const answer = await world.log.fetch(request);
      if (request.topic !== topics.events || request.partition !== 0) return answer;
      const at = find(stored, request.offset);
      return { ...answer, records: new Uint8Array(stored.subarray(at, Math.max(at + request.maxBytes, at + 200))) };
    },
  });
}

/** Other records for the last two of a batch of three: a batch that ends where it ends, and begins within it. */
function within(batch: Buffer): Buffer {
  const copy = Buffer.from(batch);
  copy.writeUInt8(copy.readUInt8(copy.length - 8) ^ 1, copy.length - 8);
  copy.writeBigInt64BE(copy.readBigInt64BE(0) + 1n, 0);
  copy.writeInt32BE(1, batchField.lastOffsetDelta);
  copy.writeInt32BE(2, batchField.count);
  sealCrc(copy);
  return copy;
}

/** What two verdicts of the same log have in common, however they came about. */
const same = (verdict: Verdict) => ({ ...verdict, startedAt: null, durationMs: null, rates: null, resumed: null });

describe('a run goes on where the one before was killed', () => {
  test.each(['0:4', '0:7', '0:8', '1:0', '1:4', '1:8'])('at %s', async (at) => {
    const world = await World.small({ partitions: 2 });
    const { anchor, again } = await killed(world, at);
    const kept = anchor.progress.parts.length;
    const verdict = await again({ now: () => Date.now() });
    const whole = await world.verify({ anchor: memoryAnchorStore() });
    const { fetched, ...told } = verdict;
    expect(same(told)).toEqual(same(whole));
    expect(verdict).toMatchObject({ exitCode: 0, mode: 'full', checked: { events: 16 } });
    // The first part tells of the run. What one thread has read ahead may not have been kept yet.
    const [partition = 0, offset = 0] = at.split(':').map(Number);
    const seals = partition * 3 + [4, 7, 8].filter((end) => end <= offset).length;
    expect(kept).toBeGreaterThanOrEqual(Math.max(0, seals - 1));
    if (kept > 0) {
      const events = verdict.resumed?.events ?? 0;
      expect(events).toBe([0, 4, 7, 8, 12, 15, 16][kept - 1]);
      // The batch before the first new one is read for the border; nothing else of what was checked is.
      const ends = [events, events - 8].map((end) => Math.min(8, Math.max(0, end)));
      const before = fetched.map((place) => place.split(':').map(Number));
      const batchBefore = (end: number): number => [2, 4, 7].filter((base) => base < end).at(-1) ?? 0;
      for (const [of = 0, at = 0] of before) expect(at).toBeGreaterThanOrEqual(batchBefore(ends[of] ?? 0));
    }
    expect(anchor.progress.parts).toEqual([]);
  });

  test('the verdict says so, in words and as data', async () => {
    const world = await World.small({ partitions: 2 });
    const { again } = await killed(world, '1:4', { now: () => Date.parse('2026-03-01T03:00:00Z') });
    const verdict = await again({ now: () => Date.parse('2026-03-02T03:00:00Z') });
    expect(verdict.resumed).toEqual({
      begunAt: '2026-03-01T03:00:00.000Z',
      events: expect.any(Number),
      leftAside: null,
    });
    expect(renderText(verdict)).toMatch(
      /goes on +from the run begun at 2026-03-01T03:00:00.000Z, which did not end: \d+ events that it had checked were not read again/,
    );
    expect(JSON.parse(JSON.stringify(verdict))).toMatchObject({ resumed: verdict.resumed });
  });

  test('killed again and again it comes to its end, and each seal is read once or twice', async () => {
    const world = await World.make();
    for (let i = 0; i < 12; i++) {
      await world.emit(0, 2);
      await world.seal(0);
    }
    const anchor = memoryAnchorStore();
    const all: string[] = [];
    let kills = 0;
    for (;;) {
      // A border of a seal is asked for from the batch before, and what lies behind it is looked at before: answers of one batch each.
      let left = 9;
      const kill = new AbortController();
      const { log, fetched } = killedAt(world.log, null);
      const limited = Object.assign(Object.create(log) as RecordLog, {
        fetch: async (request: FetchRequest) => {
          if (request.topic === topics.events && left-- === 0) kill.abort();
          return await log.fetch(request);
        },
      });
      const verdict = await world.verify({ anchor, log: limited, signal: kill.signal, ...often }).catch(() => null);
      all.push(...fetched);
      if (verdict !== null) {
        expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 24, seals: 12 } });
        break;
      }
      kills += 1;
      expect(kills).toBeLessThan(24);
    }
    expect(kills).toBeGreaterThan(2);
    expect(all.length).toBeLessThan(12 * (kills + 1));
  });

  test('an incremental run too; the anchor then is as after a run that was not killed', async () => {
    const world = await LogWorld.published();
    const [anchor, other] = [memoryAnchorStore(), memoryAnchorStore()];
    for (const store of [anchor, other]) await world.check({ anchor: store });
    for (let i = 0; i < 6; i++) {
      await world.emit(0, 2);
      await world.seal(0);
    }
    world.publish();
    const { log, signal } = killedAt(world.log, '0:16');
    const options = { incremental: true, ...often };
    await expect(world.check({ anchor, log, signal, ...options })).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    expect(anchor.progress.parts.length).toBeGreaterThan(1);
    const verdict = await world.check({ anchor, ...options });
    expect(verdict).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { events: 13 } });
    expect(verdict.resumed?.events).toBeGreaterThan(0);
    await world.check({ anchor: other, incremental: true });
    const [one, two] = [await anchor.load(), await other.load()];
    expect({ ...one, savedAt: 0, log: null }).toEqual({ ...two, savedAt: 0, log: null });
  });

  test.each(['pruned', 'a gap'])('where the first offsets are gone: %s', async (what) => {
    const world = await World.make({ partitions: 2 });
    await world.emit(0, 4);
    if (what === 'a gap') await world.gap(0, 0, 3);
    else {
      await world.seal(0);
      const prune = pruneText(origin, topics.events, world.state(0), 3, 3);
      await world.statement(sealKey.sign(prune.text));
      world.states.set(0, prune.next);
    }
    world.cluster.deleteRecords(topics.events, 0, 4);
    for (const partition of [0, 1]) {
      for (let i = 0; i < 3; i++) {
        await world.emit(partition, 2);
        await world.seal(partition);
      }
    }
    const { anchor, again } = await killed(world, '1:4');
    const { length } = anchor.progress.parts;
    expect(length).toBeGreaterThan(4);
    const { fetched, ...verdict } = await again();
    expect(same(verdict)).toEqual(same(await world.verify({ anchor: memoryAnchorStore() })));
    expect(verdict.resumed?.events).toBe(2 * (length - 1));
    expect(fetched.filter((place) => place.startsWith('0:') && Number(place.slice(2)) < 8)).toEqual([]);
  });

  test('with what was sealed meanwhile, and with leaves that are missing', async () => {
    const world = await World.small({ partitions: 2, leaves: false });
    const { again } = await killed(world, '1:4');
    await world.seal(0);
    await world.emit(1, 1);
    await world.seal(1);
    const { fetched: _, ...verdict } = await again();
    expect(same(verdict)).toEqual(same(await world.verify({ anchor: memoryAnchorStore() })));
    expect(verdict.resumed?.events).toBeGreaterThanOrEqual(8);
    expect(summary(verdict)).toEqual(['leaves-missing 0 offsets 0-0', 'leaves-missing 1 offsets 0-0']);
  });
});

describe('what was found is not lost', () => {
  test.each([
    ['before the kill', 1, '0:7'],
    ['behind it', 5, '0:4'],
  ])('an altered event %s', async (_, offset, at) => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset });
    const { again } = await killed(world, at);
    const { fetched: __, ...verdict } = await again();
    expect(verdict.exitCode).toBe(1);
    expect(same(verdict)).toEqual(same(await world.verify({ anchor: memoryAnchorStore() })));
  });

  test('ids, sequences and clocks are held together over the kill as in one run', async () => {
    const world = await World.make();
    const put = async (sequence: number, id?: string): Promise<void> => {
      const of = event({ sequence, action: `do:${sequence}`, ...(id === undefined ? {} : { id }) });
      await world.append(topics.events, 0, [{ key: null, value: encodeEvent(of, 1), headers: eventHeaders }]);
      await world.seal(0);
    };
    const twice = '01938f2c-7a00-7000-8000-00000000aaaa';
    await put(0, twice);
    await put(1);
    await put(2);
    await put(4, twice);
    await put(5);
    const { anchor, again } = await killed(world, '0:2');
    expect(anchor.progress.parts.length).toBeGreaterThan(1);
    const { fetched: _, ...verdict } = await again();
    const whole = await world.verify({ anchor: memoryAnchorStore() });
    expect(whole.findings.map(({ code }) => code).sort()).toEqual(['id-conflict', 'sequence-hole']);
    expect(verdict.resumed?.events).toBeGreaterThan(0);
    expect(same(verdict)).toEqual(same(whole));
  });

  test('what is done to what was checked before the kill a full run from the beginning finds, as after an incremental one', async () => {
    const world = await World.small({ partitions: 2 });
    const { again } = await killed(world, '1:4');
    world.cluster.flipByte(topics.events, 0, { offset: 1 });
    expect(await again()).toMatchObject({ exitCode: 0, resumed: { events: expect.any(Number) } });
    const full = await world.verify({ anchor: memoryAnchorStore() });
    expect(summary(full)).toContain('bad-crc 0 offsets 0-0');
  });

  test('leaves that could not be read before the kill, and can be now, are no finding', async () => {
    const world = await World.small({ partitions: 2 });
    const error = new KafkaError('BROKER_ERROR', 'The broker of the leaves is away.');
    world.cluster.inject({ on: 'describe', topic: topics.leaves, error });
    const { anchor, again } = await killed(world, '1:8');
    const { fetched, ...verdict } = await again();
    expect(same(verdict)).toEqual(same(await world.verify({ anchor: memoryAnchorStore() })));
    expect(summary(verdict)).toEqual([]);
    // Partition 0 was read without its leaves, partition 1 with them.
    expect(verdict.resumed?.events).toBeGreaterThan(0);
    expect(fetched).toContain('0:0');
    expect(fetched).not.toContain('1:0');
    expect(anchor.progress.parts).toEqual([]);
  });

  test.each(lookups)(
    'a batch put in where the unsealed tail begins, behind all that was checked, Kafka %s',
    async (_, find) => {
      const world = await World.small({ partitions: 2 });
      const { again } = await killed(world, '1:4');
      const batches = world.cluster.batches(topics.events, 0).map((batch) => Buffer.from(batch));
      const copy = Buffer.from(batches[0]!);
      copy.writeUInt8(copy.readUInt8(copy.length - 8) ^ 1, copy.length - 8);
      // Behind offset 7, the last that is sealed.
      const stored = Buffer.concat([...batches.slice(0, 4), copy, ...batches.slice(4)]);
      const log = storedAs(world, stored, find);
      const whole = await world.verify({ anchor: memoryAnchorStore(), log });
      expect(summary(whole)).toEqual(['bad-crc 0 offsets 8-8']);
      const { fetched: __, ...verdict } = await again({ log });
      // The part that ended there does not count any more.
      expect(verdict.resumed?.events).toBe(7);
      expect(same(verdict)).toEqual(same(whole));
    },
  );

  // Kafka 4.1 and newer show the batch put in to who asks for the last offset that was checked.
  test.each(
    lookups.flatMap(([kafka, find]) =>
      [
        { at: '0:6', after: 0 },
        { at: '1:3', after: 2 },
        { at: '0:9', after: 1 },
      ].map((where) => ({ ...where, kafka, find })),
    ),
  )(
    'killed at $at, a batch put in behind batch $after that ends where it ends, and begins within it, Kafka $kafka',
    async ({ at, after, find }) => {
      const world = await World.make({ partitions: 2 });
      for (const partition of [0, 1]) {
        for (let i = 0; i < 3; i++) {
          await world.emit(partition, 3);
          await world.seal(partition);
        }
        await world.emit(partition, 2);
      }
      const { again } = await killed(world, at);
      const batches = world.cluster.batches(topics.events, 0).map((batch) => Buffer.from(batch));
      const copy = within(batches[after]!);
      const stored = Buffer.concat([...batches.slice(0, after + 1), copy, ...batches.slice(after + 1)]);
      const log = storedAs(world, stored, find);
      const whole = await world.verify({ anchor: memoryAnchorStore(), log });
      expect(whole.exitCode).toBe(1);
      const { fetched: _, ...verdict } = await again({ log });
      expect(same(verdict)).toEqual(same(whole));
    },
  );

  test('deleted records that were checked before the kill are found at once', async () => {
    const world = await World.small({ partitions: 2 });
    const { again } = await killed(world, '1:4');
    world.cluster.deleteRecords(topics.events, 0, 4);
    const { fetched: _, ...verdict } = await again();
    expect(verdict.exitCode).toBe(1);
    expect(same(verdict)).toEqual(same(await world.verify({ anchor: memoryAnchorStore() })));
  });

  test('and so is a topic that is another one, or shorter than what was checked', async () => {
    for (const change of ['recreate', 'truncate'] as const) {
      const world = await World.small({ partitions: 2 });
      const { again } = await killed(world, '1:4');
      if (change === 'recreate') world.cluster.recreateTopic(topics.events);
      else world.cluster.truncate(topics.events, 0, 3);
      const { fetched: _, ...verdict } = await again();
      expect(verdict.exitCode).toBe(1);
      expect(same(verdict)).toEqual(same(await world.verify({ anchor: memoryAnchorStore() })));
    }
  });
});

describe('progress that does not fit is left aside, and the run begins anew', () => {
  type Changed = { world: World; anchor: ReturnType<typeof memoryAnchorStore> };
  const at = Date.parse('2026-03-01T03:00:00Z');
  test.each<[string, string, (changed: Changed) => unknown, Partial<VerifyOptions>]>([
    ['a bit of a part is another one', 'PROGRESS_CORRUPT', ({ anchor: { progress } }) => flip(progress.parts[1]), {}],
    ['a bit of its code', 'PROGRESS_CORRUPT', ({ anchor: { progress } }) => flip(progress.parts[1], 30), {}],
    ['a part is left out', 'PROGRESS_CORRUPT', ({ anchor: { progress } }) => progress.parts.splice(1, 1), {}],
    [
      'parts change places',
      'PROGRESS_CORRUPT',
      ({ anchor: { progress } }) => progress.parts.push(...progress.parts.splice(0, 1)),
      {},
    ],
    [
      'it is of another store',
      'PROGRESS_CORRUPT',
      async ({ anchor: { progress }, world }) => {
        const theirs = await killed(world, '1:4', { now: () => at });
        progress.parts.splice(0, Infinity, ...theirs.anchor.progress.parts);
      },
      {},
    ],
    ['it is older than a week', 'PROGRESS_OLD', () => undefined, { now: () => at + 7 * day + 1 }],
    ['the clock went back', 'PROGRESS_OLD', () => undefined, { now: () => at - 61_000 }],
    ['clocks are compared now', 'PROGRESS_FOREIGN', () => undefined, { maxClockSkewMs: 5 }],
    ['the anchor is another one', 'PROGRESS_FOREIGN', ({ world, anchor }) => moved(world, anchor), {}],
  ])('%s', async (_, code, change, options) => {
    const world = await World.small({ partitions: 2 });
    const { anchor, again } = await killed(world, '1:4', { now: () => at });
    await change({ world, anchor });
    const { fetched, ...verdict } = await again({ now: () => at, ...options });
    expect(verdict.resumed).toMatchObject({ begunAt: null, events: 0, leftAside: { code } });
    expect(renderText(verdict)).toContain(`(${code})`);
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 } });
    expect(fetched).toContain('0:0');
    expect(anchor.progress.parts).toEqual([]);
  });

  function flip(part: Uint8Array | undefined, at = (part?.length ?? 1) - 1): void {
    if (part !== undefined) part[at] = (part[at] ?? 0) ^ 1;
  }

  /** By a run that had no progress of its own. */
  async function moved(world: World, { load, update, keepEvidence }: ReturnType<typeof memoryAnchorStore>) {
    await world.verify({ anchor: { load, update, keepEvidence } });
  }

  test('cut off behind a part it is what was kept until then', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor, again } = await killed(world, '1:4');
    anchor.progress.parts.splice(2);
    expect(await again()).toMatchObject({ exitCode: 0, resumed: { events: 4, leftAside: null } });
  });

  test('where other statements count now, only those partitions begin anew', async () => {
    const world = await World.small({ partitions: 2 });
    const { again } = await killed(world, '1:8');
    // As if another history were shown: the same records under other seals.
    world.cluster.truncate(topics.seals, 0, 6);
    world.cluster.truncate(topics.leaves, 1, 0);
    await resealed(world);
    const verdict = await again();
    expect(verdict).toMatchObject({ exitCode: 0, resumed: { events: 8 } });
    expect(verdict.fetched).toContain('1:0');
    expect(verdict.fetched).not.toContain('0:0');
  });

  /** Partition 1 once more, sealed at other borders. */
  async function resealed(world: World): Promise<void> {
    await world.genesis(1);
    await world.seal(1, { to: 5 });
    await world.seal(1, { to: 7 });
  }

  test('schemas come from another place now, or of none', async () => {
    const world = await World.small({ partitions: 2 });
    const from = (place: string) => ({
      schemas: { place, schemaById: async () => await Promise.reject(new SchemasError('SCHEMA_UNKNOWN', 'none')) },
    });
    for (const [now, code] of [
      [from('https://one.example'), null],
      [from('https://another.example'), 'PROGRESS_FOREIGN'],
      [{}, 'PROGRESS_FOREIGN'],
    ] as const) {
      const { anchor } = await killed(world, '1:4', from('https://one.example'));
      const verdict = await world.verify({ anchor, ...often, ...now });
      expect(verdict.resumed?.leftAside?.code ?? null).toBe(code);
      expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 } });
    }
  });

  test.each<[string, Record<string, unknown>]>([
    ['another release', { release: '0.0.9' }],
    ['the same release, from before a check was mended', { judging: 0 }],
    ['one that said in no part which batch it ended with', { version: 1 }],
  ])('%s kept it', async (_, by) => {
    const world = await World.small({ partitions: 2 });
    const { anchor, again } = await killed(world, '1:4');
    const { progress } = anchor;
    const contents = await Promise.all(progress.parts.map(async (_, index) => await progress.read(index)));
    const first = JSON.parse(Buffer.from(contents[0] ?? []).toString()) as Record<string, unknown>;
    expect(first).toMatchObject({
      release: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      judging: judgingVersion,
    });
    await progress.clear();
    await progress.append(Buffer.from(JSON.stringify({ ...first, ...by })));
    for (const content of contents.slice(1)) await progress.append(content);
    const verdict = await again();
    expect(verdict.resumed).toMatchObject({ events: 0, leftAside: { code: 'PROGRESS_FOREIGN' } });
    expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 } });
    expect(verdict.fetched).toContain('0:0');
  });

  test('a part that cannot be read in the middle: no new part is taken for one of those before it', async () => {
    const world = await World.make({ partitions: 2 });
    const unsealed = world.state(0);
    for (const partition of [1, 0]) {
      for (let i = 0; i < 5; i++) {
        await world.emit(partition, 2);
        await world.seal(partition);
      }
    }
    const { anchor } = await killed(world, '1:8');
    const { progress } = anchor;
    const last = progress.parts.length - 1;
    expect(last).toBeGreaterThan(6);
    // Partition 0 under other seals: its new parts get the numbers that those of partition 1 had.
    world.cluster.truncate(topics.seals, 0, 8);
    world.cluster.truncate(topics.leaves, 0, 0);
    world.states.set(0, unsealed);
    for (let to = 0; to < 10; to++) await world.seal(0, { to });
    world.cluster.flipByte(topics.events, 1, { offset: 1 });
    let left = 1;
    const read: typeof progress.read = async (index) => {
      if (index === last && left-- > 0) throw new Error('a bad block');
      return await progress.read(index);
    };
    const store = { ...anchor, progress: Object.assign(Object.create(progress) as typeof progress, { read }) };
    const verdict = await world.verify({ anchor: store, ...often });
    expect(left).toBe(0);
    expect(verdict).toMatchObject({ exitCode: 1, resumed: { events: 0, leftAside: { code: 'PROGRESS_UNUSABLE' } } });
    expect(verdict.resumed?.leftAside?.message).toContain('a bad block');
    expect(summary(verdict)).toContain('bad-crc 1 offsets 0-0');
  });

  test('a part that is another one when it is read than when the run began is not used', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor } = await killed(world, '1:8');
    const { progress } = anchor;
    const beganWith: number[] = [];
    // From the second time on the last part of partition 0 is given for the first of partition 1.
    const read: typeof progress.read = async (index) => {
      const again = beganWith.includes(index);
      beganWith.push(index);
      return await progress.read(again && index === 4 ? 3 : index);
    };
    world.cluster.flipByte(topics.events, 1, { offset: 1 });
    const store = { ...anchor, progress: Object.assign(Object.create(progress) as typeof progress, { read }) };
    const verdict = await world.verify({ anchor: store, ...often });
    expect(verdict).toMatchObject({ exitCode: 1, resumed: { leftAside: { code: 'PROGRESS_CORRUPT' } } });
    expect(summary(verdict)).toContain('bad-crc 1 offsets 0-0');
  });

  test('a run over a part of the log neither keeps nor takes any', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor, again } = await killed(world, '1:4');
    const kept = anchor.progress.parts.length;
    const scope = { kind: 'ranges', ranges: [{ partition: 0, first: 0, last: 7 }] } as const;
    expect(await again({ scope })).toMatchObject({ exitCode: 0, resumed: null });
    expect(anchor.progress.parts).toHaveLength(kept);
  });

  test('a store that fails costs no verdict', async () => {
    const world = await World.small({ partitions: 2 });
    for (const failing of ['begin', 'append', 'clear', 'read'] as const) {
      const { anchor } = await killed(world, '1:4');
      const fail = (): Promise<never> => Promise.reject(new Error('the disk is full'));
      const progress = Object.assign(Object.create(anchor.progress) as typeof anchor.progress, { [failing]: fail });
      const store = { ...anchor, progress };
      if (failing === 'begin' || failing === 'append') anchor.progress.parts.length = 0;
      const verdict = await world.verify({ anchor: store, ...often });
      expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 }, anchoredTo: { updated: true } });
      if (failing !== 'clear')
        expect(verdict.resumed?.leftAside).toMatchObject({
          code: 'PROGRESS_UNUSABLE',
          message: expect.stringContaining('the disk is full') as string,
        });
    }
  });
});

describe('progress makes room for what is worth more', () => {
  test('it is gone when the anchor is written', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor } = await killed(world, '1:4');
    expect(anchor.progress.parts.length).toBeGreaterThan(0);
    const there: number[] = [];
    const update: typeof anchor.update = async (next) => {
      there.push(anchor.progress.parts.length);
      await anchor.update(next);
    };
    const verdict = await world.verify({ anchor: { ...anchor, update }, ...often });
    expect(verdict).toMatchObject({ exitCode: 0, anchoredTo: { updated: true } });
    expect(verdict.resumed?.events).toBeGreaterThan(0);
    expect(there).toEqual([0]);
  });

  test('but it stays where only the temporary files of a run that breaks off are gone', async () => {
    const world = await World.small({ partitions: 2 });
    const anchor = memoryAnchorStore();
    const progress = await RunProgress.open(
      { log: world.log, topics, origin, rootKey: parseVerifierKey(rootKey.vkey), anchor, ...often },
      { anchor: null, mode: 'full', source: 'here' },
      Date.now(),
    );
    const part = {
      topic: topics.events,
      partition: 0,
      from: 0,
      end: 4,
      statement: '',
      last: '',
      behind: [],
      keys: '',
      logStart: 0,
    };
    const whole = { ...part, checkedEvents: 4, matchedSeals: 1, findings: [], open: [], content: null };
    await progress?.keep(whole);
    expect(anchor.progress.parts).toHaveLength(2);
    const ids = { file: join(tmpdir(), 'tallystick-no-such-file') };
    await progress?.keep({ ...whole, content: { ids, lives: [] } as unknown as ContentPart });
    expect(anchor.progress.parts).toHaveLength(2);
    expect(progress?.resumed?.leftAside).toMatchObject({ code: 'PROGRESS_UNUSABLE' });
  });

  /** A part of so many producers' lives, and of nothing else. */
  function partOf(lives: number, from: number, keys = '') {
    const ids = { count: 0, memory: [], file: null, chunks: [], failed: null };
    const content = { ids, lives: Array.from({ length: lives }, () => null) } as unknown as ContentPart;
    const range = { topic: topics.events, partition: 0, from, end: from + 4, statement: '', keys, logStart: 0 };
    return { ...range, last: '', behind: [], checkedEvents: 4, matchedSeals: 1, findings: [], open: [], content };
  }

  test('and for the run: what waits to be kept is kept early where it is much', async () => {
    const world = await World.small();
    const anchor = memoryAnchorStore();
    const progress = await RunProgress.open(
      { log: world.log, topics, origin, rootKey: parseVerifierKey(rootKey.vkey), anchor, progressEveryMs: 3_600_000 },
      { anchor: null, mode: 'full', source: 'here' },
      Date.now(),
    );
    for (let from = 0; from < 36; from += 4) await progress?.keep(partOf(11_000, from));
    expect(anchor.progress.parts).toEqual([]);
    await progress?.keep(partOf(11_000, 36));
    expect(anchor.progress.parts).toHaveLength(11);
    await progress?.keep(partOf(11_000, 40));
    expect(anchor.progress.parts).toHaveLength(11);
  });

  test('where it is not known yet that the source is sound, the run waits for that before it holds more', async () => {
    const world = await World.small();
    for (const outcome of ['sound', 'damaged']) {
      const anchor = memoryAnchorStore();
      let settle: (why: unknown) => void = () => undefined;
      const looked = new Promise((resolve, reject) => {
        settle = outcome === 'sound' ? resolve : reject;
      });
      const progress = await RunProgress.open(
        {
          ...{ log: world.log, topics, origin, rootKey: parseVerifierKey(rootKey.vkey), anchor, ...often },
          intact: async () => void (await looked),
        },
        { anchor: null, mode: 'full', source: 'here' },
        Date.now(),
      );
      await progress?.keep(partOf(60_000, 0));
      let isKept = false;
      const keeping = progress?.keep(partOf(60_000, 4)).then(() => (isKept = true));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(isKept).toBe(false);
      settle(new Error('it is damaged'));
      await keeping;
      expect(anchor.progress.parts).toHaveLength(outcome === 'sound' ? 3 : 0);
    }
  });

  test('a run that is cancelled while it takes over hears it at the next part, and leaves them all', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor, again } = await killed(world, '1:0');
    const { progress } = anchor;
    const kept = progress.parts.length;
    for (let at = 0; at < 2 * kept - 1; at++) {
      const stop = new AbortController();
      let [reads, left] = [0, 0];
      const watched = {
        read: async (index: number) => {
          if (reads++ === at) stop.abort();
          return await progress.read(index);
        },
        leave: async () => {
          left += 1;
          await progress.leave();
        },
      };
      const store = { ...anchor, progress: Object.assign(Object.create(progress) as typeof progress, watched) };
      const run = world.verify({ anchor: store, signal: stop.signal, ...often });
      await expect(run).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
      expect([reads, left]).toEqual([at + 1, 1]);
      expect(progress.parts).toHaveLength(kept);
    }
    expect(await again()).toMatchObject({ exitCode: 0, resumed: { events: 8, leftAside: null } });
  });

  test('parts are taken over one by one, and none behind one that cannot be read', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor } = await killed(world, '1:0');
    const { progress } = anchor;
    const reads: number[] = [];
    const events: (number | undefined)[] = [];
    for (const bad of [Infinity, 2]) {
      reads.length = 0;
      const began = progress.parts.length;
      expect(began).toBe(4);
      const read: typeof progress.read = async (index) => {
        reads.push(index);
        if (index === bad && reads.filter((each) => each === bad).length === 2) throw new Error('a bad block');
        return await progress.read(index);
      };
      const kept = [...progress.parts];
      const store = { ...anchor, progress: Object.assign(Object.create(progress) as typeof progress, { read }) };
      const verdict = await world.verify({ anchor: { ...store, update: async () => undefined }, ...often });
      expect(verdict).toMatchObject({ exitCode: 0, checked: { events: 16 } });
      events.push(verdict.resumed?.events);
      expect(reads.slice(0, 4)).toEqual([0, 1, 2, 3]);
      expect(reads.slice(4)).toEqual(bad === 2 ? [1, 2] : [1, 2, 3]);
      progress.parts.splice(0, Infinity, ...kept);
    }
    expect(events).toEqual([8, 4]);
  });

  test('a run begins anew by itself where they break off behind one that ends with another batch now, and says so', async () => {
    const world = await World.make({ partitions: 2 });
    for (const partition of [0, 1]) {
      for (let i = 0; i < 3; i++) {
        await world.emit(partition, 3);
        await world.seal(partition);
      }
    }
    const { anchor } = await killed(world, '1:3');
    const { progress } = anchor;
    expect(progress.parts.length).toBeGreaterThanOrEqual(4);
    let reads = 0;
    const read: typeof progress.read = async (index) => {
      if (index === 2 && ++reads === 2) throw new Error('a bad block');
      return await progress.read(index);
    };
    const [first, ...others] = world.cluster.batches(topics.events, 0).map((batch) => Buffer.from(batch));
    const log = storedAs(world, Buffer.concat([first!, within(first!), ...others]), byBase);
    const store = { ...anchor, progress: Object.assign(Object.create(progress) as typeof progress, { read }) };
    const verdict = await world.verify({ anchor: store, log, ...often });
    expect(reads).toBe(2);
    expect(verdict).toMatchObject({
      exitCode: 1,
      resumed: { begunAt: null, events: 0, leftAside: { code: 'PROGRESS_CORRUPT' } },
    });
    expect(progress.parts).toEqual([]);
    expect(summary(await world.verify({ anchor, log, ...often }))).toEqual(summary(verdict));
  });

  test('and ends 0 where what is stored now is good: kept anew meanwhile, and gone with the verdict', async () => {
    const world = await World.small({ partitions: 2 });
    const { anchor } = await killed(world, '1:0');
    const { progress } = anchor;
    let reads = 0;
    const kept: number[] = [];
    const watched = {
      read: async (index: number) => {
        if (index === 2 && ++reads === 2) throw new Error('a bad block');
        return await progress.read(index);
      },
      append: async (part: Uint8Array) => {
        kept.push(progress.parts.length);
        await progress.append(part);
      },
    };
    // The end of the first part is another batch when it is asked for the second time: a fetch that sees another one, once.
    let asked = 0;
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      fetch: async (request: Parameters<typeof world.log.fetch>[0]) => {
        const other = request.topic === topics.events && request.partition === 0 && request.offset === 3 && reads === 2;
        return await world.log.fetch(other && asked++ === 0 ? { ...request, offset: 4 } : request);
      },
    });
    const store = { ...anchor, progress: Object.assign(Object.create(progress) as typeof progress, watched) };
    const verdict = await world.verify({ anchor: store, log, ...often });
    expect(asked).toBeGreaterThan(0);
    expect(verdict).toMatchObject({
      exitCode: 0,
      checked: { events: 16 },
      anchoredTo: { updated: true },
      resumed: { begunAt: null, events: 0, leftAside: { code: 'PROGRESS_CORRUPT' } },
    });
    expect(kept[0]).toBe(0);
    expect(kept.length).toBeGreaterThan(2);
    expect(progress.parts).toEqual([]);
  });

  test('where it can no longer be kept, what there is of it goes at once', async () => {
    const world = await World.small({ partitions: 2 });
    const anchor = memoryAnchorStore();
    const kept: number[] = [];
    const progress = Object.assign(Object.create(anchor.progress) as typeof anchor.progress, {
      append: async (part: Uint8Array) => {
        kept.push(anchor.progress.parts.length);
        if (kept.length === 4) throw new Error('the disk is full');
        await anchor.progress.append(part);
      },
    });
    const { log, signal } = killedAt(world.log, '1:8');
    const run = world.verify({ anchor: { ...anchor, progress }, log, signal, ...often });
    await expect(run).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    expect(kept).toEqual([0, 1, 2, 3]);
    expect(anchor.progress.parts).toEqual([]);
  });
});
