// An older bundle against a newer anchor: exit 1, and what is told says what it may be.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { BundleFolder } from '../../verifier/test/bundle/bundles.ts';
import { rootKey, World } from '../../verifier/test/support/world.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());
const main = join(import.meta.dirname, '..', 'src', 'main.ts');

function verify(file: string) {
  const anchor = join(folder.path, 'anchor.json');
  const args = ['--conditions=@tallystick/source', main, 'verify', '--bundle', file, '--no-log', '--anchor', anchor];
  const env = { PATH: process.env['PATH'], TALLYSTICK_HOME: folder.path, TALLYSTICK_ROOT_KEY: rootKey.vkey };
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000, env });
}

it('names both times', async () => {
  const world = await World.small();
  const older = await folder.export(world);
  await world.seal(0);
  const newer = await folder.export(world);
  expect(verify(newer.file).status).toBe(0);
  const { status, stdout } = verify(older.file);
  expect(status).toBe(1);
  const words = stdout.replaceAll(/\s+/g, ' ');
  expect(words).toContain('rollback');
  expect(words).toMatch(/made at 2023-11-14T22:13:20\.000Z, before the run at 20\d\d-[-\d]+T[:.\d]+Z by which/);
  expect(words).toContain('with the anchor of that time, or with none');
}, 120_000);
