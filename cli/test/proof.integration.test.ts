import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../src/published-log.ts';
import { type Running, Site } from './site.ts';

// The main job of a proof: made on the real stack, checked by somebody who has the file, the root key and a policy, and nothing else.

const site = new Site();
let ledger: Running;
let url: string;

interface StatusJson {
  readonly log: { readonly url: string | null; readonly checkpoint: { readonly size: number } | null };
}

beforeAll(async () => {
  await site.begin();
  ledger = await site.ledger('ledger', { TALLYSTICK_LEDGER_ROLES: 'seal,publish,serve' });
  await site.emit(50);
  await site.allSealed();
  await published();
  const { serve } = site.status('ledger') as { serve: { url: string } | null };
  url = serve?.url ?? '';
});
afterAll(() => site.end());

/** Everything that is sealed is in the published log. */
async function published(): Promise<void> {
  const statements = await site.allPublished('ledger');
  expect((await site.deployed(readCheckpoint))?.size).toBe(statements);
}

/** What an auditor far away has: no configuration, no Kafka, no key of ours but the root key. */
function check(args: string[], env: NodeJS.ProcessEnv = {}) {
  const { rootVkey, policyFile } = site.installation;
  const offline = join(site.folder, 'offline');
  const given = ['--policy', policyFile ?? '', '--root-key', rootVkey];
  return site.run(['check-proof', ...args, ...given], { TALLYSTICK_HOME: join(offline, 'empty'), ...env }, offline);
}

describe('a proof', () => {
  it('is made from the log and Kafka, and holds offline', async () => {
    const file = join(site.folder, 'proof.json');
    await site.ok(['prove', '0', '7', '-o', file]);
    const { code, out, errors } = await check([file]);
    expect(code, errors).toBe(0);
    expect(out).toContain(`verified: the event is sealed, and its seal is in the log ${site.origin}`);
    expect(out).toContain(`offset 7 of partition 0 of ${site.topics.events}, index 7 of generation 0`);
    expect(out).toContain('value of 100 bytes with the SHA-256 ');
    expect(out).toContain('only the key of the log vouches');
    const json = JSON.parse((await check([file, '--json'])).out) as object;
    expect(json).toMatchObject({ verified: true, exitCode: 0, partition: 0, offset: 7, redacted: false });
    expect(await site.ok(['prove', '-o', file])).toContain('the proof of offset 49 of partition 0 is in ');
  });

  it('is given by the server under the same words, and on a pipe', async () => {
    const fromServer = await site.ok(['prove', '0', '49', '--url', url]);
    const direct = await site.ok(['prove', '0', '49']);
    const plain = (text: string) => ({ ...(JSON.parse(text) as { entry: string }), log: null });
    expect(plain(fromServer)).toEqual(plain(direct));
    const file = join(site.folder, 'server.json');
    writeFileSync(file, fromServer);
    expect((await check([file])).code).toBe(0);
  });

  it('is given without the event, from the log and from the server', async () => {
    for (const [name, from] of [
      ['redacted', []],
      ['redacted-server', ['--url', url]],
    ] as const) {
      const file = join(site.folder, `${name}.json`);
      await site.ok(['prove', '0', '7', '--redacted', '-o', file, ...from]);
      expect(readFileSync(file, 'utf8')).not.toContain('"entry"');
      const { code, out, errors } = await check([file, '--json']);
      expect(code, errors).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ verified: true, partition: 0, offset: 7, redacted: true });
    }
    expect(JSON.parse(await site.ok(['prove', '0', '7', '--redacted']))).not.toHaveProperty('entry');
  });

  it('that was altered fails, with the finding', async () => {
    const file = join(site.folder, 'altered.json');
    await site.ok(['prove', '0', '3', '-o', file]);
    const good = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown> & { entry: string; log: string };
    const entry = Buffer.from(good.entry, 'base64');
    entry[entry.length - 2] = (entry.at(-2) ?? 0) ^ 1;
    for (const [altered, code] of [
      [{ ...good, entry: entry.toString('base64') }, 'PROOF_ROOT'],
      [{ ...good, log: good.log.replace(/index \d+/, 'index 0') }, 'PROOF_INCLUSION'],
      [{ ...good, more: 1 }, 'PROOF_MALFORMED'],
    ] as const) {
      writeFileSync(file, JSON.stringify(altered));
      const { code: exit, out } = await check([file]);
      expect([exit, out], code).toEqual([1, expect.stringMatching(`^NOT VERIFIED \\(proof\\): .*\\[${code}\\]`)]);
    }
    writeFileSync(file, 'not JSON');
    const { code, out } = await check([file, '--json']);
    expect([code, JSON.parse(out)]).toMatchObject([1, { verified: false, finding: 'proof' }]);
  });

  it('of what is not there says why', async () => {
    for (const args of [
      ['prove', '0', '5000'],
      ['prove', '0', '5000', '--url', url],
    ]) {
      const { code, errors } = await site.run(args);
      expect([code, errors]).toEqual([2, expect.stringMatching(/OFFSET_BEYOND_END/)]);
    }
    expect(await site.run(['prove', '0', '01'])).toMatchObject({ code: 2 });
    expect(await site.run(['prove', '0', '1', '--url', 'http://127.0.0.1:1'])).toMatchObject({ code: 3 });
    expect(await site.run(['prove', '0', '1', '--url', 'file:///etc'])).toMatchObject({ code: 2 });
  });
});

