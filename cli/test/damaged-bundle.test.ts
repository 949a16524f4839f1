// A damaged bundle ends 2 before any verdict, with one thread (its sums first) and with two (its sums beside).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BundleFolder, membersOf } from '../../verifier/test/bundle/bundles.ts';
import { rootKey, World } from '../../verifier/test/support/world.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());
const main = join(import.meta.dirname, '..', 'src', 'main.ts');
let good: Buffer;
beforeAll(async () => {
  good = await folder.bytesOf(await World.small(), { policy: 'quorum none\n' });
});

function verify(bytes: Uint8Array, ...more: string[]) {
  const args = ['--conditions=@tallystick/source', main, 'verify', '--bundle', folder.write(bytes), ...more];
  const env = {
    PATH: process.env['PATH'],
    TALLYSTICK_HOME: folder.path,
    TALLYSTICK_ROOT_KEY: rootKey.vkey,
  };
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000, env });
}

it.each(['1', '2'])('--workers %s', (workers) => {
  const anchor = join(folder.path, `anchor-${workers}.json`);
  const flags = ['--workers', workers, '--anchor', anchor, '--no-log'];
  const bytes = Buffer.from(good);
  // Nothing that the verification looks at.
  const { at } = membersOf(good).get('POLICY.txt')!;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  const { status, stdout, stderr } = verify(bytes, ...flags);
  expect(stderr).toContain('[BUNDLE_DIGEST]');
  expect({ status, stdout, anchored: existsSync(anchor) }).toEqual({ status: 2, stdout: '', anchored: false });
  // Without a log it is refused for its damage too, which may be why it seems to have none.
  expect(verify(bytes, '--workers', workers).stderr).toContain('[BUNDLE_DIGEST]');
  expect(verify(good, ...flags).status).toBe(0);
  expect(existsSync(anchor)).toBe(true);
});
