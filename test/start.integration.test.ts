import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findMarked } from '../infra/local/processes.ts';

// npm start as a user runs it: Ctrl-C reaches every process of the terminal's foreground group; who supervises npm signals npm alone.
const root = dirname(import.meta.dirname);
mkdirSync(join(root, '.tallystick', 'lib'), { recursive: true });
mkdirSync(join(root, '.tallystick', 'test'), { recursive: true });
const home = mkdtempSync(join(root, '.tallystick', 'test', 'start-'));
symlinkSync(join(root, '.tallystick', 'lib'), join(home, 'lib'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

it.each([
  ['Ctrl-C', 'SIGINT', -1],
  ['a SIGTERM to npm alone', 'SIGTERM', 1],
] as const)(
  'npm start runs until %s, then ends by itself and leaves nothing running',
  async (_, signal, whom) => {
    const child = spawn('npm', ['start', '--silent'], {
      cwd: root,
      env: { ...process.env, TALLYSTICK_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    const ready = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.includes('Ctrl-C stops it')) resolve();
        });
      }
      child.on('close', () => reject(new Error(`it ended before it was ready:\n${output}`)));
    });
    await ready;
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    process.kill(whom * (child.pid ?? 0), signal);
    await ended;
    expect(output).toMatch(/stopped\n$/);
    const stack = join(home, 'local');
    expect([...findMarked(`--service-of=${stack}`), ...findMarked(`-Dtallystick.home=${stack}`)]).toEqual([]);
  },
  600_000,
);
