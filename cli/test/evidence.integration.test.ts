import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { encodeEvent, eventHeaders } from '@tallystick/schemas/avro';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { openBundle } from '@tallystick/verifier/open-bundle';
import type { Verdict } from '@tallystick/verifier/verdict';
import { small } from '../../schemas/test/samples.ts';
import { kafkaConfigFor } from '../../test/support/kafka.ts';
import { evidenceExportCommand } from '../src/commands/evidence.ts';
import type { EvidenceFlags } from '../src/commands/evidence.ts';
import { newKey } from '../src/key-files.ts';
import { Site } from './site.ts';

// The main job of a bundle: exported from the real stack, verified by somebody who has the file and the public keys, and no network.

const site = new Site();
const stack = inject('stack');
const all = 122;
const child = join(import.meta.dirname, 'offline-verify.ts');
const noNetwork = ['--import', join(import.meta.dirname, 'no-network.ts')];

/** In a process that ends with 99 when it asks for anything over a network. */
function offline(file: string): Verdict {
  const { rootVkey, logVkeys } = site.installation;
  const out = execFileSync(
    process.execPath,
    [
      '--conditions=@tallystick/source',
      ...noNetwork,
      child,
      join(site.folder, file),
      site.origin,
      rootVkey,
      ...(logVkeys ?? []),
    ],
    { encoding: 'utf8', env: {} },
  );
  return JSON.parse(out) as Verdict;
}

const main = join(import.meta.dirname, '..', 'src', 'main.ts');
const command = ['--conditions=@tallystick/source', main, 'evidence', 'export'];
const env = { PATH: process.env['PATH'], TALLYSTICK_HOME: site.folder };

/** The command in this process. */
const exported = (flags: EvidenceFlags) => site.call((context) => evidenceExportCommand(context, flags));

beforeAll(async () => {
  await site.begin();
  const ledger = await site.ledger('ledger', { TALLYSTICK_LEDGER_ROLES: 'seal,publish' });
  for (let round = 0; round < 3; round += 1) {
    await site.emit(40);
    await site.allSealed();
  }
  await emitReal();
  await site.allPublished('ledger');
  await site.stop(ledger);
});
afterAll(() => site.end());

/** Two events as the SDK encodes them, one of which names its schema by the registry's id alone. */
async function emitReal(): Promise<void> {
  const { kafka, registry } = stack;
  if (kafka === null || registry === null) throw new Error('these tests need Kafka and a registry');
  const id = await new SchemaRegistry({ url: registry.url }).register(`${site.topics.events}-value`);
  const log = connectRecordLog(kafkaConfigFor(stack, 'admin'));
  const appender = await log.createAppender();
  const other = { ...small, id: '01938f2c-7a00-7000-8000-000000000002', sequence: 1 };
  await appender.append(site.topics.events, 0, [
    { key: null, value: encodeEvent(small, id), headers: eventHeaders },
    { key: null, value: encodeEvent(other, id) },
  ]);
  appender.drop();
  await log.close();
  for (const until = performance.now() + 120_000; (await site.verify()).checked.events !== all;) {
    if (performance.now() > until) throw new Error('not sealed');
  }
}

/** The command in a folder of its own and without settings but those given, in a process that ends with 99 when it asks for a network. */
function auditor(name: string, flags: readonly string[], settings: NodeJS.ProcessEnv = {}) {
  const cwd = join(site.folder, name);
  mkdirSync(cwd, { recursive: true });
  copyFileSync(join(site.folder, 'all.bundle'), join(cwd, 'all.bundle'));
  copyFileSync(site.installation.policyFile ?? '', join(cwd, 'policy.txt'));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@tallystick/source', ...noNetwork, main, 'verify', '--bundle', 'all.bundle', ...flags],
    { cwd, encoding: 'utf8', env: { PATH: process.env['PATH'], ...settings } },
  );
  return { status, stdout, stderr, words: stdout.replaceAll(/\s+/g, ' ') };
}

