// `tallystick verify --schedule` as it is typed, on the real stack: what it tells, beside another one, killed, and told to end.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { connectClickHouse, type ClickHouse } from '@tallystick/anomaly-worker/clickhouse';
import { applyMigrations } from '@tallystick/anomaly-worker/migrations';
import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { EventDecoder } from '@tallystick/schemas/decoder';
import type { VerificationRun } from '@tallystick/verifier/reporter';
import { clickhouseConfig, migrationsDir } from '../../anomaly-worker/test/support/clickhouse.ts';
import { kafkaConfigFor } from '../../test/support/kafka.ts';
import { type Running, Site } from './site.ts';

const stack = inject('stack');
const site = new Site();
const withTables = stack.clickhouse !== null;
let clickhouse: ClickHouse | null = null;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  await site.begin();
  const reporter = stack.kafka?.users.reporter;
  env = {
    TALLYSTICK_REGISTRY_URL: stack.registry?.url ?? '',
    TALLYSTICK_KAFKA_USERS_REPORTER_USERNAME: reporter?.username ?? '',
    TALLYSTICK_KAFKA_USERS_REPORTER_PASSWORD_FILE: reporter?.passwordFile ?? '',
  };
  if (!withTables) return;
  const config = clickhouseConfig(stack);
  await applyMigrations(config, migrationsDir);
  clickhouse = connectClickHouse(config);
  env = { ...env, TALLYSTICK_CLICKHOUSE_URL: config.url, TALLYSTICK_CLICKHOUSE_DATABASE: config.database };
});
afterAll(async () => {
  if (clickhouse !== null) {
    await clickhouse.command(`DROP DATABASE ${clickhouse.config.database}`);
    await clickhouse.close();
  }
  await site.end();
});

const state = ['--state', 'state', '--anchor', 'anchor.json'];
const told = ['--record', '--report-html', 'run.html', '--report-junit', 'run.xml', '--report-json', 'run.json'];

interface Scheduled extends Running {
  /** The lines of one metric, `{labels} value` each. */
  metric(name: string): Promise<string[]>;
  get(path: string): Promise<Response>;
}

/** One that verifies each second, once its metrics can be asked for. */
async function scheduled(): Promise<Scheduled> {
  const flags = ['--schedule', '* * * * * *', '--metrics', '127.0.0.1:0'];
  const running = site.start(['verify', ...flags, ...state, ...told], env);
  let said = '';
  running.child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const listening = /^metrics at (http:\S+)\/metrics$/m;
  await expect.poll(() => said, { timeout: 120_000 }).toMatch(listening);
  const get = (path: string) => fetch(`${listening.exec(said)?.[1] ?? ''}${path}`);
  const metric = async (name: string): Promise<string[]> => {
    const lines = (await (await get('/metrics')).text()).split('\n');
    const whole = `tallystick_verify_${name}`;
    return lines.filter((line) => line.startsWith(whole)).map((line) => line.slice(whole.length).trim());
  };
  return { ...running, metric, get };
}

async function counted({ metric }: Scheduled, name: string, labels: string): Promise<number> {
  const line = (await metric(name)).find((one) => one.startsWith(labels)) ?? '';
  return Number(line.slice(labels.length));
}

const verified = (one: Scheduled) => counted(one, 'runs_total', '{verdict="verified"}');

/** Stops a process in the middle of a run: begun, and neither ended nor told. @returns the run's id */
async function stoppedInRun({ child }: Running): Promise<string> {
  for (const until = performance.now() + 60_000; performance.now() < until;) {
    child.kill('SIGSTOP');
    await sleep(50);
    const { started, ended } = JSON.parse(readFileSync(join(site.folder, 'state', 'last-run.json'), 'utf8')) as {
      started: { id: string };
      ended: { id: string } | null;
    };
    if (started.id !== ended?.id) return started.id;
    child.kill('SIGCONT');
    await sleep(Math.random() * 100);
  }
  throw new Error('no run was met');
}

/** What verifications wrote into the ledger. */
async function recorded(): Promise<AuditEvent[]> {
  const log = connectRecordLog(kafkaConfigFor(stack, 'verifier'));
  const decoder = new EventDecoder({ schemaById: () => Promise.reject(new Error('every one names its schema')) });
  const events: AuditEvent[] = [];
  try {
    const { topicId } = await log.describeTopic(site.topics.events);
    const from = { log, topic: site.topics.events, topicId, partition: 0, from: 0, deadlineMs: 30_000 };
    for await (const { batches } of readPartition(from))
      for (const { bytes, header } of batches) {
        const parsed = parseBatch(bytes, header, nodeCodecs);
        for (const record of parsed.parsed ? recordsOf(parsed) : []) {
          const content = await decoder.decode(record);
          if (content.status === 'decoded') events.push(content.event);
        }
      }
  } finally {
    await log.close();
  }
  return events.filter(({ action }) => action === 'tallystick:verify');
}

