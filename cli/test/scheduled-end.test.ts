// The command itself, with a verification that does not heed its end and holds the process: it ends all the same.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { rootKey } from '../../verifier/test/support/world.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-end-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
const main = join(import.meta.dirname, '..', 'src', 'main.ts');

/** In place of the verification: one that never ends and holds a socket and a timer; `heeds`: until it is cancelled. */
function inPlace(name: string, heeds: boolean): string {
  const source = `
    import { createServer } from 'node:net';
    export async function verify({ signal }) {
      process.stderr.write('it verifies\\n');
      createServer().listen(0, '127.0.0.1');
      setInterval(() => undefined, 1000);
      return await new Promise((_, reject) => {
        if (${heeds}) signal.addEventListener('abort', () => reject(Object.assign(new Error('cancelled'), { code: 'VERIFY_ABORTED' })));
      });
    }`;
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { registerHooks } from 'node:module';
    registerHooks({
      load: (url, context, next) => url.endsWith('/verifier/src/verify.ts')
        ? { format: 'module', shortCircuit: true, source: ${JSON.stringify(source)} } : next(url, context),
    });`,
  );
  return file;
}

interface Begun {
  readonly child: ChildProcess;
  readonly state: string;
  readonly ended: Promise<{ code: number | null; signal: string | null; out: string; errors: string }>;
}

/** Resolves once it verifies. */
async function begun(name: string, flags: readonly string[], heeds = false): Promise<Begun> {
  const state = join(folder, name);
  const args = [main, 'verify', '--no-log', '--state', state, ...flags];
  const options = ['--conditions=@tallystick/source', '--import', inPlace(name, heeds)];
  const environment = Object.entries(process.env).filter(([variable]) => !variable.startsWith('TALLYSTICK_'));
  const child = spawn(process.execPath, [...options, ...args], {
    cwd: folder,
    env: {
      ...Object.fromEntries(environment),
      TALLYSTICK_HOME: folder,
      TALLYSTICK_KAFKA_BROKERS: '127.0.0.1:1',
      TALLYSTICK_ROOT_KEY: rootKey.vkey,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const text = { out: '', errors: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.errors += chunk.toString()));
  const ended = new Promise<Awaited<Begun['ended']>>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, ...text })),
  );
  await expect.poll(() => text.errors, { timeout: 60_000 }).toContain('it verifies');
  return { child, state, ended };
}

/** Whether the newest lock of this state is released. */
function isFree(state: string): boolean {
  const locks = readdirSync(join(state, 'run.lock')).filter((name) => name.startsWith('lock-'));
  const newest = locks.sort((a, b) => Number(a.slice(5)) - Number(b.slice(5))).at(-1) ?? '';
  return (
    (JSON.parse(readFileSync(join(state, 'run.lock', newest), 'utf8')) as { released?: boolean }).released === true
  );
}

describe.concurrent('a verification that does not heed its end', () => {
  it('on a schedule takes the process with it: VERIFY_STUCK, exit 3', async ({ expect }) => {
    const { state, ended } = await begun('stuck', ['--schedule', '0 3 1 1 *', '--timeout', '1']);
    const { code, errors } = await ended;
    expect(code, errors).toBe(3);
    expect(errors).toMatch(/\ntallystick: A run was cancelled .*\[VERIFY_STUCK\]\n$/);
    expect(isFree(state)).toBe(true);
  });

  it('once under a lock, too', async ({ expect }) => {
    const { state, ended } = await begun('stuck-once', ['--timeout', '1', '--json']);
    const { code, out, errors } = await ended;
    expect(code, errors).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ verdict: null, exitCode: 3, error: { code: 'VERIFY_STUCK' } });
    expect(errors).toContain('[VERIFY_STUCK]\n');
    expect(isFree(state)).toBe(true);
  });

  it.each([
    ['SIGTERM', ['SIGTERM']],
    ['Ctrl-C that comes twice', ['SIGINT', 'SIGINT']],
    ['Ctrl-C and then SIGTERM', ['SIGINT', 'SIGTERM', 'SIGTERM']],
  ] as const)('on a schedule ends with %s soon, with 0', async (name, signals) => {
    const { child, state, ended } = await begun(name.replaceAll(' ', '-'), ['--schedule', '0 3 1 1 *']);
    const at = performance.now();
    for (const signal of signals) {
      child.kill(signal);
      await sleep(300);
    }
    const { code, signal, errors } = await ended;
    expect([code, signal], errors).toEqual([0, null]);
    // Twenty seconds, and what a machine needs that stalls: by itself it would never end.
    expect(performance.now() - at).toBeLessThan(60_000);
    expect(isFree(state)).toBe(true);
  });
});

describe('a verification that heeds its end', () => {
  it('told twice ends with what it had to do done', async () => {
    const { child, state, ended } = await begun('heeds', ['--schedule', '0 3 1 1 *'], true);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    await sleep(5);
    child.kill('SIGINT');
    const { code, signal, errors } = await ended;
    expect([code, signal], errors).toEqual([0, null]);
    expect(isFree(state)).toBe(true);
  });

  it('and takes too long is said to have taken too long', async () => {
    const { ended } = await begun('too-long', ['--timeout', '1'], true);
    const { code, errors } = await ended;
    expect(code, errors).toBe(3);
    expect(errors).toMatch(/\[VERIFY_TIMED_OUT\]\n$/);
  });
});
