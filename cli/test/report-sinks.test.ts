import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@tallystick/kafka/logger';
import { closeReporters } from '@tallystick/verifier/run-once';
import { afterAll, describe, expect, it } from 'vitest';
import { BundleFolder } from '../../verifier/test/bundle/bundles.ts';
import { rootKey, World } from '../../verifier/test/support/world.ts';
import { deploymentOf } from '../src/context.ts';
import { openReporters } from '../src/verification/report-sinks.ts';
import { testContext } from './test-context.ts';

const bundles = new BundleFolder();
afterAll(() => bundles.end());

describe('--record', () => {
  const parts = { version: '1', logger: silentLogger, heartbeat: false };
  const config = [
    'origin: test.example/audit',
    "kafka: { brokers: ['127.0.0.1:1'], users: { reporter: { username: r, password: p } } }",
    "registry: { url: 'http://127.0.0.1:1' }",
  ].join('\n');

  it('says that it writes the audit event alone where no ClickHouse is configured', async () => {
    const context = testContext(config);
    const reporters = await openReporters(context, deploymentOf(context), { record: true }, parts);
    expect(reporters.map(({ name }) => name)).toEqual(['audit-event']);
    expect(context.lines).toEqual([expect.stringMatching(/^--record: no ClickHouse is configured .* ledger only$/)]);
  });

  it('says nothing where there is one, or where nothing is to be recorded', async () => {
    const context = testContext(`${config}\nclickhouse: { url: 'http://127.0.0.1:1' }`);
    const reporters = await openReporters(context, deploymentOf(context), { record: true }, parts);
    expect(reporters.map(({ name }) => name)).toEqual(['audit-event', 'clickhouse']);
    await closeReporters(reporters);
    expect(await openReporters(context, deploymentOf(context), {}, parts)).toEqual([]);
    expect(context.lines).toEqual([]);
  });
});

it('a report that cannot be written is tried three times, is an error in the log then, and changes no verdict', async () => {
  const { file } = await bundles.export(await World.small());
  // A folder is where the file is to come.
  const none = join(bundles.path, 'taken');
  mkdirSync(join(none, 'report.json'), { recursive: true });
  const good = join(bundles.path, 'good.xml');
  const main = join(import.meta.dirname, '..', 'src', 'main.ts');
  const flags = ['--bundle', file, '--no-log', '--root-key', rootKey.vkey];
  const reports = ['--report-json', join(none, 'report.json'), '--report-junit', good];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@tallystick/source', main, 'verify', ...flags, ...reports],
    { encoding: 'utf8', env: { PATH: process.env['PATH'], TALLYSTICK_HOME: bundles.path } },
  );
  expect([status, stdout.split('\n')[0]], stderr).toEqual([0, 'VERIFIED']);
  const lines = stderr.trim().split('\n');
  const said = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(said.map(({ level, reporter, attempt, of, code }) => [level, reporter, attempt, of, code])).toEqual([
    ['warn', 'json', 1, 3, undefined],
    ['warn', 'json', 2, 3, undefined],
    ['error', 'json', 3, 3, 'REPORT_FAILED'],
  ]);
  expect(lines.at(-1)).toBe(
    `tallystick: the report --report-json ${join(none, 'report.json')} failed; the verdict stands [REPORT_FAILED]`,
  );
  expect(readFileSync(good, 'utf8')).toContain('<testsuites');
});

it('a report that has no folder is refused before the run', async () => {
  const { file } = await bundles.export(await World.small());
  const main = join(import.meta.dirname, '..', 'src', 'main.ts');
  const plain = join(bundles.path, 'plain');
  writeFileSync(plain, '');
  for (const [path, why] of [
    ['/no/such/r.html', 'there is no folder /no/such'],
    [join(plain, 'r.html'), `${plain} is no folder`],
  ] as const) {
    const flags = ['--bundle', file, '--no-log', '--root-key', rootKey.vkey, '--report-html', path];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--conditions=@tallystick/source', main, 'verify', ...flags],
      { encoding: 'utf8', env: { PATH: process.env['PATH'], TALLYSTICK_HOME: bundles.path } },
    );
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`--report-html: ${path} cannot be written: ${why} [CONFIG_INVALID]`);
  }
});
