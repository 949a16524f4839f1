import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from '../local/lock.ts';
import { choosePort, isPortFree } from '../local/ports.ts';
import {
  endProcess,
  findMarked,
  isAlive,
  processBegan,
  recordProcess,
  spawnServer,
  waitUntilGone,
} from '../local/processes.ts';
import type { ProcessRecord } from '../local/processes.ts';

let folder: string;
const children: ChildProcess[] = [];
const servers: ProcessRecord[] = [];
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tallystick-infra-'))));
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const record of servers.splice(0)) await endProcess(record, 0);
  rmSync(folder, { recursive: true, force: true });
});

const idle = 'setInterval(() => {}, 1000)';

function start(code: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['-e', code, '--', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  return child;
}

function startedRecord(child: ChildProcess): ProcessRecord {
  const record = recordProcess(child.pid ?? 0);
  if (record === null) throw new Error('the child did not start');
  return record;
}

const said = (child: ChildProcess) => new Promise<void>((done) => child.stdout?.once('data', () => done()));

describe('a process', () => {
  test('is the same only with the same beginning: one with a recycled id is never taken for ours, nor ended', async () => {
    const child = start(idle);
    const record = startedRecord(child);
    expect(isAlive(record)).toBe(true);
    const recycled = { pid: record.pid, began: `${record.began}0` };
    expect(isAlive(recycled)).toBe(false);
    expect(await endProcess(recycled, 1000)).toBe(true);
    expect(isAlive(record)).toBe(true);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 40])('with the id %s is none', (pid) => {
    expect(processBegan(pid)).toBeNull();
  });

  test('that is dead and not yet reaped is dead', async () => {
    // The shell starts a child, becomes a program that never waits for children, and says the child's id.
    const child = start(
      `const { spawn } = require('node:child_process');
       const c = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60'], { stdio: ['ignore', 'inherit', 'ignore'], detached: false });
       process.on('exit', () => c.kill());
       ${idle}`,
    );
    const zombie = await new Promise<number>((done) =>
      child.stdout?.once('data', (data: Buffer) => done(Number(data.toString()))),
    );
    const deadline = Date.now() + 60_000;
    while (processBegan(zombie) !== null) expect(Date.now()).toBeLessThan(deadline);
    child.kill('SIGTERM');
  });

  test('that does not listen to SIGTERM is killed after the grace period', async () => {
    const child = start(`process.on('SIGTERM', () => {}); console.log('ready'); ${idle}`);
    await said(child);
    const record = startedRecord(child);
    expect(await endProcess(record, 200)).toBe(true);
    expect(isAlive(record)).toBe(false);
  });

  test('is found by its marker as one whole argument, not by a part of it', async () => {
    const marker = `-Dtallystick.home=${folder}`;
    const ours = start(`console.log('ready'); ${idle}`, marker);
    const other = start(`console.log('ready'); ${idle}`, `${marker}/other`);
    await Promise.all([said(ours), said(other)]);
    expect(findMarked(marker).map(({ pid }) => pid)).toEqual([ours.pid]);
  });

  test('that cannot be started is told, and is no process', async () => {
    const error = await new Promise<Error>((done) => {
      const record = spawnServer(
        { command: join(folder, 'missing'), args: [], cwd: folder, logFile: join(folder, 'log'), attached: false },
        done,
      );
      expect(record).toBeNull();
    });
    expect(error.message).toContain('ENOENT');
  });

  test.skipIf(process.platform !== 'linux').each([true, false])(
    'of a launcher that is killed ends with it: %s',
    async (attached) => {
      const pidFile = join(folder, 'pid');
      const launcher = start(
        `import(${JSON.stringify(join(import.meta.dirname, '../local/processes.ts'))}).then(({ spawnServer }) => {
         const record = spawnServer({ command: process.execPath, args: ['-e', ${JSON.stringify(`require('node:fs').writeFileSync('pid', String(process.pid)); ${idle}`)}],
           cwd: ${JSON.stringify(folder)}, logFile: ${JSON.stringify(join(folder, 'log'))}, attached: ${attached} }, () => {});
         ${idle};
       })`,
      );
      const deadline = Date.now() + 60_000;
      while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') {
        expect(Date.now()).toBeLessThan(deadline);
        await new Promise((done) => setTimeout(done, 20));
      }
      const server = recordProcess(Number(readFileSync(pidFile, 'utf8')));
      if (server === null) throw new Error('the server did not start');
      servers.push(server);
      const record = startedRecord(launcher);
      launcher.kill('SIGKILL');
      expect(await waitUntilGone(record, 60_000)).toBe(true);
      if (attached) expect(await waitUntilGone(server, 60_000)).toBe(true);
      else expect(isAlive(server)).toBe(true);
    },
  );
});

async function listen(): Promise<{ port: number; close: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return { port: address.port, close: () => server.close() };
}

describe('ports', () => {
  test('the wanted one is kept when it is free', async () => {
    const { port, close } = await listen();
    close();
    expect(await choosePort(port, new Set())).toBe(port);
  });

  test('one in use, or promised to another server, is not taken', async () => {
    const { port, close } = await listen();
    try {
      expect(await isPortFree(port)).toBe(false);
      expect(await choosePort(port, new Set())).not.toBe(port);
    } finally {
      close();
    }
    expect(await choosePort(port, new Set([port]))).not.toBe(port);
  });

  test('a new one lies where no outgoing connection is given its port', async () => {
    for (let i = 0; i < 20; i += 1) {
      const port = await choosePort(undefined, new Set());
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(30_000);
    }
  });
});

const path = () => join(folder, 'lock');

describe('the lock', () => {
  const options = { what: 'the stack', waitMs: 20_000 };

  test('lets one in at a time, within a process too', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((done) => setTimeout(done, 20));
      inside -= 1;
    };
    await Promise.all([1, 2, 3].map(async () => await withLock(path(), options, work)));
    expect(most).toBe(1);
    expect(existsSync(path())).toBe(false);
  });

  test('is given back when the work fails', async () => {
    await expect(withLock(path(), options, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(path(), options, () => Promise.resolve(1))).toBe(1);
  });

  test('of a living process is waited for, and that is said; STACK_BUSY names the process in the end', async () => {
    const child = start(idle);
    writeFileSync(path(), JSON.stringify(startedRecord(child)));
    const lines: string[] = [];
    const waiting = withLock(path(), { ...options, waitMs: 300, onProgress: (line) => lines.push(line) }, () =>
      Promise.resolve(1),
    );
    await expect(waiting).rejects.toMatchObject({
      code: 'STACK_BUSY',
      message: expect.stringContaining(String(child.pid)),
    });
    expect(lines).toEqual([`the stack: process ${child.pid} is working on it; waiting`]);
    expect(existsSync(path())).toBe(true);
  });

  test.each([
    ['a dead process', JSON.stringify({ pid: 2 ** 22 + 1, began: 'x' })],
    ['a process whose id another has now', JSON.stringify({ pid: process.pid, began: 'another' })],
    ['nobody, for it is empty', ''],
    ['nobody, for it is not JSON', '{'],
    ['nobody, for it is something else', '[]'],
  ])('of %s is taken over', async (_, text) => {
    writeFileSync(path(), text);
    expect(await withLock(path(), options, () => Promise.resolve('in'))).toBe('in');
  });

  test('is taken over although a process was killed while taking it over', async () => {
    writeFileSync(path(), '');
    mkdirSync(`${path()}.breaking`);
    const old = new Date(Date.now() - 60_000);
    utimesSync(`${path()}.breaking`, old, old);
    expect(await withLock(path(), options, () => Promise.resolve('in'))).toBe('in');
  });
});
