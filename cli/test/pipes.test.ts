// A pipe in the place of a file is refused: waiting for who writes into it would be for ever.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { signerFromSeed } from '@tallystick/core/note';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-pipes-'));
afterAll(() => rmSync(folder, { recursive: true }));
const main = join(import.meta.dirname, '..', 'src', 'main.ts');
const pipe = join(folder, 'pipe');
execFileSync('mkfifo', [pipe]);
const rootKey = signerFromSeed('log.example.org/root', new Uint8Array(32).fill(7)).key.vkey;

it.each([
  ['--bundle', 'BUNDLE_UNREADABLE', []],
  ['--limits', 'CONFIG_INVALID', []],
  ['--anchor', 'ANCHOR_UNREADABLE', ['--no-log']],
])('%s', (flag, code, more) => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@tallystick/source', main, 'verify', flag, pipe, ...more],
    {
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        PATH: process.env['PATH'],
        TALLYSTICK_HOME: folder,
        TALLYSTICK_ROOT_KEY: rootKey,
        TALLYSTICK_KAFKA_BROKERS: '127.0.0.1:1',
      },
    },
  );
  expect(stderr).toContain(`[${code}]`);
  expect(status).toBe(2);
});
