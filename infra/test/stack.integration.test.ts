import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { isPortFree } from '../local/ports.ts';
import { findMarked, isAlive, recordProcess } from '../local/processes.ts';
import { parseState } from '../local/state.ts';
import type { StackState } from '../local/state.ts';
import { restartKafka, stackStatus, startStack, stopKafka, stopStack, wipeStack } from '../local/stack.ts';

const shared = inject('stack');
// Beside the shared stack's folder, with the same downloads. The space and the umlaut are there on purpose.
const home = join(dirname(shared.home), `infra ü ${process.pid}`);
const stateFile = join(home, 'stack.json');
const { libs }: { libs: string } = JSON.parse(readFileSync(join(shared.home, 'stack.json'), 'utf8'));
const marker = `-Dtallystick.home=${home}`;
const stackModule = JSON.stringify(join(import.meta.dirname, '../local/stack.ts'));

const read = (): StackState => parseState(readFileSync(stateFile, 'utf8'), stateFile);

/** Runs startStack in a process of its own and kills that with SIGKILL once a line of its progress matches. */
async function startAndKill(at: RegExp, delayMs: number): Promise<void> {
  const code = `const { startStack } = await import(${stackModule});
    await startStack({ home: ${JSON.stringify(home)}, libs: ${JSON.stringify(libs)}, parts: ['kafka', 'clickhouse'], onProgress: (line) => console.log(line) });
    console.log('all up');`;
  const launcher = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(launcher, 'exit');
  let seen = false;
  for await (const line of createInterface({ input: launcher.stdout })) {
    if (!at.test(line)) continue;
    seen = true;
    if (delayMs > 0) await sleep(delayMs);
    launcher.kill('SIGKILL');
    break;
  }
  await ended;
  expect(seen).toBe(true);
}

afterAll(async () => {
  await stopStack(home);
  rmSync(home, { recursive: true, force: true });
});

