import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { lockFolder } from '../src/adapters/folder-lock.ts';
import { folderRunLock } from '../src/schedule/folder-run-lock.ts';

const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tallystick-locks-'));
  folders.push(made);
  return made;
}

afterEach(() => {
  vi.restoreAllMocks();
  for (const each of folders.splice(0)) rmSync(each, { recursive: true });
});

const released = JSON.stringify({ released: true });

it('behind the largest number of a lock there is none: it is refused, and nothing is made', async () => {
  const own = folder();
  writeFileSync(join(own, 'lock-999999999999999'), released);
  await expect(lockFolder(own)).rejects.toThrow('lock-999999999999999 has the largest number of all; delete it');
  await expect(folderRunLock(own).take()).rejects.toMatchObject({ code: 'SCHEDULE_STATE' });
  expect(readdirSync(own)).toEqual(['lock-999999999999999']);
});

it('the number before it is the last that is taken', async () => {
  const own = folder();
  writeFileSync(join(own, 'lock-999999999999998'), released);
  expect(await lockFolder(own)).toHaveProperty('release');
  expect(readdirSync(own)).toEqual(['lock-999999999999999']);
});

it('a lock that is listed and is not there is not looked at for ever', async () => {
  const own = folder();
  symlinkSync(join(own, 'nowhere'), join(own, 'lock-7'));
  // A minute passes with the second look.
  vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValueOnce(1).mockReturnValue(60_001);
  await expect(lockFolder(own)).rejects.toThrow(/^lock-7 comes and goes, or leads nowhere, for 60000 ms/);
});
