import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCheckpoint } from '../src/published-log.ts';
import { Site } from './site.ts';

const site = new Site();
beforeAll(() => site.begin());
afterAll(() => site.end());

interface StatusJson {
  readonly log: { readonly url: string | null; readonly checkpoint: { readonly size: number } | null };
  readonly services: readonly { readonly name: string; readonly running: boolean }[];
}

it('runs its roles apart, each with its own key alone, and serves without any', async () => {
  const { sealKeyFile, logKeyFile } = site.installation;
  const seal = await site.role('seal', { TALLYSTICK_LEDGER_SEAL_KEY_FILE: sealKeyFile });
  await site.emit();
  await site.allSealed();
  expect(await site.deployed(readCheckpoint)).toBeNull();

  const publish = await site.role('publish', { TALLYSTICK_LOG_KEY_FILE: logKeyFile ?? '' });
  // Two key statements, a genesis, a seal.
  await expect
    .poll(async () => (await site.deployed(readCheckpoint))?.size, { timeout: 120_000 })
    .toBeGreaterThanOrEqual(4);

  const serve = await site.role('serve');
  const { log, services } = JSON.parse((await site.run(['status', '--json'])).out) as StatusJson;
  expect(services.filter(({ running }) => running).map(({ name }) => name)).toEqual(['seal', 'publish', 'serve']);
  const answer = await fetch(`${log.url}/checkpoint`);
  expect(answer.status).toBe(200);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(
    readFileSync(join(site.folder, 'local', 'log', 'checkpoint')),
  );

  // Each ends by itself: the others go on.
  await site.stop(publish);
  await site.emit();
  await site.allSealed();
  await site.stop(seal);
  expect((await fetch(`${log.url}/checkpoint`)).status).toBe(200);
  await site.stop(serve);
});

it('does not seal or publish without the key of the role', async () => {
  rmSync(join(site.folder, 'apart'), { recursive: true });
  for (const role of ['seal', 'publish'] as const)
    await expect(site.role(role)).rejects.toThrow(/no\.key cannot be read.*KEY_FILE_MISSING/);
});
