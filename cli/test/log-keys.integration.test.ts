import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '@tallystick/core/checkpoint';
import { noteSignedBy, parseNote, parseVerifierKey } from '@tallystick/core/note';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCheckpoint } from '../src/published-log.ts';
import { Site } from './site.ts';

const site = new Site();
const roles = { TALLYSTICK_LEDGER_ROLES: 'seal,publish' };
const published = () => readFileSync(join(site.folder, 'local', 'log', 'checkpoint'));

beforeAll(() => site.begin());
afterAll(() => site.end());

/** Runs a ledger until the log holds all that it sealed, and gives the vkeys among these that signed the checkpoint. */
async function publish(env: NodeJS.ProcessEnv, vkeys: readonly string[]): Promise<string[]> {
  const before = await site.deployed(readCheckpoint);
  const ledger = await site.ledger('ledger', { ...roles, ...env });
  await site.emit();
  await site.allSealed();
  await expect
    .poll(async () => (await site.deployed(readCheckpoint))?.size ?? 0, { timeout: 120_000 })
    .toBeGreaterThan(before?.size ?? 0);
  await site.stop(ledger);
  const note = parseNote(published());
  return vkeys.filter((vkey) => noteSignedBy(note, parseVerifierKey(vkey)));
}

it('publishes under the log key, then under the old and the new one, then under the new one', async () => {
  const [old = ''] = site.installation.logVkeys;
  expect(await publish({}, [old])).toEqual([old]);

  const root = join(site.folder, 'offline', 'root.key');
  const next = (await site.ok(['keys', 'rotate', 'log', '--root-key', root])).trim();
  const file = join(site.folder, 'local', 'keys', `log-${next.split('+')[1]}.key`);
  expect(await publish({ TALLYSTICK_LOG_NEXT_KEY_FILE: file }, [old, next])).toEqual([old, next]);
  // Who has only one of them, old or new, can go on reading.
  for (const vkey of [old, next])
    expect(
      openCheckpoint(published(), { origin: site.origin, keys: [parseVerifierKey(vkey)] }).checkpoint.size,
    ).toBeGreaterThan(2);

  expect(await publish({ TALLYSTICK_LOG_KEY_FILE: file }, [old, next])).toEqual([next]);

  const status = JSON.parse((await site.run(['status', '--json'])).out) as { log: object; sealing: { lag: number } };
  const checkpoint = await site.deployed(readCheckpoint);
  expect(status).toMatchObject({
    sealing: { lag: 0 },
    log: { dir: join(site.folder, 'local', 'log'), vkeys: [old, next], checkpoint, url: null },
  });
});

it('signs with no key that the readers of the log do not have', async () => {
  const stranger = await site.ok(['keys', 'make', 'log', '-o', 'stranger.key']);
  const env = { ...roles, TALLYSTICK_LOG_NEXT_KEY_FILE: join(site.folder, 'stranger.key') };
  expect(await site.begun('other', env).ended).toMatchObject({
    code: 2,
    errors: expect.stringContaining(stranger.trim()) as string,
  });
});
