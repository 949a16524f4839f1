import { afterEach, describe, expect, test } from 'vitest';
import { parseCron } from '../../src/schedule/cron.ts';
import { runSchedule, type ScheduleOptions } from '../../src/schedule/schedule.ts';
import type { HeldLock } from '../../src/schedule/run-lock.ts';
import { newRecord } from '../../src/schedule/run-record.ts';
import type { Verdict } from '../../src/verdict.ts';
import { Heard, HeldClock, MemoryLock, MemoryRecord, noting, settle, verdictOf } from './support.ts';

const hour = 3_600_000;
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** A schedule at work: what it runs is decided by the test. */
class Rig {
  readonly clock = new HeldClock('2026-03-01T12:00:00Z');
  readonly record = new MemoryRecord();
  readonly lock = new MemoryLock();
  readonly heard = new Heard();
  readonly notes: string[] = [];
  readonly begun: string[] = [];
  readonly stop = new AbortController();
  /** What the next runs do; a run beyond them verifies at once. */
  readonly runs: ((signal: AbortSignal) => Promise<Verdict>)[] = [];
  ended: unknown = 'not yet';

  constructor() {
    rigs.push(this);
  }

  start(options: Partial<ScheduleOptions> = {}): void {
    let number = 0;
    void runSchedule({
      cron: '0 * * * *',
      reporters: [this.heard],
      lock: this.lock,
      record: this.record,
      clock: this.clock,
      observer: noting(this.notes),
      signal: this.stop.signal,
      newId: () => id((number += 1)),
      run: async (signal) => {
        this.begun.push(new Date(this.clock.time).toISOString().slice(11, 16));
        return await (this.runs.shift()?.(signal) ?? Promise.resolve(verdictOf('verified')));
      },
      ...options,
    }).then(
      () => (this.ended = 'ended'),
      (error: unknown) => (this.ended = error),
    );
  }

  /** As after a run at this time. */
  ranAt(time: string): void {
    const at = Date.parse(time);
    this.record.record = {
      ...newRecord(at),
      started: { id: id(900), trigger: 'schedule', at },
      ended: { id: id(900), at, verdict: 'verified', reported: true },
      finishedAt: at,
      verifiedAt: at,
    };
  }
}

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) {
    rig.stop.abort();
    await rig.clock.pass(hour);
  }
});

const never = (): Promise<Verdict> => new Promise(() => undefined);
const untilAborted = (signal: AbortSignal): Promise<Verdict> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

