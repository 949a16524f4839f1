import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectClickHouse, type ClickHouse, type ClickHouseConfig } from '@tallystick/anomaly-worker/clickhouse';
import { applyMigrations } from '@tallystick/anomaly-worker/migrations';
import type { TopicNames } from '@tallystick/infra/local/kafka-data';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { VerificationRun } from '@tallystick/verifier/reporter';
import { kafkaConfigFor, makeTopics } from '../../test/support/kafka.ts';
import { readEvents } from '../../producers/test/reading.ts';
import { finding } from '../../verifier/test/report/samples.ts';
import { verdictOf } from '../../verifier/test/schedule/support.ts';
import { auditEventReporter } from '../src/verification-reporter.ts';
import { clickHouseReporter } from '../src/verification-tables.ts';

const stack = inject('stack');
const signal = new AbortController().signal;
const origin = 'example.com/audit';

const foundOut = (n: number) =>
  finding({ code: 'altered', place: `offsets ${n}-${n}`, expected: 'a', message: "It's not \\ what \u0000 it was" });

const run = (given: Pick<VerificationRun, 'verdict'> | Pick<VerificationRun, 'error'>): VerificationRun =>
  ({
    id: randomUUID(),
    trigger: 'schedule',
    startedAt: '2026-03-01T03:00:00.000Z',
    finishedAt: '2026-03-01T03:00:01.000Z',
    ...given,
  }) as VerificationRun;
const verdict = verdictOf('failed', {
  origin,
  scope: { kind: 'all', ranges: null, sealedEvents: 9_000, inScope: 9_000 },
  anchoredTo: { ...verdictOf('failed').anchoredTo, kind: 'witnesses', witnesses: ['w1', "w'2"] },
  checked: { events: 6_000, seals: 1, statements: 1, keyStatements: 1, partitions: [] },
  counts: { rubbish: 0, noise: 0, races: 0, resends: 0, forks: 0, unsealed: 2, pending: null },
  findings: Array.from({ length: 2_500 }, (_, n) => foundOut(n)),
  findingsOmitted: { altered: 7 },
});
const failed = run({ verdict });
const broken = run({ error: { code: 'ANCHOR_CORRUPT', message: 'torn', exitCode: 2 } });

describe.skipIf(stack.clickhouse === null)('runs in ClickHouse', () => {
  let config: ClickHouseConfig;
  let clickhouse: ClickHouse;

  beforeAll(async () => {
    config = { url: stack.clickhouse?.url ?? '', database: `verifications_${randomBytes(6).toString('hex')}` };
    await applyMigrations(config, fileURLToPath(new URL('../../infra/clickhouse', import.meta.url)));
    clickhouse = connectClickHouse(config);
  });
  afterAll(async () => {
    await clickhouse.command(`DROP DATABASE ${config.database}`);
    await clickhouse.close();
  });

  test('are there once with all their findings, however often they are told', async () => {
    const reporter = clickHouseReporter(config);
    for (let time = 0; time < 2; time++) for (const each of [failed, broken]) await reporter.report(each, signal);
    await reporter.close?.();
    const runs = await clickhouse.query(
      `SELECT run_id, verdict, exit_code, error_code, events, findings, findings_failing, witnesses, log_size FROM ${config.database}.verification_runs ORDER BY verdict DESC`,
    );
    expect(runs).toEqual([
      [failed.id, 'failed', 1, '', '6000', '2507', '2507', ['w1', "w'2"], null],
      [broken.id, 'error', 2, 'ANCHOR_CORRUPT', '0', '0', '0', [], null],
    ]);
    const findings = await clickhouse.query(
      `SELECT run_id, count(), uniqExact(hash), any(message), any(expected), any(found) FROM ${config.database}.verification_findings GROUP BY run_id`,
    );
    expect(findings).toEqual([[failed.id, '2500', '2500', "It's not \\ what \u0000 it was", 'a', null]]);
  });

  test('say since when what they could not cover had waited', async () => {
    const stored = (since: string) => ({ since, clock: 'stored' as const });
    const counts = { ...verdict.counts, unsealed: 2, pending: 3 };
    const waiting = run({
      verdict: {
        ...verdictOf('verified'),
        counts,
        ages: {
          unsealed: stored('2026-03-01T02:59:30.250Z'),
          pending: stored('2026-02-28T03:00:00.000Z'),
          checkpoint: { since: '2026-03-01T02:00:00.000Z', clock: 'witnesses' },
        },
      },
    });
    // By a clock that is ahead, and by one that says nothing of use.
    const ahead = run({
      verdict: {
        ...verdictOf('verified'),
        counts,
        ages: {
          unsealed: stored('2026-03-01T03:00:05.000Z'),
          pending: stored('+275760-09-13T00:00:00.000Z'),
          checkpoint: null,
        },
      },
    });
    const reporter = clickHouseReporter(config);
    for (const each of [waiting, ahead]) await reporter.report(each, signal);
    await reporter.close?.();
    const rows = await clickhouse.query(
      `SELECT unsealed_since, unsealed_age_ms, pending, pending_since, pending_age_ms, checkpoint_since, checkpoint_age_ms
       FROM ${config.database}.verification_runs WHERE run_id IN ({waiting:String}, {ahead:String}, {failed:String}, {broken:String})
       ORDER BY indexOf([{waiting:String}, {ahead:String}, {failed:String}, {broken:String}], run_id)`,
      { waiting: waiting.id, ahead: ahead.id, failed: failed.id, broken: broken.id },
    );
    const nothing = [null, null, null, null, null, null, null];
    expect(rows).toEqual([
      [
        '2026-03-01T02:59:30.250Z',
        '29750',
        '3',
        '2026-02-28T03:00:00.000Z',
        '86400000',
        '2026-03-01T02:00:00.000Z',
        '3600000',
      ],
      ['2026-03-01T03:00:05.000Z', '0', '3', null, null, null, null],
      nothing,
      nothing,
    ]);
  });

  test('a run whose findings cannot be written is not there either', async () => {
    await clickhouse.command(`RENAME TABLE ${config.database}.verification_findings TO ${config.database}.away`);
    const reporter = clickHouseReporter(config);
    const late = run({ verdict: { ...verdict, findings: [foundOut(1)] } });
    await expect(reporter.report(late, signal)).rejects.toMatchObject({ code: 'CLICKHOUSE_SCHEMA' });
    await clickhouse.command(`RENAME TABLE ${config.database}.away TO ${config.database}.verification_findings`);
    const there = `SELECT count() FROM ${config.database}.verification_runs WHERE run_id = {id:String}`;
    expect(await clickhouse.query(there, { id: late.id })).toEqual([['0']]);
    await reporter.report(late, signal);
    expect(await clickhouse.query(there, { id: late.id })).toEqual([['1']]);
    await reporter.close?.();
  });

  test('a ClickHouse that is away, or none, is an error with a code', async () => {
    const away = clickHouseReporter({ ...config, url: 'http://127.0.0.1:1' });
    await expect(away.report(broken, signal)).rejects.toMatchObject({ code: 'CLICKHOUSE_UNREACHABLE' });
    await away.close?.();
    const reporter = clickHouseReporter(config);
    await expect(reporter.report(broken, AbortSignal.abort())).rejects.toThrow();
    await reporter.close?.();
  });
});

