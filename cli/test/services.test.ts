import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';
import type { Context } from '../src/context.ts';
import { whyNotReady } from '../src/service-ready.ts';
import { logFileOf, readReport, startServices, stopServices } from '../src/services.ts';

let home: string;
const command = process.argv[1];
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'tallystick-services-'))));
afterEach(async () => {
  process.argv[1] = command ?? '';
  await stopServices(contextOf({}));
  rmSync(home, { recursive: true, force: true });
});

function contextOf(env: NodeJS.ProcessEnv): Context {
  const stackHome = join(home, 'local');
  const write = () => undefined;
  const place = { cwd: home, home, stackName: 'local', stackHome, libs: join(home, 'lib'), configFile: undefined };
  const config = loadConfig({ env, cwd: home });
  return { ...place, env, config, out: write, say: write, terminal: false };
}

/**
 * What stands in for the command that `up` starts: a service that tells `status` of itself, as the real ones do, and does `then`.
 * The real report is written by the service's own code, so what it holds beside the status comes from there.
 */
function fakeService(status: unknown, then = 'setInterval(() => {}, 1000)'): void {
  const services = new URL('../src/services.ts', import.meta.url).href;
  const config = new URL('../src/config.ts', import.meta.url).href;
  const processes = new URL('../../infra/local/processes.ts', import.meta.url).href;
  const script = join(home, 'service.mjs');
  writeFileSync(
    script,
    `
    const { writeReport } = await import(${JSON.stringify(services)});
    const { loadConfig } = await import(${JSON.stringify(config)});
    const { recordProcess } = await import(${JSON.stringify(processes)});
    const context = { stackHome: ${JSON.stringify(join(home, 'local'))}, config: loadConfig({ env: process.env, cwd: ${JSON.stringify(home)} }) };
    const tell = (status) => writeReport(context, 'worker', recordProcess(process.pid), status);
    tell(${JSON.stringify(status)});
    ${then};
  `,
  );
  process.argv[1] = script;
}

async function start(env: NodeJS.ProcessEnv = {}, readyMs = 120_000): Promise<string[]> {
  const lines: string[] = [];
  const options = { attached: true, readyMs, onProgress: (line: string) => lines.push(line) };
  await startServices(contextOf(env), ['worker'], options);
  return lines;
}

const following = { partitions: [{ partition: 0, state: 'following' }] };
const waiting = { partitions: [{ partition: 0, state: 'waiting', trouble: null }] };

describe('what up starts', () => {
  it('is waited for until it does its work', async () => {
    fakeService(waiting, `setTimeout(() => tell(${JSON.stringify(following)}), 1500); setInterval(() => {}, 1000)`);
    const started = Date.now();
    expect(await start()).toEqual([expect.stringMatching(/^worker: runs \(\d+\.\d s\)$/)]);
    expect(Date.now() - started).toBeGreaterThan(1400);
  });

  it('is an error where it dies soon after it came up: with its log and the last lines of it', async () => {
    const end = join(home, 'end');
    fakeService(
      waiting,
      `const { existsSync } = await import('node:fs');
      setInterval(() => {
        if (!existsSync(${JSON.stringify(end)})) return;
        console.error('no tables [CLICKHOUSE_SCHEMA]');
        process.exit(1);
      }, 20)`,
    );
    const failing = start().catch((error: unknown) => error);
    while (readReport(contextOf({}), 'worker') === null) await sleep(20);
    // `up` looks every 50 ms, in this process: it has seen that it came up when this is over, however slow the machine.
    await sleep(200);
    writeFileSync(end, '');
    const failed = await failing;
    expect(failed).toMatchObject({ code: 'SERVICE_FAILED' });
    expect(String(failed)).toContain('the worker started, and then did not stay: it ended.');
    expect(String(failed)).toContain(logFileOf(contextOf({}), 'worker'));
    expect(String(failed)).toContain('no tables [CLICKHOUSE_SCHEMA]');
  });

  it('is said to be not ready where it waits for long, and is left alone', async () => {
    fakeService({ partitions: [{ partition: 3, state: 'waiting', trouble: 'ClickHouse is away' }] });
    expect(await start({}, 500)).toEqual([
      expect.stringMatching(
        /^worker: runs \(\d+\.\d s\), but is not ready: partition 3 waits: ClickHouse is away\. See /,
      ),
    ]);
    expect(await start()).toEqual(['worker: runs already']);
  });

  it('is left alone where it runs, and told of where the settings are others now', async () => {
    fakeService(following);
    const then = {
      TALLYSTICK_KAFKA_BROKERS: 'a.example:9092',
      TALLYSTICK_CLICKHOUSE_USERNAME: 'worker',
      TALLYSTICK_CLICKHOUSE_PASSWORD: 'old',
    };
    await start(then);
    expect(await start(then)).toEqual(['worker: runs already']);
    // What the worker does not look at is none of its settings.
    expect(await start({ ...then, TALLYSTICK_LEDGER_BATCH_EVENTS: '7' })).toEqual(['worker: runs already']);
    const now = { ...then, TALLYSTICK_KAFKA_BROKERS: 'b.example:9092', TALLYSTICK_CLICKHOUSE_PASSWORD: 'new' };
    delete (now as NodeJS.ProcessEnv)['TALLYSTICK_CLICKHOUSE_USERNAME'];
    expect(await start({ ...now, TALLYSTICK_ORIGIN: 'other.example' })).toEqual([
      'worker: runs already, with other settings:',
      '  clickhouse.password is another one',
      '  clickhouse.username is "worker" there and not set here',
      '  kafka.brokers is ["a.example:9092"] there and ["b.example:9092"] here',
      '  origin is not set there and "other.example" here',
      '  It goes on with those. "tallystick down", then "tallystick up" starts it with what is set here.',
    ]);
  });

  it('keeps no secret in its report', async () => {
    fakeService(following);
    await start({ TALLYSTICK_KAFKA_PASSWORD: 'precious', TALLYSTICK_KAFKA_USERNAME: 'me' });
    const report = readFileSync(join(home, 'local', 'services', 'worker.json'), 'utf8');
    expect(report).toContain('"kafka.username":"\\"me\\""');
    expect(report).not.toContain('precious');
  });
});

describe('a service is ready', () => {
  const partition = (state: string) => ({ partition: 0, state });
  it.each([
    ['a ledger whose roles run', 'ledger', { roles: { seal: 'running', serve: 'running' }, partitions: [] }, null],
    [
      'a ledger with something to mend',
      'ledger',
      { roles: { seal: 'stopped' }, partitions: [partition('stopped')] },
      null,
    ],
    ['a ledger that serves only', 'serve', { roles: { serve: 'running' }, partitions: [] }, null],
    ['a role that starts', 'ledger', { roles: { seal: 'running', publish: 'starting' } }, /role publish is starting/],
    ['a partition that starts', 'seal', { roles: {}, partitions: [partition('starting')] }, /^partition 0 waits/],
    ['a worker without partitions', 'worker', { partitions: [] }, /not found its partitions/],
    [
      'a worker that waits for a genesis',
      'worker',
      { partitions: [partition('following'), partition('waiting')] },
      /waits/,
    ],
    ['a worker that reads', 'worker', { partitions: [partition('following'), partition('recovering')] }, null],
  ] as const)('%s', (_, name, status, why) => {
    const found = whyNotReady(name, status);
    if (why === null) expect(found).toBeNull();
    else expect(found).toMatch(why);
  });
});