describe('a stack', () => {
  test('shared by the tests answers on all ports', async () => {
    const status = await stackStatus(shared.home);
    expect(status.parts.map((part) => [part.name, part.healthy])).toEqual([
      ['kafka', true],
      ['registry', true],
      ['clickhouse', true],
    ]);
  });

  test('whose launcher is killed while Kafka is formatted, or starting, comes up at the next start, once', async () => {
    await startAndKill(/^clickhouse: ready/, 0);
    await startAndKill(/^kafka: starting…$/, 0);
    await startAndKill(/^clickhouse: runs already/, 200);
    const info = await startStack({ home, libs, parts: ['kafka', 'clickhouse'] });
    expect(info.registry).toBeNull();
    expect(new Set(findMarked(marker).map(({ pid }) => pid))).toEqual(new Set([info.kafka?.pid, info.clickhouse?.pid]));
    expect(findMarked(marker)).toHaveLength(2);
    const status = await stackStatus(home);
    expect(status.parts.filter((part) => part.healthy).map((part) => part.name)).toEqual(['kafka', 'clickhouse']);
  });

  test('that runs is left as it is by another start, also by two at once, which add what is missing', async () => {
    const before = read().processes;
    const [one, two] = await Promise.all([startStack({ home, libs }), startStack({ home, libs })]);
    expect(one).toEqual(two);
    expect(one.registry).not.toBeNull();
    expect(read().processes).toMatchObject(before);
    expect(findMarked(marker)).toHaveLength(3);
  });

  test('keeps its files from others', () => {
    expect(statSync(home).mode & 0o777).toBe(0o700);
    for (const file of [
      'stack.json',
      'kafka/server.properties',
      ...readdirSync(join(home, 'secrets')).map((name) => `secrets/${name}`),
    ]) {
      expect([file, statSync(join(home, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    expect(existsSync(join(home, 'kafka/format.args'))).toBe(false);
    const secrets = readdirSync(join(home, 'secrets')).map((name) => readFileSync(join(home, 'secrets', name), 'utf8'));
    for (const { pid } of findMarked(marker)) {
      const visible = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      expect(secrets.filter((secret) => visible.includes(secret))).toEqual([]);
    }
  });

  test('keeps tables and schemas when its servers are killed, and its ports', async () => {
    const before = read();
    const info = await startStack({ home, libs });
    const sql = async (query: string) => {
      const response = await fetch(`${info.clickhouse?.url}/`, { method: 'POST', body: query });
      expect(response.status).toBe(200);
      return (await response.text()).trim();
    };
    await sql('CREATE TABLE kept (n Int32) ENGINE = MergeTree ORDER BY n');
    await sql('INSERT INTO kept VALUES (42)');
    const schema = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: '"string"' }),
    };
    expect((await fetch(`${info.registry?.url}/subjects/kept-value/versions`, schema)).status).toBe(200);
    const records = findMarked(marker);
    for (const { pid } of records) process.kill(pid, 'SIGKILL');
    while (records.some(isAlive)) await sleep(20);
    expect((await stackStatus(home)).parts.map((part) => part.running)).toEqual([false, false, false]);

    await startStack({ home, libs });
    expect(read().ports).toEqual(before.ports);
    expect(await sql('SELECT n FROM kept')).toBe('42');
    expect(await (await fetch(`${info.registry?.url}/subjects`)).json()).toEqual(['kept-value']);
  });

  test('moves Kafka to another port when somebody else has taken its own', async () => {
    await stopKafka(home);
    expect((await stackStatus(home)).parts.map((part) => part.running)).toEqual([false, true, true]);
    const { kafka: port, controller } = read().ports;
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const info = await restartKafka(home);
      expect(info.kafka?.brokers).not.toEqual([`127.0.0.1:${port}`]);
      expect(read().ports.controller).toBe(controller);
      expect((await stackStatus(home)).parts.map((part) => part.healthy)).toEqual([true, true, true]);
    } finally {
      squatter.close();
    }
  });

  test('that is stopped leaves no process and no port, and stopping it again is harmless', async () => {
    const { ports } = read();
    await stopStack(home);
    expect(findMarked(marker)).toEqual([]);
    for (const port of Object.values(ports)) expect(await isPortFree(port)).toBe(true);
    expect(read().processes).toEqual({});
    await stopStack(home);
    expect((await stackStatus(home)).info).toBeNull();
    expect(existsSync(join(home, 'kafka/data/.kafka_cleanshutdown'))).toBe(true);
  });

  test('whose state file is broken is stopped all the same, and says what to do at the next start', async () => {
    const { clickhouse } = await startStack({ home, libs, parts: ['clickhouse'] });
    const whole = readFileSync(stateFile);
    writeFileSync(stateFile, whole.subarray(0, 100));
    await expect(startStack({ home, libs, parts: ['clickhouse'] })).rejects.toMatchObject({
      code: 'STACK_STATE_CORRUPT',
    });
    await expect(stackStatus(home)).rejects.toMatchObject({ code: 'STACK_STATE_CORRUPT' });
    expect(findMarked(marker).map(({ pid }) => pid)).toEqual([clickhouse?.pid]);
    await stopStack(home);
    expect(findMarked(marker)).toEqual([]);
    writeFileSync(stateFile, whole);
  });

  test('whose recorded process id belongs to somebody else now does that one no harm', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      const record = recordProcess(stranger.pid ?? 0);
      if (record === null) throw new Error('the stranger did not start');
      const state = { ...read(), processes: { clickhouse: { pid: record.pid, began: `${record.began}0` } } };
      writeFileSync(stateFile, JSON.stringify(state));
      const info = await startStack({ home, libs, parts: ['clickhouse'] });
      expect(info.clickhouse?.pid).not.toBe(record.pid);
      await stopStack(home);
      writeFileSync(stateFile, JSON.stringify(state));
      await stopStack(home);
      expect(isAlive(record)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('with a broken Kafka folder says what Kafka said, where the log is, and leaves nothing running', async () => {
    const meta = join(home, 'kafka/data/meta.properties');
    const whole = readFileSync(meta);
    writeFileSync(meta, 'version=1\n');
    await expect(startStack({ home, libs, parts: ['kafka', 'clickhouse'] })).rejects.toMatchObject({
      code: 'STACK_PART_FAILED',
      message: expect.stringMatching(
        /^kafka: it ended while it was starting\. The last lines of its log:\n[\s\S]*(meta\.properties|cluster\.id|node\.id)[\s\S]*kafka\.log$/,
      ),
    });
    expect(findMarked(marker)).toEqual([]);
    writeFileSync(meta, whole);
  });

  test('without one of its password files says which', async () => {
    rmSync(join(home, 'secrets/worker.password'));
    await expect(startStack({ home, libs, parts: ['kafka'] })).rejects.toMatchObject({
      code: 'STACK_SECRET_MISSING',
      message: expect.stringContaining('worker.password'),
    });
    expect(findMarked(marker)).toEqual([]);
  });

  test('that is wiped is forgotten whole, and what others put beside it stays', async () => {
    mkdirSync(join(home, 'mine'));
    await wipeStack(home);
    expect(readdirSync(home)).toEqual(['mine']);
  });
});
