// A file system without hard links, such as a memory stick's: locks are made another way there, and hold all the same.
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { fileAnchorStore } from '../src/adapters/anchor-file.ts';
import { lockFolder } from '../src/adapters/folder-lock.ts';
import { folderRunLock } from '../src/schedule/folder-run-lock.ts';
import { isHeld } from '../src/schedule/run-lock.ts';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<object>()),
  link: async () => await Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' })),
}));

const folder = mkdtempSync(join(tmpdir(), 'tallystick-no-links-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('progress is kept and taken over there', async () => {
  const path = join(folder, 'anchor.json');
  const progress = () => fileAnchorStore(path).progress!;
  const first = progress();
  await first.append(Buffer.from('one'));
  await expect(progress().begin()).rejects.toMatchObject({ code: 'PROGRESS_UNUSABLE' });
  await first.leave();
  const next = progress();
  expect(await next.begin()).toBe(1);
  expect(Buffer.from(await next.read(0)).toString()).toBe('one');
  await next.clear();
});

test('one of many gets the lock of a folder', async () => {
  const own = mkdtempSync(join(folder, 'lock-'));
  const tries = await Promise.all(Array.from({ length: 12 }, () => lockFolder(own)));
  const [lock, ...others] = tries.flatMap((found) => ('release' in found ? [found] : []));
  expect(others).toEqual([]);
  expect(await lock?.held()).toBe(true);
  expect(readdirSync(own)).toEqual(['lock-1']);
  await lock?.release();
  expect(await lockFolder(own)).toHaveProperty('release');
});

test('the lock of a machine that is gone is taken over', async () => {
  const own = mkdtempSync(join(folder, 'lease-'));
  const lock = join(own, 'lock-7');
  writeFileSync(lock, JSON.stringify({ pid: 1, host: 'another-machine', began: 'boot/1' }));
  const longAgo = Date.now() / 1000 - 1_000;
  utimesSync(lock, longAgo, longAgo);
  const taken = await Promise.all(Array.from({ length: 6 }, () => folderRunLock(own).take()));
  const [held, ...others] = taken.filter(isHeld);
  expect(others).toEqual([]);
  await held?.release();
  expect(readdirSync(own).toSorted()).toEqual(['alive', 'lock-9']);
});
