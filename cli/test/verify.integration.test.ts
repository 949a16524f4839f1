// `tallystick verify` as it is typed, on the real stack: each way to run it that needs a cluster, with its exit code and words.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectClickHouse, type ClickHouse } from '@tallystick/anomaly-worker/clickhouse';
import { applyMigrations } from '@tallystick/anomaly-worker/migrations';
import { clickhouseConfig, migrationsDir } from '../../anomaly-worker/test/support/clickhouse.ts';
import { type Ran, Site } from './site.ts';

const stack = inject('stack');
const site = new Site();
const events = 60;
/** Behind the last seal: the ledger is stopped before. */
const late = 5;

const words = (ran: Ran) => ran.out.replaceAll(/\s+/g, ' ');
const verify = (...flags: string[]) => site.run(['verify', ...flags]);

beforeAll(async () => {
  await site.begin();
  const ledger = await site.ledger('ledger', { TALLYSTICK_LEDGER_ROLES: 'seal,publish' });
  for (let round = 0; round < 3; round += 1) {
    await site.emit(events / 3);
    await site.allSealed();
  }
  await site.allPublished('ledger');
  await site.stop(ledger);
  await site.emit(late);
});
afterAll(() => site.end());

describe('verify', () => {
  it('--self-test shows that it bites', async () => {
    const told = await verify('--self-test');
    expect([told.code, told.errors]).toEqual([0, '']);
    expect(told.out).toMatch(/^Self-test of the verifier, on copies in memory of the newest part of this log\n/);
    expect(words(told)).toMatch(
      / copied 60 events in 1 partitions, \d+ statements, .* altered (\d+) of \1 alterations found /,
    );
    expect(told.out).toMatch(/\nThe verifier bites: /);
    const { code, out } = await verify('--self-test', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { result: 'bites', exitCode: 0 }]);
  });

  it('--limits that are kept and that are not', async () => {
    const limits = (more: object) => {
      writeFileSync(join(site.folder, 'limits.json'), JSON.stringify({ version: 1, ...more }));
      return verify('--limits', 'limits.json');
    };
    const kept = await limits({ maxTailAgeMs: 3_600_000, maxClockSkewMs: 300_000, acknowledged: [] });
    expect([kept.code, kept.errors], kept.out).toEqual([0, '']);
    const late = await limits({ maxTailAgeMs: 1 });
    expect([late.code, late.errors]).toEqual([3, '']);
    expect(late.out).toMatch(/^INCONCLUSIVE/);
    expect(late.out).toContain('tail-old');
    const wrong = await limits({ maxTailAge: 1 });
    expect([wrong.code, wrong.out]).toEqual([2, '']);
    expect(wrong.errors).toContain('[POLICY_FILE_INVALID]');
  });

  it('--incremental goes on from the anchor', async () => {
    const first = await verify('--anchor', 'anchor.json');
    expect([first.code, first.errors]).toEqual([0, '']);
    const second = await verify('--anchor', 'anchor.json', '--incremental');
    expect([second.code, second.errors]).toEqual([0, '']);
    expect(words(second)).toContain('mode incremental: what the run of 20');
    expect(words(second)).toContain('checked 0 events in 0 seals, 0 statements');
    const { out } = await verify('--anchor', 'anchor.json', '--incremental', '--json');
    expect(JSON.parse(out)).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { events: 0 } });
    const alone = await verify('--incremental', '--json');
    expect([alone.code, JSON.parse(alone.out)]).toMatchObject([2, { exitCode: 2, error: { code: 'OPTIONS_INVALID' } }]);
    expect(alone.errors).toContain('An incremental run needs an anchor');
  });

  it('--partition and --offsets look at whole seals, and say what they did not look at', async () => {
    const some = await verify('--partition', '0', '--offsets', '5-8', '--json');
    const verdict = JSON.parse(some.out) as { checked: { events: number }; scope: { inScope: number } };
    expect([some.code, verdict]).toMatchObject([0, { scope: { kind: 'ranges', sealedEvents: events } }]);
    expect(verdict.checked.events).toBe(verdict.scope.inScope);
    expect(verdict.checked.events).toBeGreaterThanOrEqual(4);
    expect(verdict.checked.events).toBeLessThan(events);
    expect(words(await verify('--partition', '0', '--offsets', '5-8'))).toMatch(
      / scope only \d+ of 60 sealed events \(whole seals of offsets 5-8 of partition 0\); nothing is said of the others /,
    );
    const unsealed = await verify('--partition', '0', '--offsets', String(events));
    expect([unsealed.code, unsealed.out.split('\n')[0]]).toEqual([3, 'INCONCLUSIVE: not everything could be checked']);
    const none = await verify('--partition', '7');
    expect([none.code, none.errors]).toEqual([3, '']);
    expect(words(none)).toContain('scope none of 60 sealed events (asked for: offsets 0- of partition 7)');
    expect(await verify('--partition', 'x')).toMatchObject({ code: 2, out: '' });
  });
});

describe.skipIf(stack.clickhouse === null)('verify --query-copy', () => {
  let clickhouse: ClickHouse;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const config = clickhouseConfig(stack);
    await applyMigrations(config, migrationsDir);
    clickhouse = connectClickHouse(config);
    const user = stack.kafka?.users.worker;
    env = {
      TALLYSTICK_REGISTRY_URL: stack.registry?.url ?? '',
      TALLYSTICK_CLICKHOUSE_URL: config.url,
      TALLYSTICK_CLICKHOUSE_DATABASE: config.database,
      TALLYSTICK_KAFKA_USERS_WORKER_USERNAME: user?.username ?? '',
      TALLYSTICK_KAFKA_USERS_WORKER_PASSWORD_FILE: user?.passwordFile ?? '',
    };
  });
  afterAll(async () => {
    await clickhouse.command(`DROP DATABASE ${clickhouse.config.database}`);
    await clickhouse.close();
  });

  const hold = (...flags: string[]) => site.run(['verify', '--query-copy', ...flags], env);

  it('holds what the worker wrote against the records, and finds a row that was altered', async () => {
    const worker = site.start(['worker'], env);
    const count = `SELECT count() FROM ${clickhouse.config.database}.events`;
    await expect
      .poll(async () => Number((await clickhouse.query(count))[0]?.[0]), { timeout: 120_000 })
      .toBeGreaterThanOrEqual(events + late);
    worker.child.kill('SIGTERM');
    const { code, errors } = await worker.ended;
    expect(code, errors).toBe(0);
    const clean = await hold();
    expect([clean.code, clean.errors], clean.out).toEqual([0, '']);
    expect(words(clean)).toContain(`query copy ${events + late} rows compared`);
    await clickhouse.command(
      `ALTER TABLE ${clickhouse.config.database}.events UPDATE source = 'somebody' WHERE offset = 7`,
      {},
      { mutations_sync: '2' },
    );
    const altered = await hold();
    expect([altered.code, altered.errors]).toEqual([1, '']);
    expect(altered.out).toMatch(/^FAILED/);
    expect(words(altered)).toContain(`query copy ${events + late} rows compared; 1 altered`);
    expect(words(altered)).toContain('The row of offset 7 is not what its record gives: column source.');
  });

  it('is not looked at where none is configured', async () => {
    const none = await verify('--query-copy', '--json');
    expect([none.code, JSON.parse(none.out)]).toMatchObject([3, { error: { code: 'NOT_RUNNING' } }]);
    expect(readFileSync(join(site.folder, 'tallystick.yaml'), 'utf8')).not.toContain('clickhouse');
  });
});
