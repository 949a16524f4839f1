// What somebody with the rights of the worker's user on ClickHouse can put in, take out and say of it.
import { describe, expect, test } from 'vitest';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import type { VerifyOptions } from '../../src/verify.ts';
import { genesisText } from '../support/tiny-sealer.ts';
import { World, origin, sealKey, summary, topics } from '../support/world.ts';
import { MemoryCopy } from './memory-copy.ts';

async function scene(partitions = 1) {
  const world = await World.small({ partitions });
  const copy = await MemoryCopy.of(world, { partitions });
  const verify = async (limits: { minRetentionMs?: number } = {}, options: Partial<VerifyOptions> = {}) =>
    await world.verify({ queryCopy: { rows: copy, ...limits }, ...options });
  return { world, copy, verify };
}

test('a copy as the worker wrote it is verified', async () => {
  const { verify } = await scene(2);
  const verdict = await verify();
  expect(summary(verdict)).toEqual([]);
  expect(verdict).toMatchObject({ exitCode: 0, queryCopy: { counts: { compared: 20, extra: 0 } } });
});

/** Calls `then` with each offset once its row was taken, before the next one is looked up. */
function afterRow(copy: MemoryCopy, then: (offset: number) => void): void {
  const rows = copy.rows.bind(copy);
  copy.rows = async function* (place, from, to) {
    for await (const row of rows(place, from, to)) {
      yield row;
      then(row.offset);
    }
  };
}

