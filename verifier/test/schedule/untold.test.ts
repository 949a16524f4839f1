// Runs that ClickHouse, or another reporter that keeps a history, could not be told of: they are told later, also by another process.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { folderUntoldRuns } from '../../src/schedule/folder-untold-runs.ts';
import { runOnce } from '../../src/schedule/once.ts';
import { newRecord } from '../../src/schedule/run-record.ts';
import { runSchedule } from '../../src/schedule/schedule.ts';
import type { VerificationRun } from '../../src/report/reporter.ts';
import { Heard, HeldClock, MemoryLock, MemoryRecord, noting, verdictOf } from './support.ts';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'tallystick-untold-'));
  folders.push(made);
  return join(made, 'untold');
};
afterEach(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true, force: true })));

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const runAt = (n: number): VerificationRun => ({
  id: id(n),
  trigger: 'schedule',
  startedAt: `2026-03-0${n}T03:00:00.000Z`,
  finishedAt: `2026-03-0${n}T03:10:00.000Z`,
  verdict: verdictOf('verified'),
});

class Table extends Heard {
  readonly wantsEveryRun = true;
  away = false;

  override async report(run: VerificationRun): Promise<void> {
    this.tries += 1;
    if (this.away) throw new Error('connection refused');
    this.runs.push(run);
  }
}

describe('a folder of runs that could not be told', () => {
  test('keeps them newest first, replaces what is kept already, and is empty where there is none', async () => {
    const store = folderUntoldRuns(folder());
    expect(await store.names()).toEqual([]);
    for (const n of [2, 1, 3]) expect(await store.keep({ reporters: ['a', 'b'], run: runAt(n) })).toBe(0);
    const names = await store.names();
    expect(names.map((name) => name.slice(0, 8))).toEqual(['20260303', '20260302', '20260301']);
    await store.keep({ reporters: ['b'], run: runAt(2) });
    expect(await store.names()).toEqual(names);
    expect(await store.load(names[1] ?? '')).toEqual({ reporters: ['b'], run: runAt(2) });
    await store.remove(names[1] ?? '');
    expect(await store.names()).toEqual([names[0], names[2]]);
  });

  test('throws the oldest away where there are too many, or too many bytes', async () => {
    const few = folderUntoldRuns(folder(), { mostRuns: 2 });
    const gone = [];
    for (const n of [1, 2, 3, 4]) gone.push(await few.keep({ reporters: ['a'], run: runAt(n) }));
    expect(gone).toEqual([0, 0, 1, 1]);
    expect((await few.names()).map((name) => name.slice(0, 8))).toEqual(['20260304', '20260303']);
    const place = folder();
    const [size] = [JSON.stringify({ reporters: ['a'], run: runAt(1) }).length + 1];
    const small = folderUntoldRuns(place, { mostBytes: 2 * size });
    for (const n of [1, 2, 3]) await small.keep({ reporters: ['a'], run: runAt(n) });
    expect(readdirSync(place)).toHaveLength(2);
    await expect(
      folderUntoldRuns(place, { mostBytes: size - 1 }).keep({ reporters: ['a'], run: runAt(4) }),
    ).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
  });

  test('that cannot be, or that holds something else, is an error with a code or nothing', async () => {
    const place = folder();
    writeFileSync(place, '');
    for (const use of [
      () => folderUntoldRuns(place).names(),
      () => folderUntoldRuns(place).keep({ reporters: ['a'], run: runAt(1) }),
    ])
      await expect(use()).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
    rmSync(place);
    const store = folderUntoldRuns(place);
    await store.keep({ reporters: ['a'], run: runAt(1) });
    const [name = ''] = await store.names();
    const text = readFileSync(join(place, name), 'utf8');
    writeFileSync(join(place, 'note'), 'x');
    expect(await store.names()).toEqual([name]);
    for (const bad of [
      '',
      'null',
      text.slice(0, -5),
      text.replace('["a"]', '[]'),
      text.replace('["a"]', '[1]'),
      text.replace(id(1), 'x'),
      text.replace('"verdict":{', '"verdikt":{'),
      text.replace('"verdict":{', '"error":{},"verdict":{'),
      text.replace('"startedAt":"2026-03-01T', '"startedAt":"soon '),
    ]) {
      expect(bad).not.toBe(text);
      writeFileSync(join(place, name), bad);
      expect(await store.load(name), bad).toBeNull();
    }
  });
});

