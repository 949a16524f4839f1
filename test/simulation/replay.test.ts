import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/packages.ts';
import { Random } from './random.ts';
import { judged, simulate } from './run.ts';
import { Scheduler } from './scheduler.ts';

const seeds = [3, 17, 33, 58, 71, 859, 1_000_000_007];

it('a seed gives the same world again, line by line', async () => {
  for (const seed of seeds) {
    const lines: string[] = [];
    const first = await simulate(seed, (line) => lines.push(line));
    const again: string[] = [];
    const second = await simulate(seed, (line) => again.push(line));
    const end = lines.findIndex((line) => line.endsWith(judged));
    expect(end).toBeGreaterThan(100);
    expect(again.slice(0, end + 1)).toEqual(lines.slice(0, end + 1));
    expect(second).toEqual(first);
  }
});

it('and in another process, which the command of a failing seed starts', async () => {
  const [seed = 0] = seeds;
  const { hash } = await simulate(seed);
  const main = join(root, 'test', 'simulation', 'main.ts');
  const run = spawnSync(process.execPath, ['--conditions=@tallystick/source', main, '--seed', String(seed)], {
    encoding: 'utf8',
  });
  expect(run.stderr).toBe('');
  expect(run.stdout).toContain(hash);
  expect(run.status).toBe(0);
});

it('other seeds give other worlds', async () => {
  const hashes = await Promise.all([1, 2, 3].map(async (seed) => (await simulate(seed)).hash));
  expect(new Set(hashes).size).toBe(3);
});

it('time is virtual, and entries run in its order', async () => {
  const scheduler = new Scheduler(new Random(1));
  const ran: number[] = [];
  const cancel = scheduler.after(2, () => ran.push(-1));
  for (const ms of [3_600_000, 5, 1, 3, 3]) scheduler.after(ms, () => ran.push(ms));
  cancel();
  const startedAt = performance.now();
  await scheduler.run(10_000_000);
  expect(ran).toEqual([1, 3, 3, 5, 3_600_000]);
  expect(scheduler.now).toBe(10_000_000);
  expect(performance.now() - startedAt).toBeLessThan(60_000);
});
