import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Site } from './site.ts';

const site = new Site();
beforeAll(() => site.begin());
afterAll(() => site.end());

it('follows a log: the whole verdict once, then a line a look, and ends well with Ctrl-C', async () => {
  const ledger = await site.ledger('ledger');
  await site.emit();
  await site.allSealed();
  const main = join(import.meta.dirname, '..', 'src', 'main.ts');
  const args = ['verify', '--no-log', '--anchor', 'follow.anchor', '--follow', '1'];
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('TALLYSTICK_'));
  const child = spawn(process.execPath, ['--conditions=@tallystick/source', main, ...args], {
    cwd: site.folder,
    env: { ...Object.fromEntries(environment), TALLYSTICK_HOME: site.folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const line = (more: number, sealed: number) =>
      new RegExp(`^\\d{4}-.*Z {2}verified: ${more} more events checked.*, ${sealed} sealed`, 'm');
    await expect.poll(() => out, { timeout: 120_000 }).toMatch(line(0, 20));
    await site.emit(7);
    await expect.poll(() => out, { timeout: 120_000 }).toMatch(/, 27 sealed/);
  } finally {
    child.kill('SIGINT');
  }
  expect(await ended, errors).toBe(0);
  expect(out).toMatch(/^VERIFIED\n/);
  expect(out).toMatch(/\nended; the exit code is that of the worst verdict seen: 0 \(verified\)\n$/);
  // What is no audit event is a warning of the first look, and of the one that read the seven: new ones are told whole.
  expect(out.match(/^VERIFIED$/gm)?.length).toBeLessThanOrEqual(3);
  expect(errors).toBe('');
  await site.stop(ledger);
}, 500_000);
