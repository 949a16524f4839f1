import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { folderRunLock } from '../../src/schedule/folder-run-lock.ts';
import { isHeld, type HeldLock, type RunLock } from '../../src/schedule/run-lock.ts';
import { fileRunRecord } from '../../src/schedule/file-run-record.ts';
import { newRecord, parseRecord } from '../../src/schedule/run-record.ts';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'tallystick-schedule-'));
  folders.push(made);
  return made;
};
afterEach(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true, force: true })));

async function held(lock: RunLock): Promise<HeldLock> {
  const taken = await lock.take();
  if (!isHeld(taken)) throw new Error(`held by ${taken.holder}`);
  return taken;
}

/** A lock as a process of another machine left it, `ageS` seconds ago. */
function leftElsewhere(dir: string, ageS: number): void {
  writeFileSync(join(dir, 'lock-7'), JSON.stringify({ pid: 1, host: 'another-machine', began: 'boot/1' }));
  writeFileSync(join(dir, 'alive'), '1\n');
  const at = Date.now() / 1000 - ageS;
  for (const name of ['lock-7', 'alive']) utimesSync(join(dir, name), at, at);
}

describe('the lock of a run', () => {
  test('is held by one at a time and free again after it is released', async () => {
    const dir = join(folder(), 'made', 'by itself');
    const first = await held(folderRunLock(dir));
    const second = await folderRunLock(dir).take();
    expect(isHeld(second)).toBe(false);
    expect(second).toMatchObject({ holder: expect.stringContaining(`"pid":${process.pid}`) as string });
    await first.release();
    await (await held(folderRunLock(dir))).release();
  });

  test('of ten that ask at once one gets it', async () => {
    const dir = folder();
    const taken = await Promise.all(Array.from({ length: 10 }, () => folderRunLock(dir).take()));
    expect(taken.filter(isHeld)).toHaveLength(1);
    await taken.find(isHeld)?.release();
  });

  test('of a process that was killed is free at once', async () => {
    const dir = folder();
    const module = join(import.meta.dirname, '../../src/schedule/folder-run-lock.ts');
    const script = `const { folderRunLock } = await import(${JSON.stringify(module)});
      await folderRunLock(${JSON.stringify(dir)}).take(); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--conditions=@tallystick/source', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(isHeld(await folderRunLock(dir).take())).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await held(folderRunLock(dir))).release();
  });

  test('of a process of another machine that shows life is not free, of one that is silent it is', async () => {
    const dir = folder();
    leftElsewhere(dir, 60);
    expect(isHeld(await folderRunLock(dir).take())).toBe(false);
    leftElsewhere(dir, 100);
    const taken = await Promise.all(Array.from({ length: 10 }, () => folderRunLock(dir).take()));
    expect(taken.filter(isHeld)).toHaveLength(1);
    await taken.find(isHeld)?.release();
  });

  test('that nobody understands is not free until it is silent', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'lock-3'), '{"pid":');
    expect(isHeld(await folderRunLock(dir).take())).toBe(false);
    const at = Date.now() / 1000 - 1_000;
    utimesSync(join(dir, 'lock-3'), at, at);
    await (await held(folderRunLock(dir))).release();
  });

  test('that was taken over is noticed, and not released by who lost it', async () => {
    const dir = folder();
    const mine = await held(folderRunLock(dir, { beatMs: 10 }));
    const [name = ''] = readdirSync(dir).filter((each) => each.startsWith('lock-'));
    const next = `lock-${Number(name.slice(5)) + 1}`;
    writeFileSync(join(dir, next), JSON.stringify({ pid: 1, host: 'another-machine', began: null }));
    if (!mine.lost.aborted) await once(mine.lost, 'abort');
    await mine.release();
    expect(JSON.parse(readFileSync(join(dir, next), 'utf8'))).toEqual({ pid: 1, host: 'another-machine', began: null });
  });

  test('shows life while it is held', async () => {
    const dir = folder();
    const mine = await held(folderRunLock(dir, { beatMs: 10 }));
    const old = Date.now() / 1000 - 1_000;
    utimesSync(join(dir, 'alive'), old, old);
    await expect
      .poll(() => Date.now() - statSync(join(dir, 'alive')).mtimeMs, { timeout: 60_000 })
      .toBeLessThan(900_000);
    await mine.release();
  });

  test('in a folder that cannot be is an error with a code', async () => {
    const file = join(folder(), 'file');
    writeFileSync(file, '');
    await expect(folderRunLock(join(file, 'below')).take()).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
  });
});

describe('what a schedule remembers', () => {
  const record = {
    ...newRecord(1_772_000_000_000),
    started: { id: '00000000-0000-4000-8000-000000000001', trigger: 'schedule' as const, at: 1_772_000_000_001 },
    ended: { id: '00000000-0000-4000-8000-000000000001', at: 5, verdict: 'failed' as const, reported: false },
    finishedAt: 5,
    interrupted: [{ id: '00000000-0000-4000-8000-000000000002', trigger: 'once' as const, at: 3 }],
  };

  test('comes back as it was', async () => {
    const store = fileRunRecord(join(folder(), 'last-run.json'));
    expect(await store.load()).toBe(null);
    await store.save(record);
    expect(await store.load()).toEqual(record);
  });

  test('is none where it is damaged, absurd or of another version', async () => {
    const text = JSON.stringify(record);
    for (const bad of [
      '',
      text.slice(0, -1),
      'null',
      '[]',
      text.replace('"version":1', '"version":2'),
      text.replace('"finishedAt":5', '"finishedAt":-5'),
      text.replace('"finishedAt":5', '"finishedAt":1e300'),
      text.replace('"at":5', '"at":"5"'),
      text.replace('failed', 'fine'),
      text.replace('"trigger":"once"', '"trigger":"whim"'),
      text.replace('000000000002', '<script>'),
      text.replace('"interrupted":[', `"interrupted":[${'null,'.repeat(10)}`),
      text.replace(/"interrupted":\[.*\]/, '"interrupted":{}'),
    ]) {
      expect(bad).not.toBe(text);
      expect(parseRecord(bad), bad).toBe(null);
    }
    const file = join(folder(), 'last-run.json');
    writeFileSync(file, ' '.repeat(100_000));
    expect(await fileRunRecord(file).load()).toBe(null);
  });

  test('that cannot be written is an error with a code', async () => {
    const store = fileRunRecord(join(folder(), 'no', 'such', 'folder', 'last-run.json'));
    await expect(store.save(record)).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
  });
});