describe('runs as audit events', () => {
  let topics: TopicNames;
  const options = () => ({
    kafka: kafkaConfigFor(stack, 'reporter'),
    registry: { url: stack.registry?.url ?? '' },
    topic: topics.events,
    origin,
  });
  beforeAll(async () => {
    topics = await makeTopics(stack);
  });

  test('are written under the principal reporter, bounded, with hashes of what was found', async () => {
    const reporter = auditEventReporter(options());
    await reporter.report(failed, signal);
    await reporter.report(broken, signal);
    await reporter.overdue?.({ lastFinishedAt: null, since: '2026-03-01T00:00:00.000Z', limitMs: 5 }, signal);
    const log = connectRecordLog(kafkaConfigFor(stack, 'verifier'));
    try {
      const events = await readEvents(log, topics.events);
      const byCode = (code: string) => events.map(({ event }) => event).find((event) => event.errorCode === code);
      const told = byCode('altered');
      expect(told).toMatchObject({
        action: 'tallystick:verify',
        outcome: 'failure',
        source: 'tallystick-verifier',
        labels: { exitCode: '1', verdict: 'failed', failing: '2507' },
        correlation: { requestId: failed.id },
      });
      const response = JSON.parse(String(told?.response)) as { findings: unknown[] };
      expect(response).toMatchObject({ findingsByCode: { altered: 2_507 }, findingsLeftOut: 2_300 });
      expect(response.findings).toHaveLength(200);
      expect(response.findings[0]).toMatchObject({ code: 'altered', hash: foundOut(0).hash, weight: 'fails' });
      expect(byCode('ANCHOR_CORRUPT')).toMatchObject({ outcome: 'unknown', errorMessage: 'torn' });
      expect(byCode('OVERDUE')).toMatchObject({ action: 'tallystick:verify-overdue', outcome: 'failure' });
    } finally {
      await log.close();
    }
  });

  test('a principal that may not write is refused, and an aborted report ends', async () => {
    const refused = auditEventReporter({ ...options(), kafka: kafkaConfigFor(stack, 'guard') });
    await expect(refused.report(broken, signal)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    const reporter = auditEventReporter(options());
    await expect(reporter.report(broken, AbortSignal.abort())).rejects.toThrow();
  });
});