describe('a server', () => {
  it('is shown by status, and keeps its URL over a restart', async () => {
    await site.stop(ledger);
    ledger = await site.ledger('ledger', { TALLYSTICK_LEDGER_ROLES: 'seal,publish,serve' });
    await expect
      .poll(() => (site.status('ledger') as { serve: { url: string } | null }).serve?.url, { timeout: 120_000 })
      .toBe(url);
    const answer = await fetch(`${url}/checkpoint`);
    expect([answer.status, (await answer.text()).split('\n')[0]]).toEqual([200, site.origin]);
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 120_000 }).toBe(200);
  });

  it('serves new events within seconds, with the rights of a verifier alone where it runs apart', async () => {
    await site.stop(ledger);
    ledger = await site.ledger('ledger', { TALLYSTICK_LEDGER_ROLES: 'seal,publish' });
    const serve = await site.role('serve');
    await site.emit(10);
    await site.allSealed();
    await published();
    const { log } = JSON.parse((await site.run(['status', '--json'])).out) as StatusJson;
    for (const offset of [0, 55, 59]) {
      const json = await site.ok(['prove', '0', String(offset), '--url', log.url ?? url]);
      const file = join(site.folder, `${offset}.json`);
      writeFileSync(file, json);
      expect((await check([file])).code).toBe(0);
    }
    await site.stop(serve);
  });
});

describe('log check', () => {
  it('finds a tile that is altered or gone, and makes it anew', async () => {
    // A publisher that runs looks at the right edge again, and would mend it first.
    await site.stop(ledger);
    expect(await site.ok(['log', 'check'])).toMatch(/is whole: \d+ entries/);
    const dir = (await site.deployed((deployment) => Promise.resolve(deployment.logPlace))) as { dir: string };
    const [tile] = readdirSync(join(dir.dir, 'tile/0/000.p'))
      .sort((a, b) => Number(b) - Number(a))
      .map((width) => `tile/0/000.p/${width}`);
    const bytes = readFileSync(join(dir.dir, tile ?? ''));
    writeFileSync(join(dir.dir, tile ?? ''), Buffer.alloc(bytes.length));
    const { code, out } = await site.run(['log', 'check']);
    expect([code, out]).toEqual([1, `missing or wrong: ${tile}\n`]);
    expect(await site.ok(['log', 'check', '--repair'])).toContain(`written again: ${tile}`);
    expect(readFileSync(join(dir.dir, tile ?? ''))).toEqual(bytes);
    expect(await site.ok(['log', 'check'])).toContain('is whole');
  });
});
