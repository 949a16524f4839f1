// The temporary folder of a run: gone however the run ends, and what a killed one left goes with the next.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KafkaError } from '@tallystick/kafka/errors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TempFolder } from '../src/temp-folder.ts';
import { World } from './support/world.ts';

const systems = process.env['TMPDIR'];
let parent = '';
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'temp-folder-'));
  process.env['TMPDIR'] = parent;
});
afterEach(() => {
  if (systems === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = systems;
  rmSync(parent, { recursive: true });
});

/** A folder as a process with this number would have named it, with a file in it. */
async function folderOf(pid: number | string, end = 'abcDEF'): Promise<string> {
  const own = await TempFolder.make(parent);
  const path = join(
    parent,
    basename(own.path)
      .replace(`-${process.pid}-`, `-${pid}-`)
      .replace(/[^-]*$/, end),
  );
  await own.remove();
  mkdirSync(path);
  writeFileSync(join(path, 'ids-1'), 'x');
  return path;
}

/** The number of a process that is gone. */
function gone(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

describe('a run leaves no temporary folder', () => {
  test('when it ends', async () => {
    const world = await World.small();
    const seen: string[] = [];
    await world.verify({ onProgress: () => void seen.push(...readdirSync(parent)) });
    expect(readdirSync(parent)).toEqual([]);
    expect(seen.every((name) => name.startsWith('tallystick-'))).toBe(true);
  });

  test.each([
    ['throws', () => Promise.reject(new TypeError('boom')), 'boom'],
    ['is aborted', () => Promise.reject(new KafkaError('ABORTED', 'stopped')), null],
  ])('when reading %s', async (_name, fail, message) => {
    const world = await World.small();
    const log = new Proxy(world.log, {
      get: (target, name) =>
        name === 'bounds' && readdirSync(parent).length > 0 ? fail : Reflect.get(target, name, target),
    });
    const verdict = world.verify({ log });
    if (message === null) await verdict.catch(() => undefined);
    else await expect(verdict).rejects.toThrow(message);
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe('TempFolder', () => {
  test('of a process that is gone is removed by the next one', async () => {
    const left = await folderOf(gone());
    await (await TempFolder.make(parent)).remove();
    expect(existsSync(left)).toBe(false);
  });

  test('of a process that was killed is one of those', async () => {
    const module = pathToFileURL(join(import.meta.dirname, '../src/temp-folder.ts')).href;
    const code = `const { TempFolder } = await import(${JSON.stringify(module)}); await TempFolder.make(); process.kill(process.pid, 'SIGKILL');`;
    spawnSync(process.execPath, ['--conditions=@tallystick/source', '--input-type=module', '-e', code], {
      env: { ...process.env, TMPDIR: parent },
    });
    const left = readdirSync(parent);
    expect(left).toHaveLength(1);
    await (await TempFolder.make(parent)).remove();
    expect(readdirSync(parent)).toEqual([]);
  });

  test('of a process that runs, or of this one, stays', async () => {
    const kept = [await folderOf(process.ppid), (await TempFolder.make(parent)).path];
    await (await TempFolder.make(parent)).remove();
    for (const path of kept) expect(existsSync(path)).toBe(true);
  });

  test('with the number of this process is removed where it is older than the process', async () => {
    const left = await folderOf(process.pid);
    utimesSync(left, 1_000, 1_000);
    await (await TempFolder.make(parent)).remove();
    expect(existsSync(left)).toBe(false);
  });

  test('what is none of them stays, whatever its name', async () => {
    const pid = gone();
    const kept = [await folderOf('x1'), await folderOf(pid, 'abcDEF.old'), join(parent, 'tallystick-verify-abcDEF')];
    mkdirSync(kept[2] ?? '');
    const elsewhere = join(parent, 'elsewhere');
    mkdirSync(elsewhere);
    const link = await folderOf(pid, 'linked');
    rmSync(link, { recursive: true });
    symlinkSync(elsewhere, link);
    await (await TempFolder.make(parent)).remove();
    for (const path of [...kept, elsewhere]) expect(existsSync(path)).toBe(true);
  });

  test('a parent that is not there is an error', async () => {
    await expect(TempFolder.make(join(parent, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
