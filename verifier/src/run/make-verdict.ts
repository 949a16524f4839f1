import { encodeBase64 } from '@tallystick/core/encoding';
import type { Judge } from '@tallystick/core/judge';
import type { Policy } from '@tallystick/core/policy';
import { ageOf, isoOf, oldestOf } from '../ages.ts';
import type { Plan } from '../domain/plan.ts';
import type { Anchor } from '../ports/anchor-store.ts';
import { namesOf, witnessTimes } from '../published/open-checkpoint.ts';
import type { ServedCheckpoint } from '../published/open-checkpoint.ts';
import type { PublishedReader } from '../published/published-reader.ts';
import type { ComparedCounts } from '../records/check-content.ts';
import type { CheckedPlan } from '../records/check-records.ts';
import type { Waiting } from '../statements/pending.ts';
import type { Reading } from '../statements/read-statements.ts';
import type {
  Ages,
  AnchoredTo,
  CheckedPartition,
  ComparedCheckpoint,
  ContentVerdict,
  PublishedVerdict,
  QueryCopyVerdict,
  ResumedRun,
  Verdict,
} from '../verdict.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { headOf } from './anchoring.ts';
import type { Start } from './incremental.ts';
import type { Mode } from './run-once.ts';
import type { Run } from './run.ts';

/** All that a run came to. */
export interface RunResult {
  readonly options: VerifyOptions;
  readonly run: Run;
  readonly mode: Mode;
  readonly anchor: Anchor | null;
  readonly start: Start | null;
  readonly judge: Judge;
  /** The judge that knows what became of contested statements. */
  readonly decided: Judge;
  readonly reading: Reading;
  readonly plans: readonly Plan[];
  readonly checked: readonly CheckedPlan[];
  readonly ids: ComparedCounts;
  /** The checkpoint, where it counts in every way. */
  readonly accepted: ServedCheckpoint | null;
  readonly reader: PublishedReader | null;
  /** Whether the seals topic could be read. */
  readonly topicRead: boolean;
  /** Statements that the log does not hold; null: not known. */
  readonly waiting: Waiting | null;
  readonly compared: readonly ComparedCheckpoint[];
  readonly queryCopy: QueryCopyVerdict | null;
  readonly updated: boolean;
  readonly resumed: ResumedRun | null;
  readonly evidence: string | null;
  /** Unix ms. */
  readonly startedAt: number;
  readonly durationMs: number;
}

/** The verdict as data. */
export function makeVerdict(result: RunResult): Verdict {
  const { options, run, mode, start, judge, decided, plans, checked, reader, startedAt, durationMs } = result;
  const { findings, meter } = run;
  const partitions = checked.map(describe);
  const { scope = { kind: 'all' } } = options;
  return {
    version: 1,
    ...findings.verdict(),
    origin: options.origin,
    rootKey: options.rootKey.vkey,
    topics: options.topics,
    startedAt: new Date(startedAt).toISOString(),
    durationMs: Math.round(durationMs),
    mode: mode.kind,
    since: start === null ? null : new Date(start.since).toISOString(),
    fullBecause: mode.kind === 'full' ? mode.because : null,
    resumed: result.resumed,
    scope: {
      kind: scope.kind,
      ranges:
        scope.kind === 'all'
          ? null
          : scope.ranges.map(({ partition, first, last }) => ({
              partition,
              first,
              last: last === Infinity ? null : last,
            })),
      sealedEvents: sum(plans, ({ sealedEvents }) => sealedEvents),
      inScope: sum(plans, ({ plannedEvents }) => plannedEvents),
    },
    published: reader === null ? null : publishedOf(reader, options.policy ?? null, result.compared),
    queryCopy: result.queryCopy,
    anchoredTo: anchoredTo(result),
    checked: {
      events: sum(partitions, ({ checkedEvents }) => checkedEvents),
      seals: sum(partitions, ({ matchedSeals }) => matchedSeals),
      statements: judge.counts.accepted,
      // The judge of an incremental run knows the earlier ones too.
      keyStatements: judge.keys.statements.length - (start?.newJudge().keys.statements.length ?? 0),
      partitions,
    },
    content: contentOf(checked, result.ids),
    ...clocksOf(result),
    counts: {
      rubbish: judge.counts.rubbish,
      noise: judge.counts.noise,
      races: decided.counts.race,
      resends: resendsOf(result),
      forks: decided.settled('fork').length + decided.counts.dropped,
      unsealed: sum(partitions, ({ unsealed }) => unsealed),
      pending: result.waiting?.count ?? null,
    },
    ages: agesOf(result, partitions),
    findings: findings.list(),
    findingsOmitted: findings.omittedByCode(),
    rates: {
      bytesRead: meter.bytes,
      eventsRead: meter.events,
      eventsPerSecond: durationMs > 0 ? Math.round((meter.events * 1000) / durationMs) : 0,
    },
  };
}