describe('when it runs', () => {
  test('at its very first start, and then at the times of its pattern', async () => {
    const rig = new Rig();
    rig.start();
    await rig.clock.pass(2 * hour + 30 * 60_000);
    expect(rig.begun).toEqual(['12:00', '13:00', '14:00']);
    expect(rig.heard.runs.map(({ trigger }) => trigger)).toEqual(['start', 'schedule', 'schedule']);
    expect(rig.record.record).toMatchObject({ ended: { id: id(3), verdict: 'verified', reported: true } });
  });

  test('not at a start between two times', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    rig.clock.time += 60_000;
    rig.start();
    await rig.clock.pass(58 * 60_000);
    expect(rig.begun).toEqual([]);
    await rig.clock.pass(60_000);
    expect(rig.begun).toEqual(['13:00']);
  });

  test('at once where a time was missed, once for all of them', async () => {
    const rig = new Rig();
    rig.ranAt('2026-02-20T12:00:00Z');
    rig.start();
    await rig.clock.pass(10 * 60_000);
    expect(rig.heard.runs.map(({ trigger }) => trigger)).toEqual(['catch-up']);
  });

  test('at once where the last run was killed, and the killed one is told first', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T11:00:00Z');
    rig.record.record = {
      ...rig.record.record!,
      started: { id: id(901), trigger: 'schedule', at: rig.clock.time - 60_000 },
    };
    rig.start();
    await settle();
    expect(rig.heard.runs.map(({ error, trigger }) => [trigger, error?.code])).toEqual([
      ['schedule', 'VERIFY_INTERRUPTED'],
      ['resume', undefined],
    ]);
    expect(rig.heard.runs[0]?.id).toBe(id(901));
    expect(rig.notes).toContain('interrupted 1');
    expect(rig.record.record?.interrupted).toEqual([]);
  });

  test('at once where it was killed before all was reported: the run is no interrupted one', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    rig.record.record = { ...rig.record.record!, ended: { ...rig.record.record!.ended!, reported: false } };
    rig.start();
    await settle();
    expect(rig.heard.runs.map(({ trigger, error }) => [trigger, error])).toEqual([['resume', undefined]]);
  });

  test('at the right time after the wall clock was put back years', async () => {
    const rig = new Rig();
    rig.clock.time = Date.parse('2031-01-01T12:30:00Z');
    rig.start();
    await settle();
    rig.clock.set('2026-03-01T12:30:00Z');
    await rig.clock.pass(40 * 60_000);
    expect(rig.begun).toEqual(['12:30', '13:00']);
  });

  test('once and at once after a machine slept for days, though a run goes on that began before', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    rig.start({ maxRunMs: 24 * hour, deadManMs: 99 * 24 * hour });
    await settle();
    rig.clock.set('2026-03-04T12:30:00Z');
    await rig.clock.pass(29 * 60_000);
    expect(rig.begun).toEqual(['12:30']);
    let finish: (verdict: Verdict) => void = () => undefined;
    rig.runs.push(() => new Promise((resolve) => (finish = resolve)));
    await rig.clock.pass(2 * 60_000);
    rig.clock.set('2026-03-08T05:30:00Z');
    await rig.clock.pass(60_000);
    // It was not cancelled: its time is that of the machine while it was awake.
    expect(rig.notes).toEqual(['heard delivered', 'skipped running']);
    finish(verdictOf('verified'));
    await rig.clock.pass(hour);
    expect(rig.begun).toEqual(['12:30', '13:00', '06:00']);
  });

  test('in the zone that it is given, over the change of summer time', async () => {
    const rig = new Rig();
    rig.clock.time = Date.parse('2026-03-28T02:30:00Z');
    rig.ranAt('2026-03-28T02:00:00Z');
    rig.start({ cron: '0 3 * * *', timezone: 'Europe/Berlin' });
    await rig.clock.pass(48 * hour);
    expect(rig.begun).toEqual(['01:00', '01:00']); // 3:00 summer time, both days
  });
});

describe('one at a time', () => {
  test('a time that comes while a run goes on is left out and counted', async () => {
    const rig = new Rig();
    let finish: (verdict: Verdict) => void = () => undefined;
    rig.runs.push(() => new Promise((resolve) => (finish = resolve)));
    rig.start({ deadManMs: 9 * hour });
    await rig.clock.pass(2 * hour + 60_000);
    expect(rig.notes).toEqual(['skipped running', 'skipped running']);
    finish(verdictOf('failed'));
    await rig.clock.pass(hour);
    expect(rig.begun).toEqual(['12:00', '15:00']);
    expect(rig.heard.runs.map(({ verdict }) => verdict?.verdict)).toEqual(['failed', 'verified']);
  });

  test('a run of another process is left out and counted, and its end puts the alarm off', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    rig.lock.holder = 'another';
    rig.start({ deadManMs: 90 * 60_000 });
    await rig.clock.pass(hour);
    expect(rig.notes).toEqual(['skipped locked']);
    await rig.clock.pass(20 * 60_000);
    rig.ranAt('2026-03-01T13:10:00Z'); // by the other one
    await rig.clock.pass(hour);
    expect(rig.notes).toEqual(['skipped locked', 'skipped locked']);
    expect(rig.heard.alarms).toEqual([]);
  });

  test('a run that lost its lock is given up and tells nothing', async () => {
    const rig = new Rig();
    rig.runs.push(untilAborted);
    rig.start();
    await settle();
    rig.lock.lost.abort();
    await settle();
    expect(rig.notes).toEqual(['lost']);
    expect(rig.heard.runs).toEqual([]);
  });

  test('a run of another process that is killed in the middle is gone on with, not left until the next time', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T11:00:00Z');
    rig.lock.holder = 'another';
    // That of another machine: the lock is free when it has shown no life for a while.
    rig.record.record = {
      ...rig.record.record!,
      started: { id: id(901), trigger: 'schedule', at: rig.clock.time },
    };
    rig.start();
    await rig.clock.pass(90_000);
    expect(rig.begun).toEqual([]);
    rig.lock.holder = null;
    await rig.clock.pass(90_000);
    expect(rig.begun).toEqual(['12:02']);
    expect(rig.heard.runs.map(({ trigger, error }) => [trigger, error?.code])).toEqual([
      ['schedule', 'VERIFY_INTERRUPTED'],
      ['resume', undefined],
    ]);
    expect(rig.notes.filter((note) => note === 'skipped locked')).toHaveLength(1);
    await rig.clock.pass(50 * 60_000);
    expect(rig.begun).toEqual(['12:02']);
  });

  test('a run of another process that ends is not repeated', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    rig.start();
    await rig.clock.pass(30 * 60_000);
    rig.lock.holder = 'another';
    await rig.clock.pass(40 * 60_000);
    rig.ranAt('2026-03-01T13:00:00Z');
    rig.lock.holder = null;
    await rig.clock.pass(45 * 60_000);
    expect(rig.begun).toEqual([]);
    expect(rig.notes).toEqual(['skipped locked']);
    await rig.clock.pass(10 * 60_000);
    expect(rig.begun).toEqual(['14:00']);
  });

  test('a lock that cannot be used ends nothing: it is tried again soon, and at the next time', async () => {
    const rig = new Rig();
    const take = rig.lock.take.bind(rig.lock);
    let failures = 1;
    rig.lock.take = async () => {
      if (failures-- > 0) throw new Error('read-only file system');
      return await take();
    };
    rig.start();
    await rig.clock.pass(hour + 60_000);
    expect(rig.begun).toEqual(['12:01', '13:00']);
  });
});

