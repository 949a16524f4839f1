import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logSigner, rootSigner } from '../world.ts';
import { prove, publishedWorld, serve } from './served-world.ts';

// The check of a proof in a real browser: the modules of core as they are, their types stripped, without a bundler.

const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
if (browser === undefined)
  process.stderr.write('SKIPPED: proofs are not checked in a browser, for there is no /usr/bin/chromium here\n');

const root = join(import.meta.dirname, '..', '..', '..');
const places = { '/core/': join(root, 'core', 'src'), '/noble/': join(root, 'node_modules', '@noble') };
const page = `<!doctype html><title>proofs</title>
<script type="importmap">{ "imports": { "@noble/": "/noble/", "@tallystick/core/": "/core/" } }</script>
<script type="module">
  import { checkProof } from '@tallystick/core/proof.ts';
  import { parsePolicy } from '@tallystick/core/policy.ts';
  import { parseVerifierKey } from '@tallystick/core/note.ts';
  window.check = ({ json, rootKey, policy }) => {
    try {
      const { topic, partition, offset, index } = checkProof(json, { rootKey: parseVerifierKey(rootKey), policy: parsePolicy(policy) });
      return { topic, partition, offset, index };
    } catch (error) {
      return error.code ?? String(error);
    }
  };
</script>`;

/** A proof, and what its checker holds. */
interface Given {
  readonly json: string;
  readonly rootKey: string;
  readonly policy: string;
}

type Check = (given: Given) => unknown;

function answer(path: string): { type: string; body: string } | null {
  if (path === '/') return { type: 'text/html', body: page };
  for (const [prefix, folder] of Object.entries(places)) {
    const file = normalize(join(folder, path.slice(prefix.length)));
    if (!path.startsWith(prefix) || !file.startsWith(folder) || !existsSync(file)) continue;
    const source = readFileSync(file, 'utf8');
    return { type: 'text/javascript', body: file.endsWith('.ts') ? stripTypeScriptTypes(source) : source };
  }
  return null;
}

describe.skipIf(browser === undefined)('in Chromium', () => {
  const profile = mkdtempSync(join(tmpdir(), 'tallystick-browser-'));
  const complaints: string[] = [];
  let server: Server;
  let context: BrowserContext;
  let tab: Page;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const found = answer(request.url ?? '');
      response.writeHead(found === null ? 404 : 200, { 'content-type': found?.type ?? 'text/plain' });
      response.end(found?.body ?? '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
    context = await chromium.launchPersistentContext(profile, {
      ...(browser === undefined ? {} : { executablePath: browser }),
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
    });
    tab = await context.newPage();
    tab.on('pageerror', (error) => complaints.push(String(error)));
    tab.on('requestfailed', (request) => complaints.push(request.url()));
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await tab.waitForFunction(() => 'check' in globalThis, undefined, { timeout: 120_000 });
  }, 240_000);

  afterAll(async () => {
    await context.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
    expect(complaints.filter((one) => !one.endsWith('favicon.ico'))).toEqual([]);
  });

  const check = async (given: Given): Promise<unknown> =>
    await tab.evaluate((one) => (globalThis as unknown as { check: Check }).check(one), given);

  it('a proof that was just made holds, and fails where a byte is altered', async () => {
    const served = await serve(await publishedWorld(25));
    const json = await prove(served, 12);
    const held = { rootKey: rootSigner.key.vkey, policy: `log ${logSigner.key.vkey}\nquorum none\n` };
    expect(await check({ json, ...held })).toMatchObject({ partition: 0, offset: 12, index: 12 });
    const proof = JSON.parse(json) as { entry: string };
    const entry = Buffer.from(proof.entry, 'base64');
    entry[entry.length - 2] = (entry.at(-2) ?? 0) ^ 1;
    expect(await check({ json: JSON.stringify({ ...proof, entry: entry.toString('base64') }), ...held })).toBe(
      'PROOF_ROOT',
    );
  });

  it('says of every vector what every other implementation says', async () => {
    const file = join(root, 'core', 'testdata', 'proofs', 'proofs.json');
    const vectors = JSON.parse(readFileSync(file, 'utf8')) as (Given & { desc: string; wantErr: string | null })[];
    expect(vectors.length).toBeGreaterThan(100);
    for (const { desc, wantErr, ...given } of vectors) {
      const said = await check(given);
      if (wantErr === null) expect(said, desc).toBeTypeOf('object');
      else expect(said, desc).toBe(wantErr);
    }
  }, 240_000);
});
