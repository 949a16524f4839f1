import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms } from './programs.ts';

// A log that others wrote (Tessera, in a folder) asks `tallystick witness` to cosign it, by their own client.

const programs = buildPrograms();
const main = join(import.meta.dirname, '..', '..', 'cli', 'src', 'main.ts');

describe.skipIf(programs === null)('our witness and a Tessera log', () => {
  const home = mkdtempSync(join(tmpdir(), 'tallystick-tessera-'));
  const command = (...args: readonly string[]): string[] => [
    '--conditions=@tallystick/source',
    main,
    'witness',
    ...args,
  ];
  const policy = join(home, 'policy');
  const log = join(home, 'log');
  let witness: ChildProcess;
  let lines = '';
  let witnessKey = '';
  let secret = '';
  let vkey = '';

  beforeAll(async () => {
    const keys = await programs?.run('key', 'tessera.example/log');
    [secret = '', vkey = ''] = keys?.text.split('\n') ?? [];
    const made = command('--new-key', 'w.key', '--name', 'witness.example/ours', '--new-state', 'state');
    expect(spawnSync(process.execPath, made, { cwd: home }).status).toBe(0);
    const args = command('--log', vkey, '--key', 'w.key', '--state', 'state', '--listen', '127.0.0.1:0');
    witness = spawn(process.execPath, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
    witness.stderr?.on('data', (chunk: Buffer) => (lines += chunk.toString()));
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      witness.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const [, key, place] = /^vkey (\S+)\nurl {2}(\S+)\n/.exec(text) ?? [];
        if (key === undefined || place === undefined) return;
        witnessKey = key;
        resolve(place);
      });
      witness.on('close', (code) => reject(new Error(`the witness ended with ${code}: ${lines}`)));
    });
    writeFileSync(policy, `log ${vkey}\nwitness ours ${witnessKey} ${url}\nquorum ours\n`);
  }, 120_000);
  afterAll(() => {
    witness.kill('SIGKILL');
    programs?.end();
    rmSync(home, { recursive: true, force: true });
  });

  const grow = async (dir: string, count: number, words: string) =>
    await programs?.run('grow', dir, secret, policy, String(count), words);
  const cosigned = async () => await programs?.run('checkpoint', join(log, 'checkpoint'), vkey, witnessKey);

  it('it cosigns the log as it grows', async () => {
    expect(await grow(log, 3, 'first')).toMatchObject({ exit: 0 });
    expect(await cosigned()).toMatchObject({ exit: 0, text: expect.stringContaining(': 3 entries') as string });
    cpSync(log, join(home, 'fork'), { recursive: true });
    expect(await grow(log, 300, 'more')).toMatchObject({ exit: 0 });
    expect(await cosigned()).toMatchObject({ exit: 0, text: expect.stringContaining(': 303 entries') as string });
  });

  it('it does not cosign another history of the log, and Tessera does not publish it', async () => {
    const fork = join(home, 'fork');
    const before = readFileSync(join(fork, 'checkpoint'), 'utf8');
    expect(await grow(fork, 400, 'other')).toMatchObject({
      exit: 1,
      text: expect.stringContaining('not published') as string,
    });
    expect(readFileSync(join(fork, 'checkpoint'), 'utf8')).toBe(before);
    await expect.poll(() => lines, { timeout: 60_000 }).toContain('"status":422');
    expect(await grow(log, 5, 'again')).toMatchObject({ exit: 0 });
    expect(await cosigned()).toMatchObject({ exit: 0, text: expect.stringContaining(': 308 entries') as string });
  });
});