describe('an end in every case', () => {
  test('a run that takes too long is cancelled and reported, and the next one comes', async () => {
    const rig = new Rig();
    rig.runs.push(untilAborted);
    rig.start({ maxRunMs: 10 * 60_000 });
    await rig.clock.pass(hour + 60_000);
    expect(rig.heard.runs.map(({ error, verdict }) => error?.code ?? verdict?.verdict)).toEqual([
      'VERIFY_TIMED_OUT',
      'verified',
    ]);
  });

  test('a run that does not heed its end is reported, and ends the process for a new start', async () => {
    const rig = new Rig();
    rig.runs.push(never);
    rig.start({ maxRunMs: 10 * 60_000 });
    await rig.clock.pass(11 * 60_000);
    expect(rig.ended).toMatchObject({ code: 'VERIFY_STUCK' });
    expect(rig.heard.runs.map(({ error }) => error?.code)).toEqual(['VERIFY_STUCK']);
    expect(rig.lock.holder).toBe(null);
  });

  test('a run that throws is reported with its code and exit code', async () => {
    const rig = new Rig();
    rig.runs.push(
      () => Promise.reject(Object.assign(new Error('the anchor is torn'), { code: 'ANCHOR_CORRUPT' })),
      () => {
        throw new TypeError('x is not a function');
      },
    );
    rig.start({ exitCodeOf: (error) => (error instanceof TypeError ? 3 : 2) });
    await rig.clock.pass(hour + 1);
    expect(rig.heard.runs.map(({ error }) => error)).toEqual([
      { code: 'ANCHOR_CORRUPT', message: 'the anchor is torn', exitCode: 2 },
      { code: 'UNEXPECTED', message: 'x is not a function', exitCode: 3 },
    ]);
  });

  test('the signal ends it while a run goes on; the run is begun again by the next start', async () => {
    const rig = new Rig();
    rig.runs.push(untilAborted);
    rig.start();
    await settle();
    rig.stop.abort();
    await settle();
    expect(rig.ended).toBe('ended');
    expect(rig.notes).toEqual(['stopped']);
    expect(rig.heard.runs).toEqual([]);
    expect(rig.lock.holder).toBe(null);
    const again = new Rig();
    again.record.record = rig.record.record;
    again.start();
    await settle();
    expect(again.heard.runs.map(({ trigger }) => trigger)).toEqual(['start', 'resume']);
  });

  test('the signal ends it in bounded time though neither the run nor a reporter heeds it', async () => {
    const rig = new Rig();
    rig.runs.push(never);
    rig.start({ graceMs: 5_000 });
    await settle();
    rig.stop.abort();
    await rig.clock.pass(5_000);
    expect(rig.ended).toBe('ended');

    const deaf = new Rig();
    deaf.start({ graceMs: 5_000, reporters: [{ name: 'deaf', report: () => new Promise(() => undefined) }] });
    await settle();
    deaf.stop.abort();
    await deaf.clock.pass(5_000);
    expect(deaf.ended).toBe('ended');
    expect(deaf.notes).toEqual(['deaf failed']);
  });

  test('the signal ends it in bounded time though the lock, or what it remembers, gives no answer', async () => {
    for (const silent of ['take', 'release', 'save'] as const) {
      const rig = new Rig();
      const asked: string[] = [];
      const none = (): Promise<never> => (asked.push(silent), new Promise(() => undefined));
      const take = rig.lock.take.bind(rig.lock);
      if (silent === 'save') rig.record.save = none;
      else rig.lock.take = silent === 'take' ? none : async () => ({ ...(await take()), release: none }) as HeldLock;
      rig.start({ graceMs: 5_000 });
      await settle();
      expect(asked, silent).toEqual([silent]);
      rig.stop.abort();
      await rig.clock.pass(14_000);
      expect(rig.ended, silent).toBe('not yet');
      await rig.clock.pass(1_000);
      expect(rig.ended, silent).toBe('ended');
    }
  });

  test('runs that were killed are told by the next process where this one is to end first', async () => {
    const rig = new Rig();
    const lost = [901, 902, 903].map((n) => ({ id: id(n), trigger: 'schedule' as const, at: rig.clock.time - n }));
    rig.ranAt('2026-03-01T11:00:00Z');
    rig.record.record = { ...rig.record.record!, interrupted: lost };
    const told: string[] = [];
    const report = async (run: { id: string }): Promise<void> => {
      told.push(run.id);
      if (run.id === id(902)) rig.stop.abort();
    };
    rig.start({ reporters: [{ name: 'told', report }] });
    await settle();
    expect(told).toEqual([id(901), id(902), id(1)]);
    expect(rig.record.record.interrupted.map((each) => each.id)).toEqual([id(903)]);
    expect(rig.ended).toBe('ended');
  });

  test('a time zone that there is not is named once, in our words', () => {
    for (const timezone of ['Mars/X', '', 'Europe/Berlin;'])
      expect(() => parseCron('0 3 * * *', timezone)).toThrow(
        expect.objectContaining({
          code: 'SCHEDULE_INVALID',
          message: `The schedule's time zone ${JSON.stringify(timezone)} is not known here: give a name such as "Europe/Berlin", or UTC.`,
        }),
      );
    for (const timezone of ['UTC', 'Europe/Berlin', 'Etc/GMT-3'])
      expect(parseCron('0 3 * * *', timezone)).toBeDefined();
  });

  test.each([
    ['0 3 * * *', 24 * hour],
    ['0 * * * *', hour],
    ['* * * * * *', 1_000],
    ['*/10 9-17 * * *', 15 * hour + 10 * 60_000],
    ['*/10 9-17 * * 1-5', 63 * hour + 10 * 60_000],
    ['*/30 * * * * 6', 6 * 24 * hour + 30_000],
    ['0 3 1 * *', 31 * 24 * hour],
    ['*/5 * 1-7 * *', 24 * 24 * hour + 5 * 60_000],
    ['0 3 1 1 *', 366 * 24 * hour],
  ])('the longest wait of %s', (cron, wait) => {
    const began = performance.now();
    expect(parseCron(cron).longestGap(Date.parse('2026-03-04T12:34:56Z'))).toBe(wait);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test('what makes no sense is refused before anything runs', async () => {
    for (const options of [
      { cron: 'every day' },
      { cron: '0 0 30 2 *' },
      { cron: '2026-12-01T00:00:00' },
      { cron: '' },
      { timezone: 'Nowhere/City' },
      { maxRunMs: 0 },
      { maxRunMs: 2 ** 31 },
      { graceMs: -1 },
      { reportAttempts: 0.5 },
      { reportMs: Number.NaN },
      { deadManMs: 0 },
    ] satisfies Partial<ScheduleOptions>[]) {
      const rig = new Rig();
      rig.start(options);
      await settle();
      expect(rig.ended, JSON.stringify(options)).toMatchObject({ code: 'SCHEDULE_INVALID' });
      expect(rig.begun).toEqual([]);
    }
  });
});

describe('reports', () => {
  test('one that fails is tried again, some times only, and holds up no other', async () => {
    const rig = new Rig();
    const broken = new Heard('broken');
    broken.failures = Infinity;
    rig.heard.failures = 1;
    rig.start({ reporters: [broken, rig.heard] });
    await rig.clock.pass(60_000);
    expect(rig.heard.runs).toHaveLength(1);
    expect([rig.heard.tries, broken.tries]).toEqual([2, 3]);
    expect(rig.notes.sort()).toEqual(['broken failed', 'heard delivered']);
    expect(rig.record.record).toMatchObject({ ended: { verdict: 'verified', reported: true } });
  });

  test('one that never answers is given up after its time', async () => {
    const rig = new Rig();
    const aborted: boolean[] = [];
    rig.start({
      reportMs: 1_000,
      reportAttempts: 2,
      reporters: [
        {
          name: 'silent',
          report: (_, signal) => {
            signal.addEventListener('abort', () => aborted.push(true));
            return new Promise(() => undefined);
          },
        },
      ],
    });
    await rig.clock.pass(10_000);
    expect(rig.notes).toEqual(['silent failed']);
    expect(aborted).toEqual([true, true]);
  });

  test('a record that cannot be kept stops nothing', async () => {
    const rig = new Rig();
    rig.record.failing = true;
    rig.start();
    await rig.clock.pass(2 * hour + 1);
    expect(rig.heard.runs).toHaveLength(3);
    expect(rig.heard.alarms).toEqual([]);
  });
});

describe("the dead man's switch", () => {
  test('goes off when no run has a verdict in time, again and again, and is put off by one', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    const fail = (): Promise<Verdict> => Promise.reject(new Error('no'));
    rig.runs.push(fail, fail, fail, fail);
    rig.start({ deadManMs: 2 * hour });
    await rig.clock.pass(2 * hour - 1);
    expect(rig.heard.alarms).toEqual([]);
    await rig.clock.pass(60_000);
    expect(rig.heard.alarms).toEqual([
      { lastFinishedAt: '2026-03-01T12:00:00.000Z', since: '2026-03-01T12:00:00.000Z', limitMs: 2 * hour },
    ]);
    await rig.clock.pass(2 * hour + 60_000);
    expect(rig.heard.alarms).toHaveLength(2);
    await rig.clock.pass(3 * hour); // verified at 17:00
    expect(rig.heard.alarms).toHaveLength(2);
  });

  test('is not put off by a process that is killed again and again before it finishes', async () => {
    const rig = new Rig();
    rig.record.record = {
      ...newRecord(Date.parse('2026-03-01T09:00:00Z')),
      started: { id: id(7), trigger: 'start', at: Date.parse('2026-03-01T11:59:00Z') },
    };
    rig.runs.push(never);
    rig.start({ deadManMs: 2 * hour });
    await settle();
    expect(rig.heard.alarms).toEqual([{ lastFinishedAt: null, since: '2026-03-01T09:00:00.000Z', limitMs: 2 * hour }]);
  });

  test('goes off by default after twice the longest wait between two runs', async () => {
    const rig = new Rig();
    rig.ranAt('2026-03-01T12:00:00Z');
    rig.runs.push(never);
    rig.start({ cron: '0 9-17 * * *', maxRunMs: 99 * hour }); // 16 h at night
    await rig.clock.pass(31 * hour);
    expect(rig.heard.alarms).toEqual([]);
    await rig.clock.pass(hour + 60_000);
    expect(rig.heard.alarms).toHaveLength(1);
  });

  test('takes no time that lies ahead for a run in time', async () => {
    const rig = new Rig();
    rig.ranAt('2036-03-01T12:00:00Z');
    rig.runs.push(never);
    rig.start({ deadManMs: 2 * hour });
    await settle();
    expect(rig.heard.alarms).toHaveLength(1);
  });
});
