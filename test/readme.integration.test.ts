import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Runs the README's commands word for word, in a folder that looks like the clone but whose state is its own.
const root = dirname(import.meta.dirname);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => (match[1] ?? '').trim());
const background = blocks.find((block) => block.startsWith('./tallystick up')) ?? '';
const emitting = blocks.find((block) => block.includes('emit.mjs')) ?? '';
const [, script = ''] = /^```js\n([\s\S]*?)^```$/m.exec(readme) ?? [];

mkdirSync(join(root, '.tallystick', 'test'), { recursive: true });
const clone = mkdtempSync(join(root, '.tallystick', 'test', 'readme-'));
const env = { ...process.env, TALLYSTICK_HOME: join(clone, '.tallystick') };

function run(command: string): Promise<{ code: number | null; output: string; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { cwd: clone, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output, errors }));
  });
}

beforeAll(() => {
  for (const name of readdirSync(root)) {
    if (name !== '.tallystick' && name !== '.git') symlinkSync(join(root, name), join(clone, name));
  }
  // The programs are downloaded once for all.
  mkdirSync(join(clone, '.tallystick'));
  mkdirSync(join(root, '.tallystick', 'lib'), { recursive: true });
  symlinkSync(join(root, '.tallystick', 'lib'), join(clone, '.tallystick', 'lib'));
});

afterAll(async () => {
  await run('./tallystick down --wipe --yes');
  rmSync(clone, { recursive: true, force: true });
});

describe('the README', () => {
  it('names the scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [, name] of readme.matchAll(/npm (?:run )?(demo|test|start|bench|check|build|format)\b/g))
      expect(Object.keys(scripts)).toContain(name);
    expect(blocks.some((block) => block === 'npm run demo')).toBe(true);
    expect(blocks.some((block) => block === 'npm test')).toBe(true);
  });

  it('has commands for the background, in this order', () => {
    expect(background.split('\n').map((line) => line.split(' ')[1])).toEqual([
      'up',
      'status',
      'import',
      'verify',
      'prove',
      'check-proof',
      'down',
    ]);
  });

  it.each(background.split('\n'))(
    '%s',
    async (command) => {
      // While the stack is up.
      if (command.endsWith('down')) await emits();
      // What was imported is sealed about a second later; a verification before that would have less to look at.
      if (command.includes('verify')) await untilSealed();
      const { code, output, errors } = await run(command);
      expect(code, `${output}\n${errors}`).toBe(0);
      expect(output).not.toBe('');
    },
    300_000,
  );
});

async function emits(): Promise<void> {
  writeFileSync(join(clone, 'emit.mjs'), script);
  const { code, output, errors } = await run(emitting);
  expect(code, errors).toBe(0);
  expect(output).toMatch(/is at offset \d+ of partition \d\n$/);
}

async function untilSealed(): Promise<void> {
  const deadline = Date.now() + 180_000;
  for (;;) {
    const { output } = await run('./tallystick status --json');
    const { sealing } = JSON.parse(output) as {
      sealing: { lag: number; partitions: { highWatermark: number }[] } | null;
    };
    if (sealing !== null && sealing.lag === 0 && sealing.partitions.some(({ highWatermark }) => highWatermark > 0))
      return;
    if (Date.now() > deadline) throw new Error(`not sealed in three minutes: ${output}`);
  }
}
