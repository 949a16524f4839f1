import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { folderRunLock } from '../../src/schedule/folder-run-lock.ts';
import { fileRunRecord } from '../../src/schedule/file-run-record.ts';
import { runOnce } from '../../src/schedule/once.ts';
import { Heard, verdictOf } from './support.ts';

// Real processes: one that verifies for ever, and what the next one makes of its end.

const folders: string[] = [];
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const source = (file: string): string => JSON.stringify(join(import.meta.dirname, '../../src/schedule', file));

/** A schedule whose run goes on until it is cancelled, or for ever. Resolves when the run has begun. */
async function endless(folder: string, heeds: boolean): Promise<ChildProcess> {
  const script = `
    const { runSchedule } = await import(${source('schedule.ts')});
    const { folderRunLock } = await import(${source('folder-run-lock.ts')});
    const { fileRunRecord } = await import(${source('file-run-record.ts')});
    const stop = new AbortController();
    process.on('SIGTERM', () => stop.abort());
    const folder = ${JSON.stringify(folder)};
    await runSchedule({
      cron: '0 3 * * *', reporters: [], signal: stop.signal, graceMs: 300,
      lock: folderRunLock(folder), record: fileRunRecord(folder + '/last-run.json'),
      run: (signal) => {
        console.log('begun');
        return new Promise((_, reject) => {
          const timer = setInterval(() => {}, 1000);
          if (${heeds}) signal.addEventListener('abort', () => { clearInterval(timer); reject(new Error('cancelled')); });
        });
      },
    });
    process.exit(0);`;
  const child = spawn(process.execPath, ['--conditions=@tallystick/source', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

function parts(folder: string) {
  const heard = new Heard();
  return {
    heard,
    options: {
      run: async () => verdictOf('verified'),
      reporters: [heard],
      lock: folderRunLock(folder),
      record: fileRunRecord(join(folder, 'last-run.json')),
      signal: new AbortController().signal,
    },
  };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-killed-'));
  folders.push(folder);
  return folder;
}

test('while a process verifies no other does; once it is killed the next one runs at once and tells of it', async () => {
  const folder = newFolder();
  const child = await endless(folder, true);
  const { heard, options } = parts(folder);
  await expect(runOnce(options)).rejects.toMatchObject({
    code: 'VERIFY_RUNNING',
    message: `Process ${child.pid} on ${hostname()} has been verifying with this state: wait for it, or give this run another one.`,
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await runOnce(options);
  expect(heard.runs.map(({ trigger, error }) => [trigger, error?.code])).toEqual([
    ['start', 'VERIFY_INTERRUPTED'],
    ['once', undefined],
  ]);
});

test.each([true, false])(
  'SIGTERM ends it soon and cleanly, and the lock is free (the run heeds it: %s)',
  async (heeds) => {
    const folder = newFolder();
    const child = await endless(folder, heeds);
    const at = performance.now();
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(performance.now() - at).toBeLessThan(60_000);
    const { heard, options } = parts(folder);
    await runOnce(options);
    expect(heard.runs.map(({ error }) => error?.code)).toEqual(['VERIFY_INTERRUPTED', undefined]);
  },
);