function agesOf({ reader, waiting }: RunResult, partitions: readonly CheckedPartition[]): Ages {
  const quorumTime = reader?.served?.quorumTime ?? null;
  return {
    unsealed: oldestOf(partitions.map(({ oldestUnsealed }) => oldestUnsealed)),
    pending: ageOf(waiting?.since ?? null, 'stored'),
    checkpoint: ageOf(quorumTime === null ? null : quorumTime * 1000, 'witnesses'),
  };
}

function contentOf(checked: readonly CheckedPlan[], ids: ComparedCounts): ContentVerdict {
  const counts = checked.flatMap(({ result }) => (result === null ? [] : [result.content.merged.counts]));
  const undecodable: Record<string, number> = {};
  for (const each of counts)
    for (const [code, count] of Object.entries(each.undecodable)) undecodable[code] = (undecodable[code] ?? 0) + count;
  return {
    decoded: sum(counts, ({ decoded }) => decoded),
    undecodable,
    unavailable: sum(counts, ({ unavailable }) => unavailable),
    signed: sum(counts, ({ signed }) => signed),
    badSignatures: sum(counts, ({ badSignatures }) => badSignatures),
    unsigned: sum(counts, ({ unsigned }) => unsigned),
    lives: sum(counts, ({ epochs }) => epochs),
    ids,
  };
}

function clocksOf({ reading, reader, accepted, options, topicRead }: RunResult): Pick<Verdict, 'clocks'> {
  const onlyInLog = reader === null ? 0 : (reading.held?.missing(reader.tree.size)?.count ?? 0);
  const known = topicRead && !reading.unread;
  const clocks = reading.clocks.verdict(known ? onlyInLog : null, witnessTimes(options.policy ?? null, accepted));
  return clocks === null ? {} : { clocks };
}

/** Where the log was read first, the topic holds each of its statements once more: that is no resend. */
function resendsOf({ judge, reading }: RunResult): number {
  return Math.max(0, judge.counts.repeated + reading.repeated - (reading.held?.held ?? 0));
}

function anchoredTo({ options, anchor, reader, accepted, updated, evidence }: RunResult): AnchoredTo {
  const policy = options.policy ?? null;
  const witnesses =
    policy === null || policy.quorum === 'none' || accepted === null ? [] : namesOf(policy, accepted.cosigned);
  const known = anchor?.log?.checkpoints.at(-1) ?? null;
  return {
    kind: anchor !== null ? 'anchor' : witnesses.length > 0 ? 'witnesses' : 'key',
    since: anchor === null ? null : new Date(anchor.savedAt).toISOString(),
    witnesses,
    checkpoint: known === null || reader === null ? null : { size: known.size, root: known.root },
    partitions: anchor?.partitions.length ?? 0,
    updated,
    evidence,
  };
}

function publishedOf(
  reader: PublishedReader,
  policy: Policy | null,
  given: readonly ComparedCheckpoint[],
): PublishedVerdict {
  const { served, entries, tiles, place } = reader;
  const witnesses = policy?.witnesses ?? [];
  const quorumTime = served?.quorumTime ?? null;
  return {
    place,
    size: served?.checkpoint.size ?? null,
    root: served === null ? null : encodeBase64(served.checkpoint.root),
    signer: served?.signer?.vkey ?? null,
    entries,
    tiles,
    cosigners: (served?.cosigned ?? []).map(({ key, time }) => ({
      name: witnesses.find((each) => each.key.vkey === key.vkey)?.name ?? key.name,
      vkey: key.vkey,
      time: isoOf(time),
    })),
    quorum: policy === null || policy.quorum === 'none' ? null : policy.quorum.name,
    quorumTime: quorumTime === null ? null : isoOf(quorumTime),
    given,
  };
}

function describe({ plan, result }: CheckedPlan): CheckedPartition {
  const { topic, partition, genesis, begin, lastSeal, last } = plan;
  return {
    topic,
    partition,
    generation: genesis.statement.generation,
    topicId: genesis.statement.topicId,
    firstOffset: begin,
    lastSealedOffset: lastSeal?.offsets.last ?? null,
    sealedEvents: plan.sealedEvents,
    plannedEvents: plan.plannedEvents,
    checkedEvents: result?.checkedEvents ?? 0,
    acceptedSeals: plan.acceptedSeals,
    plannedSeals: plan.plannedSeals,
    matchedSeals: result?.matchedSeals ?? 0,
    head: headOf(plan),
    lastStatement: last.hash,
    unsealed: result?.unsealed ?? 0,
    oldestUnsealed: ageOf(result?.oldestUnsealed ?? null, 'stored'),
    logStart: result?.logStart ?? null,
    highWatermark: result?.highWatermark ?? null,
    content: result?.content.merged.counts ?? null,
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
