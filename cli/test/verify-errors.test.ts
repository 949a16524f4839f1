// `verify --json` says why there is no verdict, also where it could not begin.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BundleFolder } from '../../verifier/test/bundle/bundles.ts';
import { origin, rootKey, World } from '../../verifier/test/support/world.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-verify-errors-'));
const bundles = new BundleFolder();
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  bundles.end();
});
const main = join(import.meta.dirname, '..', 'src', 'main.ts');

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=@tallystick/source', main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env['PATH'], TALLYSTICK_HOME: folder, ...env },
  });
  return { status, stdout, stderr };
}

describe('verify --json', () => {
  it.each<[string, readonly string[], NodeJS.ProcessEnv, string]>([
    ['flags that do not go together', ['--follow', '1', '--schedule', '0 3 * * *'], {}, 'USAGE'],
    ['a flag that needs another one', ['--metrics', '127.0.0.1:0'], {}, 'USAGE'],
    ['a flag that there is not', ['--jsno'], {}, 'USAGE'],
    ['a flag without its value', ['--bundle'], {}, 'USAGE'],
    ['a setting that there is not', [], { TALLYSTICK_NO_SUCH_SETTING: '1' }, 'CONFIG_UNKNOWN'],
    ['a setting that cannot be', [], { TALLYSTICK_KAFKA_BROKERS: 'x' }, 'CONFIG_INVALID'],
    ['a configuration that is not there', [], { TALLYSTICK_CONFIG: 'none.yaml' }, 'CONFIG_FILE'],
    ['a stack of a name that cannot be', ['--stack', 'No!'], {}, 'USAGE'],
    ['no root key', ['--no-log'], { TALLYSTICK_KAFKA_BROKERS: '127.0.0.1:1' }, 'CONFIG_MISSING'],
    ['a root key that is none', ['--root-key', 'none'], {}, 'KEY_MALFORMED'],
    ['a bundle that is none', ['--bundle', 'none', '--root-key', rootKey.vkey], {}, 'BUNDLE_UNREADABLE'],
  ])('of %s', (_, args, env, code) => {
    const { status, stdout, stderr } = run(['verify', '--json', ...args], env);
    const [line = '', ...rest] = stdout.split('\n');
    expect(rest, stderr).toEqual(['']);
    expect(JSON.parse(line)).toEqual({
      version: 1,
      verdict: null,
      exitCode: 2,
      error: { code, message: expect.stringMatching(/^(?!error: )./) as string },
    });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/./)]);
    // For people alone nothing stands on standard output.
    expect(run(['verify', ...args], env)).toMatchObject({ status: 2, stdout: '' });
  });

  it.each<[readonly string[], NodeJS.ProcessEnv, string]>([
    [['--root-key', 'foo'], {}, '--root-key: a verifier key has three parts'],
    [[], { TALLYSTICK_ROOT_KEY: 'foo' }, 'rootKey in the configuration: a verifier key has three parts'],
    [[], {}, 'the root vkey is not known: give verify or check-proof --root-key VKEY, or set TALLYSTICK_ROOT_KEY, or'],
  ])('the error of %j with %j says what it is about', async (args, env, message) => {
    const { file } = await bundles.export(await World.small());
    const { status, stderr } = run(['verify', '--bundle', file, '--no-log', ...args], env);
    expect([status, stderr]).toEqual([2, expect.stringContaining(`tallystick: ${message}`)]);
  });

  it('help is no error, and other commands say nothing of the kind', () => {
    expect(run(['verify', '--json', '--help']).stdout).toMatch(/^Usage: tallystick verify /);
    expect(run(['status', '--json', '--jsno']).stdout).toBe('');
  });
});

describe('verify --root-key', () => {
  it('takes a vkey or a file that holds it, in place of what is configured', async () => {
    const { file } = await bundles.export(await World.small());
    const key = join(folder, 'root.vkey');
    writeFileSync(key, `${rootKey.vkey}\n`);
    const other = { TALLYSTICK_ROOT_KEY: 'other.example/root+a1d4cdd0+AV2kBIMfQO0FbMGQSjUCAaNAsDtuKDRfrd3vgTcULEwH' };
    for (const given of [rootKey.vkey, key, 'root.vkey']) {
      const { status, stdout, stderr } = run(
        ['verify', '--bundle', file, '--no-log', '--root-key', given, '--json'],
        other,
      );
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ verdict: 'verified', origin, rootKey: rootKey.vkey });
    }
  });
});

it('output that cannot be written is never a success', async () => {
  const { file } = await bundles.export(await World.small());
  const script = 'exec "$0" "$@" > /dev/full';
  const args = [
    '--conditions=@tallystick/source',
    main,
    'verify',
    '--bundle',
    file,
    '--no-log',
    '--root-key',
    rootKey.vkey,
  ];
  const env = { PATH: process.env['PATH'], TALLYSTICK_HOME: folder };
  const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, ...args], { env, encoding: 'utf8' });
  expect(stderr).toContain('[ENOSPC]');
  expect(status).toBe(3);
});