describe('a table that is away for days', () => {
  test('has every run once it is back; what needs no history is not told again', async () => {
    const clock = new HeldClock('2026-03-01T03:00:00Z');
    const place = folder();
    const table = new Table('clickhouse');
    const page = new Heard('html');
    const notes: string[] = [];
    const stop = new AbortController();
    const lock = new MemoryLock();
    const record = new MemoryRecord();
    record.record = {
      ...newRecord(clock.time - 60_000),
      started: { id: id(900), trigger: 'start', at: clock.time - 60_000 },
    };
    table.away = true;
    let number = 0;
    const done = runSchedule({
      cron: '0 3 * * *',
      run: async () => verdictOf(number === 2 ? 'failed' : 'verified'),
      reporters: [table, page],
      lock,
      record,
      untold: folderUntoldRuns(place),
      clock,
      observer: noting(notes),
      signal: stop.signal,
      newId: () => id((number += 1)),
    });
    const nights = async (count: number): Promise<void> => {
      for (let half = 0; half < 2 * count; half++) {
        await clock.pass(12 * 3_600_000);
        // Tries pass with the clock, files are written in real time.
        while (lock.holder !== null) {
          await clock.pass(1_000);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    };
    await nights(3);
    const begun = number;
    expect(begun).toBeGreaterThanOrEqual(3);
    expect(table.runs).toEqual([]);
    // And the one that was killed before.
    expect(readdirSync(place)).toHaveLength(begun + 1);
    table.away = false;
    await nights(1);
    expect(table.runs.map((run) => run.id).sort()).toEqual(
      [...Array.from({ length: number }, (_, n) => id(n + 1)), id(900)].sort(),
    );
    expect(table.runs.filter(({ verdict }) => verdict?.verdict === 'failed')).toHaveLength(1);
    expect(readdirSync(place)).toEqual([]);
    expect(page.runs.map((run) => run.id)).toEqual([id(900), ...Array.from({ length: number }, (_, n) => id(n + 1))]);
    stop.abort();
    await clock.pass(1);
    await done;
  });

  test('is told by the next process, asked once where it is still away, and by nobody once it is configured no more', async () => {
    const place = folder();
    const options = (table: Table) => ({
      run: async () => verdictOf('verified'),
      reporters: [table],
      lock: new MemoryLock(),
      record: new MemoryRecord(),
      untold: folderUntoldRuns(place),
      reportAttempts: 1,
      signal: new AbortController().signal,
    });
    const away = new Table('clickhouse');
    away.away = true;
    for (let times = 0; times < 3; times++) await runOnce(options(away));
    // Each run was tried once: who is away is not asked for the earlier ones.
    expect(away.tries).toBe(3);
    expect(readdirSync(place)).toHaveLength(3);
    writeFileSync(join(place, readdirSync(place)[0] ?? ''), 'damaged');
    const back = new Table('clickhouse');
    await runOnce(options(back));
    expect(back.runs).toHaveLength(3);
    expect(readdirSync(place)).toEqual([]);
    await runOnce(options(away));
    await runOnce(options(new Table('other')));
    expect(readdirSync(place)).toEqual([]);
  });

  test('one of two that is back gets them, the other one later', async () => {
    const place = folder();
    const [one, two] = [new Table('one'), new Table('two')];
    const go = async (): Promise<void> => {
      const parts = { lock: new MemoryLock(), record: new MemoryRecord(), signal: new AbortController().signal };
      const run = async () => verdictOf('verified');
      await runOnce({ ...parts, run, reporters: [one, two], untold: folderUntoldRuns(place), reportAttempts: 1 });
    };
    [one.away, two.away] = [true, true];
    await go();
    one.away = false;
    await go();
    expect([one.runs.length, two.runs.length, readdirSync(place).length]).toEqual([2, 0, 2]);
    two.away = false;
    await go();
    expect([one.runs.length, two.runs.length, readdirSync(place).length]).toEqual([3, 3, 0]);
  });

  test('a folder that cannot be written changes no verdict', async () => {
    const place = folder();
    writeFileSync(place, '');
    const table = new Table('clickhouse');
    table.away = true;
    const parts = { lock: new MemoryLock(), record: new MemoryRecord(), signal: new AbortController().signal };
    const run = async () => verdictOf('verified');
    const result = await runOnce({
      ...parts,
      run,
      reporters: [table],
      untold: folderUntoldRuns(place),
      reportAttempts: 1,
    });
    expect(result).toMatchObject({ run: { verdict: { exitCode: 0 } }, failed: ['clickhouse'] });
  });
});
