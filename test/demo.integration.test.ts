import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

// The main job end to end, attack included, as a user runs it.
const root = dirname(import.meta.dirname);

it('npm run demo does the main job, names the altered event, and leaves nothing behind', async () => {
  const child = spawn('npm', ['run', '--silent', 'demo', '--', '--json'], {
    cwd: root,
    // What is configured for a ledger elsewhere, wrong or right, is nothing to the demo.
    env: { ...process.env, TALLYSTICK_ORIGIN: 'elsewhere.example', TALLYSTICK_NO_SUCH_SETTING: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code, `${output}\n${errors}`).toBe(0);

  const summary = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  expect(summary).toEqual({
    events: expect.any(Number),
    sealed: summary['events'],
    verified: true,
    rows: summary['rows'] === null ? null : summary['events'],
    tamperDetected: true,
    tamperedOffset: expect.any(Number),
    seconds: expect.any(Number),
  });
  expect(summary['events']).toBeGreaterThan(150);
  // The offset that the verifier named is the one of a receipt, and it is in the story that people read.
  expect(output).toMatch(new RegExp(`partition \\d, offset ${String(summary['tamperedOffset'])}[):]`));
  expect(output).toMatch(/VERIFIED \(exit 0\)/);
  expect(output).toMatch(/FAILED \(exit 1\)/);
  const own = readdirSync(join(root, '.tallystick')).filter((name) => name.startsWith('demo-'));
  expect(own.filter((name) => output.includes(name) || errors.includes(name))).toEqual([]);
}, 300_000);