describe('evidence export', () => {
  it('gives one file that is verified without any network, as the cluster is', async () => {
    const registry = { TALLYSTICK_REGISTRY_URL: stack.registry?.url ?? '' };
    const said = await site.ok(['evidence', 'export', '-o', 'all.bundle'], registry);
    expect(said).toMatch(/^the bundle is in all\.bundle: 122 events, \d+ bytes\n$/);
    const listed = execFileSync('tar', ['-tf', join(site.folder, 'all.bundle')], { encoding: 'utf8' });
    for (const name of [
      'MANIFEST.json',
      'POLICY.txt',
      'log/checkpoint',
      'log/tile/entries/000.p/',
      'schemas/',
      'sha256sums',
    ])
      expect(listed).toContain(name);
    const verdict = offline('all.bundle');
    // The bytes that most of these events are made of are no events, and one names no schema by hash.
    expect(verdict.findings.map(({ code }) => code).sort()).toEqual(['undecodable', 'unpinned-schema']);
    expect(verdict).toMatchObject({ exitCode: 0, verdict: 'verified', checked: { events: all } });
    expect(verdict.checked.partitions).toMatchObject([{ content: { decoded: 2, unavailable: 0 } }]);
    expect(verdict.published).toMatchObject({ size: verdict.checked.statements });
  });

  it('is verified by the command that is documented, with the root key and a policy alone', () => {
    const { rootVkey } = site.installation;
    const held = ['--policy', 'policy.txt', '--anchor', 'anchor.json'];
    const first = auditor('auditor', held, { TALLYSTICK_ROOT_KEY: rootVkey });
    expect([first.status, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch(/^VERIFIED\n/);
    const size = offline('all.bundle').published?.size ?? 0;
    expect(size).toBeGreaterThan(3);
    expect(first.words).toContain(`${size} entries`);
    expect(existsSync(join(site.folder, 'auditor', 'anchor.json'))).toBe(true);
    // The same again, by its flag, held against the anchor, and by two threads.
    const again = auditor('auditor', [...held, '--root-key', rootVkey, '--workers', '2', '--json']);
    expect([again.status, again.stderr]).toEqual([0, '']);
    expect(JSON.parse(again.stdout)).toMatchObject({ verdict: 'verified', published: { size }, origin: site.origin });
  });

  it('would not go unnoticed if it asked for a network', () => {
    const { status } = spawnSync(process.execPath, [...noNetwork, '-e', "fetch('http://127.0.0.1:30001')"]);
    expect(status).toBe(99);
  });

  it('is not verified with another root key', () => {
    const otherRoot = newKey(`${site.origin}/root`).key.vkey;
    const key = auditor('other-key', ['--policy', 'policy.txt', '--root-key', otherRoot]);
    expect([key.status, key.stderr], key.stdout).toEqual([1, '']);
    expect(key.words).toMatch(
      /under the root key given \(0 rubbish, \d+ signed by no valid key\)\. Check the root key/,
    );
  });

  it('without a registry is inconclusive where an event cannot be read without', async () => {
    expect((await exported({ output: 'bare.bundle' })).out).toContain('122 events');
    expect(offline('bare.bundle')).toMatchObject({ exitCode: 3, checked: { events: all } });
  });

  it('of a range holds whole seals', async () => {
    const { out } = await exported({ partition: '0', from: '50', to: '60', output: 'some.bundle' });
    const [, events] = /: (\d+) events/.exec(out) ?? [];
    expect(Number(events)).toBeGreaterThanOrEqual(11);
    expect(Number(events)).toBeLessThan(all);
    expect(offline('some.bundle')).toMatchObject({ exitCode: 0, checked: { events: Number(events) } });
  });

  it('goes to standard output, and a pipe that is cut is half a bundle', async () => {
    const script = '"$0" "$@" -o - > piped.bundle';
    execFileSync('sh', ['-c', script, process.execPath, ...command], { cwd: site.folder, env, stdio: 'ignore' });
    const piped = join(site.folder, 'piped.bundle');
    await (await openBundle(piped)).close();
    const half = join(site.folder, 'half.bundle');
    writeFileSync(half, readFileSync(piped).subarray(0, statSync(piped).size / 2));
    await expect(openBundle(half)).rejects.toMatchObject({ code: 'BUNDLE_TRUNCATED' });
  });

  it('killed in the middle leaves no file under its name, and nothing in the way of the next', async () => {
    const file = join(site.folder, 'killed.bundle');
    const args = [...command, '-o', 'killed.bundle'];
    // It may be done before the kill meets it: then again.
    for (let tries = 0; tries < 20 && !existsSync(`${file}.part`); tries += 1) {
      rmSync(file, { force: true });
      const running = spawn(process.execPath, args, { cwd: site.folder, env, stdio: 'ignore' });
      const ended = new Promise((resolve) => running.once('close', resolve));
      while (!existsSync(`${file}.part`) && running.exitCode === null)
        await new Promise((resolve) => setImmediate(resolve));
      running.kill('SIGKILL');
      await ended;
    }
    expect([existsSync(file), existsSync(`${file}.part`)]).toEqual([false, true]);
    expect((await exported({ output: 'killed.bundle' })).out).toContain('122 events');
    expect(existsSync(`${file}.part`)).toBe(false);
    expect(await exported({ output: 'killed.bundle' })).toMatchObject({ code: 2 });
  });

  it('of what is not there says why', async () => {
    expect(await exported({ partition: '0', from: '5000', output: 'x' })).toMatchObject({ code: 2 });
    expect(await exported({ from: '7', output: 'x' })).toMatchObject({ code: 2 });
    expect(existsSync(join(site.folder, 'x'))).toBe(false);
    expect(existsSync(join(site.folder, 'x.part'))).toBe(false);
  });
});
