import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packages, root } from './support/packages.ts';

// The test runner is more forgiving than Node about what a CommonJS module exports, so Node itself loads every entry point here.

it('Node loads every entry point of every package', () => {
  const entries = packages.flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(join(root, name, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    return Object.entries(exports)
      .filter(([, target]) => typeof target !== 'string')
      .map(([subpath]) => `@tallystick/${name}/${subpath.slice(2)}`);
  });
  expect(entries.length).toBeGreaterThan(40);
  const script = `for (const entry of ${JSON.stringify(entries)}) await import(entry).catch((error) => { console.log(entry, error.message); process.exitCode = 1; });`;
  const run = spawnSync(
    process.execPath,
    ['--conditions=@tallystick/source', '--input-type=module', '--eval', script],
    { cwd: root, encoding: 'utf8' },
  );
  expect(run.stdout + run.stderr).toBe('');
  expect(run.status).toBe(0);
});
