import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeFinding } from '@tallystick/core/finding';
import { silentLogger } from '@tallystick/kafka/logger';
import { ScheduleMetrics } from '../../src/schedule/metrics.ts';
import { startMetricsServer, type Health, type MetricsServer } from '../../src/schedule/metrics-server.ts';
import { newRecord } from '../../src/schedule/run-record.ts';
import { closeReporters, runOnce, tellRun } from '../../src/schedule/once.ts';
import { runWorker } from '../../src/schedule/worker.ts';
import type { Progress, Verdict } from '../../src/verdict.ts';
import { Heard, HeldClock, MemoryLock, MemoryRecord, settle, verdictOf } from './support.ts';

const finding = (code: 'altered' | 'deleted') => ({
  ...makeFinding({
    code,
    topic: 'audit.events',
    partition: 0,
    generation: 0,
    place: 'offsets 1-1',
    expected: null,
    found: null,
    message: 'it is not what it was',
  }),
  hash: 'x',
});
const times = {
  id: 'x',
  trigger: 'schedule',
  startedAt: '2026-03-01T03:00:00Z',
  finishedAt: '2026-03-01T03:01:30Z',
} as const;

/** The lines of one metric. */
function linesOf(text: string, name: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(`tallystick_verify_${name}`));
}

describe('metrics', () => {
  test('say nothing of what is not known', async () => {
    const text = await new ScheduleMetrics().text();
    for (const name of ['last_exit_code', 'last_finished_timestamp_seconds', 'state_age_seconds'])
      expect(linesOf(text, name)).toEqual([`tallystick_verify_${name} Nan`]);
    expect(linesOf(text, 'runs_total')).toContain('tallystick_verify_runs_total{verdict="interrupted"} 0');
    expect(linesOf(text, 'last_findings')).toEqual([]);
  });

  test('say what the last run found, and forget the one before', async () => {
    const metrics = new ScheduleMetrics(() => Date.parse('2026-03-01T04:00:00Z'));
    const acknowledged = { ...finding('deleted'), acknowledged: { reason: 'known' } };
    const findings = [finding('altered'), finding('altered'), acknowledged];
    metrics.begun(Date.parse(times.startedAt));
    expect(linesOf(await metrics.text(), 'running')).toEqual(['tallystick_verify_running 1']);
    metrics.ended({ ...times, verdict: verdictOf('failed', { findings, findingsOmitted: { altered: 5 } }) });
    const text = await metrics.text();
    expect(linesOf(text, 'last_findings').sort()).toEqual([
      'tallystick_verify_last_findings{code="altered",severity="tampering",acknowledged="no"} 7',
      'tallystick_verify_last_findings{code="deleted",severity="loss",acknowledged="yes"} 1',
    ]);
    expect(linesOf(text, 'last_exit_code')).toEqual(['tallystick_verify_last_exit_code 1']);
    expect(linesOf(text, 'last_duration_seconds')).toEqual(['tallystick_verify_last_duration_seconds 90']);
    expect(linesOf(text, 'last_verdict')).toContain('tallystick_verify_last_verdict{verdict="failed"} 1');
    const at = Date.parse(times.finishedAt) / 1000;
    expect(linesOf(text, 'last_finished')).toEqual([`tallystick_verify_last_finished_timestamp_seconds ${at}`]);
    expect(linesOf(text, 'last_verified')).toEqual(['tallystick_verify_last_verified_timestamp_seconds Nan']);

    const anchoredTo = { ...verdictOf('verified').anchoredTo, updated: true };
    metrics.ended({ ...times, verdict: verdictOf('verified', { anchoredTo, startedAt: times.startedAt }) });
    const after = await metrics.text();
    expect(linesOf(after, 'last_findings')).toEqual([]);
    expect(linesOf(after, 'last_verified')).toEqual([`tallystick_verify_last_verified_timestamp_seconds ${at}`]);
    expect(linesOf(after, 'state_age_seconds')).toEqual(['tallystick_verify_state_age_seconds 3600']);
  });

  test('say how much waits, and for how long it has', async () => {
    const metrics = new ScheduleMetrics();
    const names = [
      'unsealed_age_seconds',
      'unpublished_statements',
      'unpublished_age_seconds',
      'checkpoint_age_seconds',
    ];
    const values = async () => {
      const text = await metrics.text();
      return names.map((name) => linesOf(text, `last_${name}`).map((line) => line.split(' ')[1]));
    };
    expect(await values()).toEqual(names.map(() => ['Nan']));
    const { counts, startedAt } = verdictOf('verified');
    const since = (seconds: number) => new Date(Date.parse(startedAt) - seconds * 1000).toISOString();
    const ages = {
      unsealed: { since: since(2_678_400), clock: 'stored' },
      pending: { since: since(90), clock: 'stored' },
      checkpoint: { since: since(-5), clock: 'witnesses' },
    } as const;
    metrics.ended({ ...times, verdict: verdictOf('verified', { ages, counts: { ...counts, pending: 4 } }) });
    expect(await values()).toEqual([['2678400'], ['4'], ['90'], ['0']]);
    // Nothing waits; or nobody knows.
    metrics.ended({ ...times, verdict: verdictOf('verified', { counts: { ...counts, unsealed: 0, pending: 0 } }) });
    expect(await values()).toEqual([['0'], ['0'], ['0'], ['Nan']]);
    metrics.ended({ ...times, verdict: verdictOf('verified') });
    expect(await values()).toEqual(names.map(() => ['Nan']));
  });

  test('are those that the documents name, with their labels', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../../docs/verification.md'), 'utf8');
    const told = [...text.matchAll(/^\| `tallystick_verify_(\w+)(?:\{[\w,]+\})?` \|/gm)].map(([, name]) => name);
    const served = [...(await new ScheduleMetrics().text()).matchAll(/^# TYPE tallystick_verify_(\w+) /gm)];
    expect(told.sort()).toEqual(served.map(([, name]) => name).sort());
  });

  test('a run without a verdict is no finished one', async () => {
    const metrics = new ScheduleMetrics();
    metrics.ended({ ...times, error: { code: 'ANCHOR_CORRUPT', message: 'torn', exitCode: 2 } });
    const text = await metrics.text();
    expect(linesOf(text, 'last_finished')).toEqual(['tallystick_verify_last_finished_timestamp_seconds Nan']);
    expect(linesOf(text, 'last_exit_code')).toEqual(['tallystick_verify_last_exit_code 2']);
    expect(linesOf(text, 'last_verdict')).toContain('tallystick_verify_last_verdict{verdict="error"} 1');
  });

  test('know after a restart what was before', async () => {
    const metrics = new ScheduleMetrics(() => 20_000);
    const ended = { id: 'x', at: 7_000, verdict: 'inconclusive', reported: true } as const;
    metrics.remembered({ ...newRecord(1), ended, finishedAt: 7_000, verifiedAt: 5_000, anchoredAt: 4_000 });
    const text = await metrics.text();
    expect(linesOf(text, 'last_finished')).toEqual(['tallystick_verify_last_finished_timestamp_seconds 7']);
    expect(linesOf(text, 'last_verified')).toEqual(['tallystick_verify_last_verified_timestamp_seconds 5']);
    expect(linesOf(text, 'state_age')).toEqual(['tallystick_verify_state_age_seconds 16']);
    expect(linesOf(text, 'last_verdict')).toContain('tallystick_verify_last_verdict{verdict="inconclusive"} 1');
  });
});

describe('the server of metrics', () => {
  const servers: MetricsServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  const state: { health: Health; broken: boolean } = { health: { live: true, ready: true }, broken: false };
  async function start(host = '127.0.0.1'): Promise<string> {
    const metrics = {
      contentType: 'text/plain',
      text: async () => {
        if (state.broken) throw new Error('/secret/path');
        return 'a 1\n';
      },
    };
    const server = await startMetricsServer({ listen: { host, port: 0 }, metrics, health: () => state.health });
    servers.push(server);
    return server.url;
  }

  test('answers probes by health', async () => {
    const url = await start();
    expect([(await fetch(`${url}/livez`)).status, (await fetch(`${url}/readyz?x=1`)).status]).toEqual([200, 200]);
    state.health = { live: false, ready: false };
    expect([(await fetch(`${url}/livez`)).status, (await fetch(`${url}/readyz`)).status]).toEqual([503, 503]);
    state.health = { live: true, ready: true };
  });

  test('knows three paths, two methods, and tells nothing of its own errors', async () => {
    const url = await start();
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('a 1\n');
    const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics/..%2f..%2fetc/passwd`)).status).toBe(404);
    const post = await fetch(`${url}/metrics`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    state.broken = true;
    const broken = await fetch(`${url}/metrics`);
    expect([broken.status, await broken.text()]).toEqual([500, 'the metrics cannot be told now\n']);
    state.broken = false;
  });

  test('closes though clients keep their connections', async () => {
    const url = await start();
    const port = Number(new URL(url).port);
    const idle = connect(port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const half = request({ port, method: 'POST', path: '/metrics', headers: { 'content-length': 10 } });
    half.on('error', () => undefined);
    half.write('x');
    await servers.pop()!.close();
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    idle.destroy();
  });

  test('says where it cannot listen', async () => {
    const url = await start();
    const listen = { host: '127.0.0.1', port: Number(new URL(url).port) };
    const metrics = { contentType: 'text/plain', text: async () => '' };
    const health = () => state.health;
    await expect(startMetricsServer({ listen, metrics, health })).rejects.toMatchObject({ code: 'METRICS_LISTEN' });
  });
});

test('a worker serves its metrics while it runs and closes all at its end', async () => {
  const stop = new AbortController();
  const clock = new HeldClock('2026-03-01T12:00:00Z');
  const closed: string[] = [];
  let url = '';
  const heard = new Heard();
  const done = runWorker({
    cron: '@hourly',
    run: async () => verdictOf('failed'),
    reporters: [{ name: 'one', report: (run) => heard.report(run), close: async () => void closed.push('one') }],
    lock: new MemoryLock(),
    record: new MemoryRecord(),
    clock,
    signal: stop.signal,
    listen: { host: '127.0.0.1', port: 0 },
    onListening: (at) => (url = at),
  });
  await expect.poll(() => heard.runs.length, { timeout: 60_000 }).toBe(1);
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(linesOf(text, 'last_exit_code')).toEqual(['tallystick_verify_last_exit_code 1']);
  expect(linesOf(text, 'next_run')).toEqual([
    `tallystick_verify_next_run_timestamp_seconds ${Date.parse('2026-03-01T13:00:00Z') / 1000}`,
  ]);
  stop.abort();
  await done;
  expect(closed).toEqual(['one']);
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

test('a worker says how far a run is, while it goes on', async () => {
  const stop = new AbortController();
  const clock = new HeldClock('2026-03-01T12:00:00Z');
  const tellings: ((progress: Progress) => void)[] = [];
  const heard = new Heard();
  let end: (verdict: Verdict) => void = () => undefined;
  let url = '';
  const done = runWorker({
    cron: '@hourly',
    run: async (_, onProgress) => {
      tellings.push(onProgress);
      return await new Promise((resolve) => (end = resolve));
    },
    reporters: [heard],
    lock: new MemoryLock(),
    record: new MemoryRecord(),
    clock,
    signal: stop.signal,
    listen: { host: '127.0.0.1', port: 0 },
    onListening: (at) => (url = at),
  });
  const values = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return ['progress_ratio', 'left_seconds'].map((name) => linesOf(text, name)[0]?.split(' ')[1]);
  };
  await expect.poll(() => tellings.length, { timeout: 60_000 }).toBe(1);
  const tell = tellings[0]!;
  expect(await values()).toEqual(['Nan', 'Nan']);
  const progress = { phase: 'records', done: 25, total: 100, partition: 0, leftMs: null } as const;
  tell(progress);
  expect(await values()).toEqual(['0.25', 'Nan']);
  tell({ ...progress, done: 110, leftMs: 1_500 });
  expect(await values()).toEqual(['1', '1.5']);
  tell({ ...progress, phase: 'copy', done: 0, total: 0 });
  expect(await values()).toEqual(['Nan', 'Nan']);
  tell({ ...progress, leftMs: 2_000 });
  end(verdictOf('verified'));
  await expect.poll(() => heard.runs.length, { timeout: 60_000 }).toBe(1);
  expect(await values()).toEqual(['Nan', 'Nan']);
  // A run that is over has no say any more.
  tell(progress);
  expect(await values()).toEqual(['Nan', 'Nan']);
  stop.abort();
  await done;
});

test('a worker that cannot serve its metrics runs nothing, and gives back what its reporters hold', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const told: string[] = [];
  const reporter = { name: 'one', report: async () => undefined, close: async () => void told.push('closed') };
  const options = {
    cron: '@hourly',
    lock: new MemoryLock(),
    record: new MemoryRecord(),
    clock: new HeldClock('2026-03-01T12:00:00Z'),
  };
  const run = async () => (told.push('run'), verdictOf('verified'));
  const signal = new AbortController().signal;
  const worker = runWorker({ ...options, run, reporters: [reporter], signal, listen: { host: '127.0.0.1', port } });
  await expect(worker).rejects.toMatchObject({ code: 'METRICS_LISTEN' });
  expect(told).toEqual(['closed']);
  await new Promise((resolve) => taken.close(resolve));
});

test('a worker ends though a reporter does not close, or fails at it', async () => {
  const stop = new AbortController();
  const clock = new HeldClock('2026-03-01T12:00:00Z');
  const deaf = { name: 'deaf', report: async () => undefined, close: () => new Promise<void>(() => undefined) };
  const torn = { name: 'torn', report: async () => undefined, close: () => Promise.reject(new Error('torn')) };
  let ended = false;
  const options = {
    cron: '@hourly',
    reporters: [deaf, torn],
    lock: new MemoryLock(),
    record: new MemoryRecord(),
    clock,
  };
  void runWorker({ ...options, run: async () => verdictOf('verified'), signal: stop.signal }).then(
    () => (ended = true),
  );
  await settle();
  stop.abort();
  await clock.pass(1_900);
  expect(ended).toBe(false);
  await clock.pass(200);
  expect(ended).toBe(true);
  await closeReporters([torn], clock);
});

describe('the reports of a run without a lock', () => {
  const run = { ...times, verdict: verdictOf('verified') };

  test('are tried three times, 30 seconds each, and one that never answers is left behind', async () => {
    const clock = new HeldClock('2026-03-01T12:00:00Z');
    const heard = new Heard();
    heard.failures = 2;
    let tries = 0;
    const silent = { name: 'silent', report: () => ((tries += 1), new Promise<void>(() => undefined)) };
    const lines: string[] = [];
    const logger = { ...silentLogger, error: (_: string, fields = {}) => void lines.push(JSON.stringify(fields)) };
    const signal = new AbortController().signal;
    let failed: readonly string[] | null = null;
    void tellRun(run, { reporters: [silent, heard], signal, clock, logger }).then((names) => (failed = names));
    await clock.pass(92_000);
    expect(failed).toBeNull();
    await clock.pass(2_000);
    expect([failed, tries, heard.runs.length]).toEqual([['silent'], 3, 1]);
    expect(lines).toEqual([expect.stringContaining('"code":"REPORT_FAILED"')]);
  });

  test('are told for ten seconds yet where the process is to end', async () => {
    const clock = new HeldClock('2026-03-01T12:00:00Z');
    const silent = { name: 'silent', report: () => new Promise<void>(() => undefined) };
    let failed: readonly string[] | null = null;
    const signal = AbortSignal.abort();
    void tellRun(run, { reporters: [silent], signal, clock }).then((names) => (failed = names));
    await clock.pass(9_000);
    expect(failed).toBeNull();
    await clock.pass(1_000);
    expect(failed).toEqual(['silent']);
    expect(await tellRun(run, { reporters: [new Heard()], signal, clock })).toEqual([]);
  });
});

describe('one run, as a CronJob begins it', () => {
  const signal = new AbortController().signal;
  const parts = () => ({ reporters: [new Heard()], lock: new MemoryLock(), record: new MemoryRecord(), signal });

  test('gives its verdict and who could not be told', async () => {
    const broken = new Heard('broken');
    broken.failures = Infinity;
    const result = await runOnce({
      ...parts(),
      reporters: [broken],
      reportAttempts: 1,
      run: async () => verdictOf('inconclusive'),
    });
    expect(result).toMatchObject({ run: { trigger: 'once', verdict: { exitCode: 3 } }, failed: ['broken'] });
  });

  test('tells of one that was killed before it', async () => {
    const given = parts();
    const at = Date.now() - 5;
    const started = { id: '00000000-0000-4000-8000-000000000001', trigger: 'once' as const, at };
    given.record.record = { ...newRecord(at), started };
    await runOnce({ ...given, run: async () => verdictOf('verified') });
    expect(given.reporters[0]!.runs.map(({ error }) => error?.code)).toEqual(['VERIFY_INTERRUPTED', undefined]);
  });

  test('does not run beside another, and ends when it is told to', async () => {
    const given = parts();
    given.lock.holder = 'another';
    const run = async () => verdictOf('verified');
    const refused = {
      code: 'VERIFY_RUNNING',
      message: expect.stringMatching(/^Another process has been verifying/) as string,
    };
    await expect(runOnce({ ...given, run })).rejects.toMatchObject(refused);
    const stop = new AbortController();
    const stopped = runOnce({
      ...parts(),
      signal: stop.signal,
      run: () => new Promise(() => undefined),
      graceMs: 5,
    });
    await settle();
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    const silent = new MemoryLock();
    silent.take = () => new Promise(() => undefined);
    const waiting = runOnce({ ...parts(), lock: silent, signal: stop.signal, run, graceMs: 5 });
    await expect(waiting).rejects.toMatchObject({ code: 'VERIFY_ABORTED' });
    const stuck = runOnce({ ...parts(), run: () => new Promise(() => undefined), maxRunMs: 5, graceMs: 5 });
    await expect(stuck).rejects.toMatchObject({ code: 'VERIFY_STUCK' });
  });
});
