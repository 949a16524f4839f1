// The process ends with its code, whatever its threads wait for: a file that nobody answers for would hold it for ever.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-end-process-'));
afterAll(() => rmSync(folder, { recursive: true }));
const pipe = join(folder, 'pipe');
execFileSync('mkfifo', [pipe]);
const thread = join(folder, 'thread.mjs');
writeFileSync(thread, `import { readFileSync } from 'node:fs'; readFileSync(${JSON.stringify(pipe)});`);
const module = JSON.stringify(join(import.meta.dirname, '..', 'src', 'end-process.ts'));

it.each([
  ['nothing', ''],
  ['a file', `open(${JSON.stringify(pipe)}, 'r').catch(() => undefined);`],
  [
    'all threads for files',
    `for (let thread = 0; thread < 8; thread++) open(${JSON.stringify(pipe)}, 'r').catch(() => undefined);`,
  ],
  ['a thread', `new Worker(${JSON.stringify(thread)});`],
])('while %s is waited for', (_, waits) => {
  const code = `
    import { open } from 'node:fs/promises';
    import { setTimeout as wait } from 'node:timers/promises';
    import { Worker } from 'node:worker_threads';
    const { endProcess } = await import(${module});
    ${waits}
    await wait(200);
    process.exitCode = 2;
    process.on('exit', () => (process.exitCode = 3));
    process.stdout.write('x'.repeat(1_000_000));
    await endProcess();`;
  const file = join(folder, 'main.mjs');
  writeFileSync(file, code);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--conditions=@tallystick/source', file], {
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 10_000_000,
  });
  expect([status, signal, stdout.length, stderr]).toEqual([3, null, 1_000_000, '']);
});
