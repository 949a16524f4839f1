import { appendFileSync, copyFileSync, renameSync, utimesSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { World } from '../support/world.ts';
import { BundleFolder, withBundle } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

test.each([
  [
    'another file has its name',
    (file: string) => {
      copyFileSync(file, `${file}.other`);
      renameSync(`${file}.other`, file);
    },
  ],
  ['it was written to', (file: string) => appendFileSync(file, 'x')],
  ['it was written to and has its old size', (file: string) => utimesSync(file, 1, 1)],
] as const)('threads do not read a bundle by name where %s', async (_, replace) => {
  const world = await World.small({ partitions: 2 });
  const { file } = await folder.export(world);
  await withBundle(file, async ({ records, identity, manifest }) => {
    replace(file);
    const reopen = { kind: 'bundle', file, identity } as const;
    const options = { log: records, scope: manifest.scope, workers: 2, deadlineMs: 20_000 };
    await expect(world.verify({ ...options, reopen })).rejects.toMatchObject({
      code: 'BUNDLE_CHANGED',
      message: expect.stringContaining('replaced or written to'),
    });
  });
});

test('threads read the bundle that was opened', async () => {
  const world = await World.small({ partitions: 2 });
  const { file } = await folder.export(world);
  await withBundle(file, async ({ records, identity, manifest }) => {
    const reopen = { kind: 'bundle', file, identity } as const;
    const verdict = await world.verify({ log: records, scope: manifest.scope, workers: 2, reopen });
    expect(verdict.exitCode).toBe(0);
  });
});
