// Two runs of one process at one anchor: a lock that is given back while another looks at it is nobody's to take away.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { takeAnchorLock } from '../src/adapters/anchor-lock.ts';

/** Runs when a lock was read, before anybody knows what it says; once. */
const afterRead = vi.hoisted(() => ({ run: null as (() => Promise<void>) | null }));
vi.mock(import('../src/adapters/file-calls.ts'), async (original) => {
  const real = await original();
  const readPlainIfThere: typeof real.readPlainIfThere = async (...of) => {
    const bytes = await real.readPlainIfThere(...of);
    const { run } = afterRead;
    afterRead.run = null;
    await run?.();
    return bytes;
  };
  return { ...real, readPlainIfThere };
});
const renamed = vi.hoisted(() => [] as unknown[]);
vi.mock(import('node:fs/promises'), async (original) => {
  const real = await original();
  const rename: typeof real.rename = async (from, to) => {
    renamed.push(from);
    await real.rename(from, to);
  };
  return { ...real, rename };
});

const folder = mkdtempSync(join(tmpdir(), 'tallystick-anchor-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('who read a lock that was given back since leaves the one that followed it where it is', async () => {
  const file = join(folder, 'anchor.lock');
  const first = await takeAnchorLock(file, 60_000);
  const taken = Promise.withResolvers<Awaited<ReturnType<typeof takeAnchorLock>>>();
  afterRead.run = async () => {
    await first.release();
    taken.resolve(await takeAnchorLock(file, 60_000));
  };
  const late = takeAnchorLock(file, 60_000);
  const second = await taken.promise;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(renamed).toEqual([]);
  expect(await second.held()).toBe(true);
  await second.release();
  const third = await late;
  expect(await third.held()).toBe(true);
  await third.release();
});
