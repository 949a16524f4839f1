import type { KafkaConfig } from '@tallystick/kafka/config';
import type { Logger } from '@tallystick/kafka/logger';
import { createProducer, type EventInput } from '@tallystick/producers/producer';
import type { RegistryConfig } from '@tallystick/schemas/registry';
import type { Overdue, Reporter, VerificationRun } from '@tallystick/verifier/reporter';
import { inOrder, tallyOf, weightOf } from '@tallystick/verifier/report-summary';

export interface AuditEventReporterOptions {
  /** The principal `reporter`: it may write events, and nothing else. */
  readonly kafka: KafkaConfig;
  readonly registry: RegistryConfig;
  readonly topic: string;
  /** Name of the source. Default `tallystick-verifier`. */
  readonly source?: string;
  /** Name of the log, for runs without a verdict. */
  readonly origin: string;
  readonly logger?: Logger;
}

/** Findings that an event names; the others are counted by code. */
const mostFindings = 200;
const longestText = 2_000;

/**
 * Writes each run into the ledger as an audit event (action `tallystick:verify`), and a run that is overdue (`tallystick:verify-overdue`). They are
 * events like all others: sealed, and looked at by the next run. Connects for each report, for runs are far apart; a report that is
 * repeated because its receipt was lost is a second event with the same run in `correlation.requestId`.
 * A report throws what `createProducer`, `emit` and a receipt throw.
 */
export function auditEventReporter(options: AuditEventReporterOptions): Reporter {
  return {
    name: 'audit-event',
    wantsEveryRun: true,
    report: (run, signal) => emit(options, eventOf(run, options.origin), signal),
    overdue: (overdue, signal) => emit(options, overdueEventOf(overdue, options.origin), signal),
  };
}

async function emit(options: AuditEventReporterOptions, event: EventInput, signal: AbortSignal): Promise<void> {
  const { kafka, registry, topic, source = 'tallystick-verifier', logger } = options;
  signal.throwIfAborted();
  const producer = await createProducer({ kafka, registry, topic, source, lingerMs: 0, ...(logger && { logger }) });
  const giveUp = (): void => void producer.close({ deadlineMs: 0 }).catch(() => undefined);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    signal.throwIfAborted();
    const { receipt } = await producer.emit(event);
    await receipt;
  } finally {
    signal.removeEventListener('abort', giveUp);
    // The receipt is there or never comes: nothing is left to wait for.
    await producer.close({ deadlineMs: 5_000 }).catch(() => undefined);
  }
}

const outcomes = { verified: 'success', failed: 'failure', inconclusive: 'unknown' } as const;

/** The audit event of a run. */
export function eventOf(run: VerificationRun, origin: string): EventInput {
  const { verdict, error } = run;
  const base = {
    ...common(origin),
    action: 'tallystick:verify',
    occurredAtMs: Date.parse(run.finishedAt),
    correlation: { requestId: run.id },
    request: JSON.stringify({ trigger: run.trigger, startedAt: run.startedAt }),
  };
  if (verdict === undefined) {
    const message = error.message.slice(0, longestText);
    const labels = { exitCode: String(error.exitCode), verdict: 'error' };
    return { ...base, outcome: 'unknown', errorCode: error.code, errorMessage: message, labels };
  }
  const [worst] = inOrder(verdict.findings);
  const { fails } = tallyOf(verdict);
  return {
    ...base,
    outcome: outcomes[verdict.verdict],
    errorCode: verdict.exitCode === 0 ? null : (worst?.code ?? null),
    labels: { exitCode: String(verdict.exitCode), verdict: verdict.verdict, failing: String(fails) },
    response: JSON.stringify(answerOf(run)),
  };
}

/** What was found, bounded whatever it was: an event is small, and the reports hold the rest. */
function answerOf({ verdict }: VerificationRun): Readonly<Record<string, unknown>> {
  if (verdict === undefined) return {};
  const { rootKey, mode, scope, anchoredTo, checked, published, findings, findingsOmitted } = verdict;
  const byCode: Record<string, number> = { ...findingsOmitted };
  for (const { code } of findings) byCode[code] = (byCode[code] ?? 0) + 1;
  const named = inOrder(findings).slice(0, mostFindings);
  return {
    rootKey,
    mode,
    scope: { kind: scope.kind, sealedEvents: scope.sealedEvents, inScope: scope.inScope },
    anchoredTo,
    checked: { events: checked.events, seals: checked.seals, statements: checked.statements },
    log: published === null ? null : { size: published.size, root: published.root, quorumTime: published.quorumTime },
    findingsByCode: byCode,
    findings: named.map((finding) => ({
      code: finding.code,
      hash: finding.hash,
      weight: weightOf(finding),
      topic: finding.topic,
      partition: finding.partition,
      place: finding.place,
    })),
    findingsLeftOut: findings.length - named.length,
  };
}

function overdueEventOf({ lastFinishedAt, since, limitMs }: Overdue, origin: string): EventInput {
  return {
    ...common(origin),
    action: 'tallystick:verify-overdue',
    outcome: 'failure',
    errorCode: 'OVERDUE',
    response: JSON.stringify({ lastFinishedAt, since, limitMs }),
  };
}

function common(origin: string) {
  return {
    category: 'integrity',
    actor: { type: 'service', id: 'tallystick-verifier' },
    resources: [{ type: 'log', id: origin }],
    service: 'tallystick',
    readOnly: true,
    privileged: false,
  } satisfies Partial<EventInput>;
}