const report = () => (JSON.parse(readFileSync(join(site.folder, 'run.json'), 'utf8')) as { run: VerificationRun }).run;

it('goes on, tells everybody, and is neither harmed by another one nor by its own end', async () => {
  const ledger = await site.ledger('ledger');
  await site.emit();
  await site.allSealed();
  const first = await scheduled();
  await expect.poll(() => verified(first), { timeout: 120_000 }).toBeGreaterThanOrEqual(3);

  // What it tells.
  expect(await first.metric('last_exit_code')).toEqual(['0']);
  expect(await counted(first, 'last_checked', '{what="events"}')).toBeGreaterThanOrEqual(0);
  expect([(await first.get('/livez')).status, (await first.get('/readyz')).status]).toEqual([200, 200]);
  for (const reporter of ['html', 'junit', 'json', 'audit-event', ...(withTables ? ['clickhouse'] : [])]) {
    expect(await counted(first, 'reports_total', `{reporter="${reporter}",result="delivered"}`)).toBeGreaterThan(1);
    expect(await counted(first, 'reports_total', `{reporter="${reporter}",result="failed"}`)).toBe(0);
  }
  const run = report();
  expect(run).toMatchObject({ verdict: { verdict: 'verified', origin: site.origin } });
  expect(readFileSync(join(site.folder, 'run.html'), 'utf8')).toMatch(/^<!doctype html>[^]*verified/i);
  const suites = [
    ...readFileSync(join(site.folder, 'run.xml'), 'utf8').matchAll(/<testsuite .* failures="(\d+)" errors="(\d+)"/g),
  ];
  expect(suites.map(([, failures, errors]) => [failures, errors])).toEqual([
    ['0', '0'],
    ['0', '0'],
    ['0', '0'],
  ]);
  const idsOf = async () => (await recorded()).map(({ correlation }) => correlation?.requestId);
  await expect.poll(idsOf, { timeout: 120_000 }).toContain(run.id);
  expect((await recorded())[0]).toMatchObject({ outcome: 'success', source: 'tallystick-verifier' });

  // Another one beside it, while it verifies: one is refused, the other leaves the run out.
  await stoppedInRun(first);
  const beside = await site.run(['verify', ...state], env);
  expect([beside.code, beside.out]).toEqual([3, '']);
  expect(beside.errors).toContain('[VERIFY_RUNNING]');
  expect(beside.errors).toContain(`Process ${first.child.pid} on `);
  const second = await scheduled();
  await expect.poll(() => counted(second, 'skipped_total', '{why="locked"}'), { timeout: 120_000 }).toBeGreaterThan(0);
  expect(await verified(second)).toBe(0);
  second.child.kill('SIGTERM');
  expect((await second.ended).code).toBe(0);
  first.child.kill('SIGCONT');
  const before = await verified(first);
  await expect.poll(() => verified(first), { timeout: 120_000 }).toBeGreaterThan(before);

  // Killed in the middle: the next one takes the lock over, says what became of that run, and goes on.
  const killed = await stoppedInRun(first);
  first.child.kill('SIGKILL');
  await first.ended;
  const next = await scheduled();
  await expect.poll(() => verified(next), { timeout: 120_000 }).toBeGreaterThanOrEqual(2);
  expect(await counted(next, 'runs_total', '{verdict="interrupted"}')).toBe(1);
  const told = (await recorded()).find(({ correlation }) => correlation?.requestId === killed);
  expect(told).toMatchObject({ outcome: 'unknown', errorCode: 'VERIFY_INTERRUPTED' });
  if (clickhouse !== null) {
    const text = `SELECT run_id, verdict, error_code FROM ${clickhouse.config.database}.verification_runs FINAL`;
    const rows = await clickhouse.query(text);
    expect(rows).toContainEqual([run.id, 'verified', '']);
    expect(rows).toContainEqual([killed, 'error', 'VERIFY_INTERRUPTED']);
  }

  // Told to end, twice.
  const at = performance.now();
  next.child.kill('SIGTERM');
  next.child.kill('SIGINT');
  await sleep(20);
  next.child.kill('SIGTERM');
  const { code, signal, errors } = await next.ended;
  expect([code, signal], errors).toEqual([0, null]);
  expect(performance.now() - at).toBeLessThan(60_000);
  expect(locked()).toBe(false);
  const after = await site.run(['verify', ...state], env);
  expect([after.code, after.out.split('\n')[0]], after.errors).toEqual([0, 'VERIFIED']);
  await site.stop(ledger);
}, 600_000);

/** Whether somebody holds the lock. */
function locked(): boolean {
  const folder = join(site.folder, 'state', 'run.lock');
  const numbers = readdirSync(folder).flatMap((name) => (name.startsWith('lock-') ? [Number(name.slice(5))] : []));
  const newest = readFileSync(join(folder, `lock-${Math.max(...numbers)}`), 'utf8');
  return (JSON.parse(newest) as { released?: boolean }).released !== true;
}
