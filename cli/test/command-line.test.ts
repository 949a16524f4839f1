import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { commandName } from '../src/command-name.ts';
import { createContext } from '../src/context.ts';
import { checkNode } from '../src/node-version.ts';
import { buildProgram } from '../src/program.ts';

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

describe('the name of a command', () => {
  it.each([
    ['verify --stack local', 'verify'],
    ['--config verify --stack=status verify', 'verify'],
    ['--config ./a.yaml --version config', 'config'],
    ['--stack', undefined],
    ['--stack verify', undefined],
    ['', undefined],
  ])('in "%s" is %s', (line, name) => {
    expect(commandName(buildProgram(), line.split(' ').filter(Boolean))).toBe(name);
  });
});

describe('what nobody expected', () => {
  const thrown = (where: string, ...args: string[]) => {
    const preload = `data:text/javascript,${encodeURIComponent(where)}`;
    const options = { env: environment(), encoding: 'utf8' } as const;
    return spawnSync(process.execPath, ['--import', preload, ...command(...args)], options);
  };
  // As soon as the command has begun; the process lives until then.
  const later =
    'const begun = setInterval(() => { if (process.listenerCount("uncaughtException") > 0) { clearInterval(begun); throw new Error("out of the blue"); } }, 1)';

  it.each([
    ['a verification, of which 1 would say that something was tampered with', 'verify', 3],
    ['another command', 'config', 1],
  ] as const)('ends %s', (_, name, exit) => {
    const { status, stderr } = thrown(later, name);
    expect(stderr).toContain('out of the blue');
    expect(status).toBe(exit);
  });

  it.each([
    [['verify'], 3],
    [['--stack', 'other', 'verify', '--json'], 3],
    [['--stack', 'verify', 'config'], 1],
    [[], 1],
  ] as const)('ends %j as that command would, also before its line was read', (args, exit) => {
    const before =
      'const { node } = process.versions; Object.defineProperty(process.versions, "node", { get: () => { if (process.listenerCount("uncaughtException") > 0) throw new Error("out of the blue"); return node; } })';
    const { status, stderr } = thrown(before, ...args);
    expect(stderr).toContain('out of the blue');
    expect(status).toBe(exit);
  });

  it('is not an old Node: that is said before anything is loaded', () => {
    const old = 'Object.defineProperty(process.versions, "node", { value: "20.19.5" })';
    for (const name of ['verify', 'config']) {
      const { status, stderr } = thrown(old, name);
      expect(stderr).toBe('tallystick: Node 22.15 or newer is needed, and this is Node 20.19.5 [NODE_TOO_OLD]\n');
      expect(status).toBe(2);
    }
    expect(() => checkNode('22.15.0')).not.toThrow();
    expect(() => checkNode('24.0.1')).not.toThrow();
    for (const version of ['22.14.9', '18.20.0', '']) expect(() => checkNode(version)).toThrow(/is needed/);
  });
});
