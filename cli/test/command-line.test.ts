import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { signerFromSeed } from '@tallystick/core/note';
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
  const waiting = () => ({
    ...environment(),
    TALLYSTICK_ROOT_KEY: signerFromSeed('log.example.org/root', new Uint8Array(32).fill(7)).key.vkey,
  });
  const thrown = (where: string, ...args: string[]) => {
    const preload = `data:text/javascript,${encodeURIComponent(where)}`;
    const options = { env: where === later ? environment() : waiting(), encoding: 'utf8' } as const;
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

  // While it waits for brokers that do not answer.
  const atOnce = (what: string) =>
    `const silent = process.getBuiltinModule("net").createServer(() => undefined);
    await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
    process.env.TALLYSTICK_KAFKA_BROKERS = "127.0.0.1:" + silent.address().port;
    process.on("newListener", (name) => { if (name === "uncaughtException") setTimeout(() => { ${what} }, 1000); });`;

  it('is the line of `verify --json` too, and one only', () => {
    const again = 'setImmediate(() => { throw new Error("once more"); }); throw new Error("out of the blue");';
    const { status, stdout, stderr } = thrown(atOnce(again), 'verify', '--no-log', '--json');
    expect(stdout.split('\n').slice(1)).toEqual(['']);
    expect(JSON.parse(stdout)).toEqual({
      ...{ version: 1, verdict: null, exitCode: 3 },
      error: { code: 'UNEXPECTED', message: 'out of the blue' },
    });
    expect(stderr).toMatch(/out of the blue[^]*once more/);
    expect(status).toBe(3);
    // One that comes when the command has said why it ends adds nothing.
    expect(thrown(later, 'verify', '--no-log', '--json').stdout.split('\n').slice(1)).toEqual(['']);
    expect(thrown(atOnce(again), 'config', '--json').stdout).not.toContain('out of the blue');
  });

  it('stays what the exit code says, whatever the work would say that still goes on', () => {
    const { status } = thrown(
      atOnce('setImmediate(() => { process.exitCode = 0; }); throw new Error("x");'),
      'verify',
      '--no-log',
    );
    expect(status).toBe(3);
  });

  it('loses nothing that a slow reader has still to take', () => {
    const long = 'process.stdout.write("x".repeat(1_000_000) + "\\n"); throw new Error("out of the blue");';
    const preload = `data:text/javascript,${encodeURIComponent(atOnce(long))}`;
    const line = [process.execPath, '--import', preload, ...command('verify', '--no-log', '--json')];
    const { stdout } = spawnSync('sh', ['-c', '"$@" | (sleep 2; cat)', 'sh', ...line], {
      ...{ env: waiting(), encoding: 'utf8', maxBuffer: 1 << 24 },
    });
    expect(stdout.length).toBeGreaterThan(1_000_000);
    expect(stdout.trimEnd().split('\n').at(-1)).toContain('"UNEXPECTED"');
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
