import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { isAlive, waitUntilGone, type ProcessRecord } from '../local/processes.ts';
import { startS3Server, type S3Server } from '../local/s3-server.ts';

const libs = join(dirname(dirname(import.meta.dirname)), '.tallystick', 'lib');
const home = join(inject('stack').home, `s3 ü ${process.pid}`);

async function start(): Promise<S3Server | string> {
  try {
    return await startS3Server({ home, libs, onProgress: (line) => void process.stderr.write(`stack  ${line}\n`) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(GO_MISSING|S3_SERVER_BUILD_FAILED)$/.test(String(error.code)))
      return error.message;
    throw error;
  }
}

const first = await start();
afterAll(() => rmSync(home, { recursive: true, force: true }));

if (typeof first === 'string') {
  process.stderr.write(`notice  the tests of the local S3 server are skipped: ${first}\n`);
  it.skip(`the local S3 server (skipped: ${first})`, () => {});
} else {
  describe('the local S3 server', () => {
    it('answers on loopback, and a second start in its folder takes its place', async () => {
      expect(first.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:2\d{4}$/);
      expect(await (await fetch(`${first.endpoint}/bucket`)).text()).toContain('NoSuchBucket');
      const second = await startS3Server({ home, libs });
      expect(isAlive(first.record)).toBe(false);
      expect(await (await fetch(`${second.endpoint}/bucket`)).text()).toContain('NoSuchBucket');
      expect(second.secretAccessKey).not.toBe(first.secretAccessKey);
      await second.stop();
      expect(isAlive(second.record)).toBe(false);
      await second.stop();
    });

    it.skipIf(process.platform !== 'linux')('is gone when whoever started it is killed', async () => {
      const code = `const { startS3Server } = await import(${JSON.stringify(join(import.meta.dirname, '../local/s3-server.ts'))});
        const { record } = await startS3Server(${JSON.stringify({ home, libs })});
        console.log(JSON.stringify(record));
        setInterval(() => {}, 1000);`;
      const launcher = spawn(process.execPath, ['--input-type=module', '-e', code], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(createInterface({ input: launcher.stdout }), 'line')) as [string];
      const record = JSON.parse(line) as ProcessRecord;
      expect(isAlive(record)).toBe(true);
      launcher.kill('SIGKILL');
      expect(await waitUntilGone(record, 60_000)).toBe(true);
    });
  });
}
