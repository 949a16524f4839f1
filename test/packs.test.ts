import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packages, root } from './support/packages.ts';

// What a user of the published packages gets. Needs `npm run build` before, which .ci/run does; says so and skips where that was not run.
const built = packages.every((name) => existsSync(join(root, name, 'dist')));
const place = mkdtempSync(join(tmpdir(), 'tallystick-packs-'));
const modules = join(place, 'node_modules');

function run(command: string, args: string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status, stdout, stderr };
}

describe.skipIf(!built)('the packs', () => {
  beforeAll(() => {
    mkdirSync(join(modules, '@tallystick'), { recursive: true });
    for (const name of packages) {
      const packed = run('npm', ['pack', '--silent', '--pack-destination', place], join(root, name));
      expect(packed.status, packed.stderr).toBe(0);
      const folder = join(modules, '@tallystick', name);
      mkdirSync(folder);
      expect(
        run('tar', ['-xzf', join(place, packed.stdout.trim()), '--strip-components=1', '-C', folder], place).status,
      ).toBe(0);
    }
    // Everything else comes from the installed tree: what is tested is what we ship.
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name !== '@tallystick' && !name.startsWith('.'))
        symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
  }, 120_000);
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it.each(packages)('%s holds what a user needs and no more', (name) => {
    const folder = join(modules, '@tallystick', name);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE']));
    expect(
      files.filter((file) => /(^|\/)(test|testdata)\//.test(file) || /(?<!\.d)\.ts$|tsbuildinfo|\.test\./.test(file)),
    ).toEqual([]);
    expect(files.filter((file) => /(^|\/)(kafka-cluster|s3-(server|binary))\./.test(file))).toEqual([]);
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
    };
    for (const target of Object.values(exports)) {
      if (typeof target !== 'string')
        for (const kind of ['types', 'default']) expect(files).toContain(target[kind]?.slice(2));
    }
  });

  it('run as they are, compiled', () => {
    const main = join(modules, '@tallystick', 'cli', 'dist', 'main.js');
    const help = run(process.execPath, [main, '--help'], place);
    expect(help.stderr + help.stdout).toMatch(/verify/);
    expect(help.status).toBe(0);
    const status = run(process.execPath, [main, 'status', '--json'], place);
    expect(status.status, status.stderr).toBe(3);
    expect(JSON.parse(status.stdout)).toMatchObject({ running: false, kafka: null });
  });
});
