import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createContext } from '../src/context.ts';

const main = join(import.meta.dirname, '..', 'src', 'main.ts');
const command = (...args: string[]) => ['--conditions=@tallystick/source', main, ...args];
const environment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TALLYSTICK_')));

describe('output that nobody reads to its end', () => {
  it('ends neither the work nor says anything of it', async () => {
    const child = spawn(process.execPath, command('config', '--list'), { env: environment() });
    child.stdout.destroy();
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
  });

  it.runIf(process.platform === 'linux')('is an error where it could not be written', () => {
    const script = 'exec "$0" "$@" > /dev/full';
    const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, ...command('config', '--list')], {
      env: environment(),
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^tallystick: cannot write the output: .*\[ENOSPC\]\n$/);
    expect(status).toBe(3);
  });
});

describe('a command with a stack of its own', () => {
  afterEach(() => {
    delete process.env['TALLYSTICK_ORIGIN'];
    delete process.env['TALLYSTICK_NO_SUCH_SETTING'];
  });

  it('looks at no configuration, not even at a wrong one, and hands none on', () => {
    process.env['TALLYSTICK_ORIGIN'] = 'elsewhere.example';
    process.env['TALLYSTICK_NO_SUCH_SETTING'] = '1';
    const context = createContext({ config: '/there/is/no/such/file.yaml' }, 'nothing');
    expect(context.config.has('origin')).toBe(false);
    expect(context.configFile).toBeUndefined();
    expect(Object.entries(context.env).filter(([name, value]) => name.startsWith('TALLYSTICK_') && value)).toEqual([]);
    expect(() => createContext({})).toThrow(/TALLYSTICK_NO_SUCH_SETTING names no setting/);
  });
});