describe('rows of another topic', () => {
  test.each([
    ['one that sorts first', 'a', 'a'],
    ['another case', 'Audit.events', 'Audit.events'],
    ['a blank behind', 'audit.events ', '"audit.events "'],
    ['a blank that is not seen', 'audit.events\u200b', String.raw`"audit.events\xe2\x80\x8b"`],
    ['letters of another alphabet', 'аudit.events', String.raw`"\xd0\xb0udit.events"`],
    ['line feeds', 'a\nb', String.raw`"a\x0ab"`],
    ['quotes', '"a"', String.raw`"\x22a\x22"`],
    ['no name', '', '""'],
    ['another topic of this ledger', topics.seals, topics.seals],
  ])('%s: each is named, and ends 1', async (_, topic, shown) => {
    const { copy, verify } = await scene();
    copy.forge(3, { topic });
    copy.forge(5, { topic });
    const verdict = await verify();
    expect(verdict.exitCode).toBe(1);
    expect(verdict.queryCopy?.counts.extra).toBe(2);
    expect(verdict.findings).toMatchObject([
      { code: 'copy-extra', topic: shown, generation: 0, partition: 0, place: 'offsets 3-5', found: '2' },
    ]);
  });

  test('of many, some are named and the others counted', async () => {
    const { copy, verify } = await scene();
    for (let n = 0; n < 150; n++) copy.forge(n % 10, { topic: `t${n}` });
    const verdict = await verify();
    expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { extra: 150 } } });
    expect(verdict.findings).toHaveLength(101);
    expect(verdict.findings).toContainEqual(
      expect.objectContaining({ topic: null, found: expect.stringMatching(/^50 in 50 \(SHA-256 .{44}\)$/) as string }),
    );
  });

  test('a topic that an accepted genesis names is not compared, and that is said', async () => {
    const { world, copy, verify } = await scene();
    const all = { topic: 'events.before', partition: 0 };
    await world.statement(sealKey.sign(genesisText({ origin, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', ...all })));
    copy.forge(3, all);
    copy.forge(4, { ...all, partition: 1 });
    const verdict = await verify();
    const { findings, queryCopy } = verdict;
    const ofCopy = findings.filter(({ code }) => code === 'archive-unchecked' || code === 'copy-extra');
    expect(ofCopy).toMatchObject([
      { code: 'archive-unchecked', ...all, found: '1' },
      { code: 'copy-extra', topic: 'events.before', partition: 1, found: '1' },
    ]);
    expect(queryCopy?.counts).toMatchObject({ extra: 1, uncheckable: 1 });
  });
});

describe('rows of this topic that no statement begins', () => {
  test.each([
    ['a partition', { partition: 7 }],
    ['a generation', { generation: 1 }],
  ])('%s', async (_, change) => {
    const { copy, verify } = await scene();
    copy.forge(3, change);
    const verdict = await verify();
    expect(verdict.exitCode).toBe(1);
    expect(verdict.findings).toMatchObject([{ code: 'copy-extra', topic: topics.events, ...change, found: '1' }]);
  });

  test('no alarm where the statements cannot be read', async () => {
    const { world, copy, verify } = await scene();
    copy.forge(3, { topic: 'a' });
    world.cluster.deleteTopic(topics.seals);
    const verdict = await verify();
    expect(verdict.exitCode).toBe(3);
    expect(verdict.queryCopy?.counts).toMatchObject({ extra: 0, uncheckable: 11 });
    expect(summary(verdict)).toContain('archive-unchecked 0 -');
  });
});

test('rows where no record is stored any more are not verified, though the hole is answered for', async () => {
  const { world, copy, verify } = await scene();
  world.cluster.removeBatch(topics.events, 0, 0);
  const first = await verify();
  const acknowledged = first.findings.flatMap(({ code, hash }) =>
    code === 'archive-unchecked' ? [] : [{ hash, reason: 'known' }],
  );
  const verdict = await verify({}, { acknowledged });
  expect(verdict.exitCode).toBe(3);
  expect(verdict.findings).toContainEqual(expect.objectContaining({ code: 'archive-unchecked', found: '2' }));
  copy.remove(({ offset }) => offset < 2);
  expect(await verify({}, { acknowledged })).toMatchObject({ exitCode: 0 });
});

describe('rows that the database says expired', () => {
  /** The broker took the record of offset 0 at this time, that of offset n so many ms later (each batch has one). */
  const expire = async (rowsFrom = 5, gone = rowsFrom) => {
    const made = await scene();
    made.copy.rowsFrom = rowsFrom;
    made.copy.remove(({ offset }) => offset < gone);
    return made;
  };

  test('are missing: what may be written to ClickHouse allows nothing', async () => {
    const { verify } = await expire();
    const verdict = await verify();
    expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { missing: 5 }, partitions: [{ expired: 0 }] } });
    expect(verdict.queryCopy).not.toHaveProperty('minRetentionMs');
    expect(summary(verdict)).toEqual(['copy-missing 0 offsets 0-4']);
    expect(verdict.findings[0]?.message).toContain('minCopyRetentionMs');
  });

  test('may be gone where the limit allows it, and the verdict says how many', async () => {
    const { verify } = await expire();
    const verdict = await verify({ minRetentionMs: 60_000 }, { now: () => 1_700_000_000_000 + 120_000 });
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      queryCopy: { minRetentionMs: 60_000, counts: { missing: 0 }, partitions: [{ rowsFrom: 5, expired: 5 }] },
    });
  });

  test('are missing where they are younger than the limit', async () => {
    const { world, verify } = await expire();
    const [, second] = world.cluster.batches(topics.events, 0);
    const takenAt = Number(second?.readBigInt64BE(35));
    // The first batch (offsets 0 and 1) is older than the limit, the second one exactly as old.
    const verdict = await verify({ minRetentionMs: 60_000 }, { now: () => takenAt + 60_000 });
    expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { missing: 3 }, partitions: [{ expired: 2 }] } });
    expect(summary(verdict)).toEqual(['copy-missing 0 offsets 2-4']);
  });

  test('a record without the clock of the broker never expires', async () => {
    const world = await World.make();
    await world.emit(0, 2);
    const [batch] = world.cluster.batches(topics.events, 0);
    batch?.writeInt16BE(batch.readInt16BE(21) & ~8, 21);
    sealCrc(batch!);
    await world.seal(0);
    const copy = await MemoryCopy.of(world);
    copy.rowsFrom = 2;
    copy.remove(() => true);
    const verdict = await world.verify({ queryCopy: { rows: copy, minRetentionMs: 0 } });
    expect(summary(verdict)).toContain('copy-missing 0 offsets 0-1');
    expect(verdict.exitCode).toBe(1);
  });

  test('the limit allows nothing that the database does not say expired', async () => {
    const { verify } = await expire(2, 5);
    const verdict = await verify({ minRetentionMs: 0 });
    expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { missing: 3 }, partitions: [{ expired: 2 }] } });
    expect(summary(verdict)).toEqual(['copy-missing 0 offsets 2-4']);
  });

  test('those that are still there are compared', async () => {
    const { copy, verify } = await expire(5, 0);
    copy.table = copy.table.map((row) => (row.offset === 1 ? { ...row, cells: row.cells.map(() => 'x') } : row));
    expect(summary(await verify({ minRetentionMs: 0 }))).toEqual(['copy-altered 0 offsets 1-1']);
  });

  test('may go while the run goes on: rows of age, under a watermark that was raised before', async () => {
    const { copy, verify } = await scene();
    let now = 1_700_000_000_000;
    copy.sliceRows = 2;
    // Each time behind a slice that was read: what was asked for its rows does not do for the next ones.
    const jobs = new Map([
      [1, 4],
      [5, 8],
      [9, 10],
    ]);
    afterRow(copy, (offset) => {
      const below = jobs.get(offset);
      if (below === undefined) return;
      now += 120_000;
      copy.rowsFrom = below;
      copy.remove((row) => row.offset < below);
    });
    const verdict = await verify({ minRetentionMs: 60_000 }, { now: () => now });
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({
      exitCode: 0,
      queryCopy: { counts: { missing: 0 }, partitions: [{ rowsFrom: 8, expired: 4 }] },
    });
  });

  test('may go while the run goes on, all of them', async () => {
    const { copy, verify } = await scene();
    copy.sliceRows = 5;
    afterRow(copy, (offset) => {
      if (offset !== 4) return;
      copy.rowsFrom = 10;
      copy.remove(() => true);
    });
    const verdict = await verify({ minRetentionMs: 0 });
    expect(verdict).toMatchObject({ exitCode: 0, queryCopy: { partitions: [{ rowsFrom: 10, expired: 5 }] } });
  });

  test('are missing where they went while the run went on, and are younger than the limit', async () => {
    const { copy, verify } = await scene();
    copy.sliceRows = 5;
    afterRow(copy, (offset) => {
      if (offset !== 4) return;
      copy.rowsFrom = 8;
      copy.remove((row) => row.offset < 8);
    });
    const verdict = await verify({ minRetentionMs: 60_000 }, { now: () => 1_700_000_000_000 });
    expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { missing: 3 }, partitions: [{ expired: 0 }] } });
    expect(summary(verdict)).toEqual(['copy-missing 0 offsets 5-7']);
  });

  test('are asked for once for all rows that were looked up together', async () => {
    const { copy, verify } = await scene();
    copy.remove(({ offset }) => offset % 2 === 0);
    const verdict = await verify({ minRetentionMs: 0 });
    expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { missing: 5 } } });
    expect(copy.asked).toBe(2);
  });

  test.each([{ minRetentionMs: -1 }, { minRetentionMs: 0.5 }])('%j is refused', async (limit) => {
    const { verify } = await scene();
    await expect(verify(limit)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});

describe('the newest rows', () => {
  const late = { now: () => 1_700_000_000_000 + 120_000 };
  const without = async (from: number, claims: { nextOffset: number; claimedTo: number }) => {
    const made = await scene();
    made.copy.remove(({ offset }) => offset >= from);
    return { ...made, copy: Object.assign(made.copy, claims) };
  };

  test('that a worker set out to write, and did not, are not there yet: it died, or waits', async () => {
    const { verify } = await without(6, { nextOffset: 6, claimedTo: 10 });
    const soon = await verify({}, { now: () => 1_700_000_000_000 });
    expect(soon).toMatchObject({ exitCode: 0, queryCopy: { counts: { compared: 6, missing: 0, notYet: 4 } } });
    const verdict = await verify({}, late);
    expect(verdict).toMatchObject({ exitCode: 3, queryCopy: { counts: { compared: 6, missing: 0, notYet: 4 } } });
    expect(verdict.findings).toMatchObject([{ code: 'copy-behind' }]);
  });

  test('that were written since the run began are compared as far as their worker set out to write', async () => {
    const { copy, verify } = await without(10, { nextOffset: 6, claimedTo: 10 });
    const extents = copy.extents.bind(copy);
    copy.extents = async (topic) => (await extents(topic)).map((extent) => ({ ...extent, rows: 6, last: 5n }));
    const verdict = await verify({}, late);
    expect(verdict).toMatchObject({ exitCode: 0, queryCopy: { counts: { compared: 10, missing: 0, notYet: 0 } } });
    copy.remove(({ offset }) => offset === 7);
    const removed = await verify({}, late);
    expect(removed.exitCode).toBe(1);
    expect(summary(removed)).toEqual(['copy-missing 0 offsets 7-7']);
  });

  test('that expired, the whole newest run, are not waited for', async () => {
    const { copy, verify } = await without(0, { nextOffset: 0, claimedTo: 10 });
    copy.rowsFrom = 10;
    const verdict = await verify({ minRetentionMs: 60_000 }, late);
    expect(summary(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ exitCode: 0, queryCopy: { counts: { notYet: 0 }, partitions: [{ expired: 10 }] } });
    expect(summary(await verify({}, late))).toEqual(['copy-missing 0 offsets 0-9']);
  });

  test('that the watermark says were written are missing', async () => {
    const { verify } = await without(6, { nextOffset: 10, claimedTo: 10 });
    const verdict = await verify({}, late);
    expect(verdict.exitCode).toBe(1);
    expect(summary(verdict)).toEqual(['copy-missing 0 offsets 6-9']);
  });

  test('removed while the run goes on are missing, whatever the watermark says', async () => {
    const { copy, verify } = await scene();
    copy.nextOffset = 0;
    const watermark = copy.watermark.bind(copy);
    copy.watermark = async () => {
      copy.remove(({ offset }) => offset >= 6);
      return await watermark();
    };
    const verdict = await verify({}, late);
    expect(verdict.exitCode).toBe(1);
    expect(summary(verdict)).toEqual(['copy-missing 0 offsets 6-9']);
  });

  test('removed with all that says that they were written end 3, and never verified', async () => {
    const { verify } = await without(6, { nextOffset: 6, claimedTo: 6 });
    const verdict = await verify({}, late);
    expect(verdict).toMatchObject({ exitCode: 3, queryCopy: { counts: { missing: 0, notYet: 4 } } });
    expect(verdict.findings).toMatchObject([{ code: 'copy-behind' }]);
  });
});

test('a row that was there before its record is compared once the record is there', async () => {
  const { world, copy, verify } = await scene();
  const row = copy.table.find(({ offset }) => offset === 9);
  copy.table.push({ ...row!, offset: 11, cells: row!.cells.map(() => 'x') });
  await world.emit(0, 3);
  world.cluster.holdHighWatermark(topics.events, 0, 10);
  const rows = copy.rows.bind(copy);
  copy.rows = (place, from, to) => {
    if (from === 10) world.cluster.holdHighWatermark(topics.events, 0, null);
    return rows(place, from, to);
  };
  const verdict = await verify();
  expect(summary(verdict)).toEqual(['copy-altered 0 offsets 11-11']);
  expect(verdict).toMatchObject({ exitCode: 1, queryCopy: { counts: { compared: 11, altered: 1 } } });
});

test('what is no table is not verified', async () => {
  const { copy, verify } = await scene();
  copy.shape = ['events has the engine View, not MergeTree'];
  const verdict = await verify();
  expect(verdict.exitCode).toBe(3);
  expect(verdict.findings).toMatchObject([{ code: 'unavailable', message: expect.stringContaining('View') as string }]);
});

test('a generation begun anew keeps its rows apart', async () => {
  const { world, copy, verify } = await scene();
  const { previous } = world.state(0);
  await world.genesis(0, { generation: 1, reason: 'diverged', firstOffset: 10, previous });
  await world.emit(0, 2);
  const later = await MemoryCopy.of(world, { generation: 1 });
  copy.table.push(...later.table.filter(({ offset }) => offset >= 10));
  expect((await verify()).queryCopy?.counts).toMatchObject({ compared: 12, extra: 0, altered: 0, missing: 0 });
});
