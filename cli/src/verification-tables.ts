import { connectClickHouse, type ClickHouse, type ClickHouseConfig } from '@tallystick/anomaly-worker/clickhouse';
import type { Reporter, VerificationRun } from '@tallystick/verifier/reporter';
import { tallyOf } from '@tallystick/verifier/report-summary';
import type { Age, ReportedFinding } from '@tallystick/verifier/verdict';

/** Findings in one insert. */
const chunk = 1_000;

/**
 * Writes each run to the tables `verification_runs` and `verification_findings`: the findings first, so that a run that is there is there
 * whole. The same run again adds nothing: each insert has the run's id as its token.
 * A report throws WorkerError CLICKHOUSE_UNREACHABLE, CLICKHOUSE_REFUSED, CLICKHOUSE_SCHEMA, CLICKHOUSE_FAILED.
 * @throws WorkerError WORKER_CONFIG_INVALID
 */
export function clickHouseReporter(config: ClickHouseConfig): Reporter {
  const clickhouse = connectClickHouse(config);
  return {
    name: 'clickhouse',
    wantsEveryRun: true,
    async report(run, signal) {
      const findings = run.verdict?.findings ?? [];
      for (let first = 0; first < findings.length; first += chunk) {
        const rows = findings.slice(first, first + chunk).map((finding) => findingRow(run, finding));
        await insert(clickhouse, 'verification_findings', `${run.id}/findings/${first}`, rows, signal);
      }
      await insert(
        clickhouse,
        'verification_runs',
        `${run.id}/${run.verdict?.verdict ?? run.error?.code}`,
        [runRow(run)],
        signal,
      );
    },
    close: () => clickhouse.close(),
  };
}

async function insert(
  clickhouse: ClickHouse,
  table: 'verification_runs' | 'verification_findings',
  token: string,
  rows: readonly Readonly<Record<string, unknown>>[],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const names = Object.keys(rows[0] ?? {}).join(', ');
  const sql = `INSERT INTO ${clickhouse.config.database}.${table} (${names}) FORMAT JSONEachRow`;
  const settings = { async_insert: 0, insert_deduplicate: 1, insert_deduplication_token: token } as const;
  await clickhouse.insert(sql, rows.map((row) => JSON.stringify(row)).join('\n'), {}, settings);
}

function runRow(run: VerificationRun): Record<string, unknown> {
  const { verdict, error } = run;
  const times = { started_at: dateTime(run.startedAt), finished_at: dateTime(run.finishedAt) };
  const head = { run_id: run.id, trigger: run.trigger, ...times };
  if (verdict === undefined)
    return {
      ...head,
      verdict: 'error',
      exit_code: error.exitCode,
      error_code: error.code,
      error_message: error.message,
    };
  const { scope, anchoredTo, checked, counts, ages, published } = verdict;
  const tally = tallyOf(verdict);
  return {
    ...head,
    verdict: verdict.verdict,
    exit_code: verdict.exitCode,
    origin: verdict.origin,
    root_key: verdict.rootKey,
    mode: verdict.mode,
    scope: scope.kind,
    anchored_to: anchoredTo.kind,
    witnesses: anchoredTo.witnesses,
    log_size: published?.size ?? null,
    log_root: published?.root ?? '',
    events: checked.events,
    sealed_events: scope.sealedEvents,
    seals: checked.seals,
    statements: checked.statements,
    unsealed: counts.unsealed,
    unsealed_since: since(ages.unsealed),
    pending: counts.pending,
    pending_since: since(ages.pending),
    checkpoint_since: since(ages.checkpoint),
    findings: tally.fails + tally.lifted + tally.open + tally.none,
    findings_failing: tally.fails,
  };
}

function findingRow(run: VerificationRun, finding: ReportedFinding): Record<string, unknown> {
  const { hash, code, severity, topic, partition, generation, place, expected, found, message, acknowledged } = finding;
  return {
    run_id: run.id,
    started_at: dateTime(run.startedAt),
    hash,
    code,
    severity,
    topic: topic ?? '',
    partition,
    generation,
    place,
    expected,
    found,
    message,
    acknowledged: acknowledged?.reason ?? '',
  };
}

/** The last time that a DateTime64(3) can say, unix ms. */
const latest = Date.UTC(2299, 11, 31, 23, 59, 59, 999);

/** Null also where whoever stored it wrote a time that the table cannot hold: the rest of the run is worth more. */
function since(age: Age | null): string | null {
  return age === null || Date.parse(age.since) > latest ? null : dateTime(age.since);
}

/** As ClickHouse reads a DateTime64(3). */
function dateTime(iso: string): string {
  return new Date(iso).toISOString().replace('T', ' ').replace('Z', '');
}
