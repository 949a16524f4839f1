import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { tailAge } from '../ages.ts';
import { chainName, rollbacks } from '../domain/anchor.ts';
import type { Plan } from '../domain/plan.ts';
import type { Anchor } from '../ports/anchor-store.ts';
import { RunProgress } from '../progress/run-progress.ts';
import { compareLog, judgeLog, sealsLost } from '../published/check-published.ts';
import { witnessTimes } from '../published/open-checkpoint.ts';
import { openPublished } from '../published/open-published.ts';
import { checkQueryCopy } from '../query-copy/check-query-copy.ts';
import { checkRecords } from '../records/check-records.ts';
import { notSealed, rangesOf } from '../scope.ts';
import { stillPending, waitingOf } from '../statements/pending.ts';
import { readSealsTopic } from '../statements/read-seals-topic.ts';
import { Reading } from '../statements/read-statements.ts';
import { settleContested } from '../statements/settle-contested.ts';
import type { Verdict } from '../verdict.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { anchoredCheckpoint, keepEvidence, moveAnchor, resumePoint, stateOf } from './anchoring.ts';
import { NeedsFullRun, startOf } from './incremental.ts';
import type { Start } from './incremental.ts';
import { makeRun } from './make-run.ts';
import { makeVerdict } from './make-verdict.ts';
import { nameSource } from './name-source.ts';
import { reportNoneCompared, reportNothing } from './report-nothing.ts';
import { RunThreads } from './run-threads.ts';
import { TimeLeft } from './time-left.ts';

/** How a run goes; `because`: why an incremental one that was asked for is a full one. */
export type Mode =
  | {
      readonly kind: 'full';
      readonly because: string | null;
      /** Statements of each partition of which the judge remembers that they were accepted, newest first; each takes some 400 bytes. */
      readonly remember: number;
    }
  | { readonly kind: 'incremental' };

/**
 * One run, from the published log over the seals topic to the records.
 * @throws NeedsFullRun where an incremental run, or one that does not remember all, cannot decide; VerifierError
 */
export async function runOnce(options: VerifyOptions, anchor: Anchor | null, mode: Mode): Promise<Verdict> {
  const { topics, origin, rootKey, scope = { kind: 'all' } } = options;
  const started = performance.now();
  const startedAt = (options.now ?? Date.now)();
  const progress = new TimeLeft(options.onProgress);
  const remember = mode.kind === 'full' ? mode.remember : Infinity;
  const judging = { verify: nodeVerifyEd25519, ...options.judging };
  const emptyJudge = (): Judge => new Judge({ origin, rootKey, remember, ...judging });
  let judge = emptyJudge();
  let start: Start | null = null;
  let unfinished: RunProgress | null = null;
  let ended = false;
  const run = makeRun(options, startedAt, progress, anchor, {
    keys: () => judge.keys,
    content: () => start?.content ?? new Map(),
    unfinished: () => unfinished,
  });
  const published = openPublished(options, run, anchor, progress);
  await published?.reader.begin();
  if (mode.kind === 'incremental') {
    start = await startOf(run, anchor, published?.reader ?? null, published?.resources ?? null);
    judge = start.newJudge();
    if (published?.given.sizes.some((size) => size < (start?.log?.tree.size ?? 0)) === true)
      throw new NeedsFullRun('a checkpoint was given that lies in what earlier runs checked');
  }
  const newJudge = (): Judge => start?.newJudge() ?? emptyJudge();
  const watch = new Set(anchor?.partitions.map(({ statement }) => statement));
  const from = start?.from ?? null;
  const logFrom = published === null ? null : (start?.log?.judged ?? 0);
  const planOptions = (chain: { topic: string; partition: number }) => {
    const within = rangesOf(scope, topics.events, chain);
    return { start: start?.plans.get(chainName(chain)) ?? null, ...(within === undefined ? {} : { within }) };
  };
  const threads = new RunThreads(run);
  const onSealed = (events: number): void => threads.expect(events);
  const reading = new Reading({ run, judge, from, logFrom, planOptions, watch, onSealed });
  const plans: Plan[] = [];
  try {
    const accepted = published === null ? null : await judgeLog(run, published.reader, reading, start?.log ?? null);
    const topicRead = await readSealsTopic(run, reading, published?.reader ?? null, anchor, progress);
    if (reading.past > 0) throw new NeedsFullRun('statements were met that are older than what is remembered');
    plans.push(...plansOf(reading));
    if (published !== null && topicRead) run.findings.addAll(await sealsLost(run, published, reading));
    const witnesses = witnessTimes(options.policy ?? null, accepted);
    const size = accepted?.checkpoint.size ?? 0;
    run.findings.addAll(reading.clocks.findings(topics.seals, { size, witnesses }));
    const readAt = reading.readAt ?? startedAt;
    const earlier = stillPending(start?.log ?? null, published?.reader.tree.size ?? 0);
    const waiting = topicRead && published?.reader.whole === true ? waitingOf(earlier, reading.pending) : null;
    const said = { topicRead, readAt, earlier, waiting, leaves: reading.pending.leaves };
    const given = published === null ? null : compareLog(run, published, options, said);

    // Only now is it certain how this run goes: progress of one that went otherwise would not fit.
    const source = start?.source ?? (topicRead ? await nameSource(run.log, run) : null);
    unfinished = await RunProgress.open(options, { anchor, mode: mode.kind, source }, startedAt);
    const planned = plans.reduce((sum, { plannedEvents }) => sum + plannedEvents, 0);
    progress.expect('records', planned);
    const { checked, ids } = await checkRecords(run, plans, reading.unjudged.size > 0, threads.for(planned));
    run.findings.addAll(tailAge(checked, { read: readAt, now: run.now() }, run.maxTailAgeMs));
    // Where a partition could not be looked at, what was told last stands.
    if (checked.every(({ result }) => result !== null)) progress.done('records');
    const log = published === null ? null : { ...published, from: start?.log?.judged ?? 0 };
    const decided = await settleContested(run, judge, newJudge, reading, log, plans);
    if (topicRead && plans.every(({ acceptedSeals }) => acceptedSeals === 0)) reportNothing(run, judge, reading, plans);
    else run.findings.addAll(notSealed(scope, topics.events, plans));

    const queryCopy = await checkQueryCopy(run, options, judge, progress);
    const state = stateOf(judge, reading, plans);
    if (anchor !== null && topicRead) run.findings.addAll(rollbacks(anchor, state));
    await options.intact?.();
    // Not before: a file that cannot be used hides nothing that was found.
    const unusable = given?.unusable ?? null;
    if (unusable !== null && run.findings.verdict().exitCode === 0) throw unusable;
    if (topicRead) reportNoneCompared(run, checked, start === null);
    let updated = false;
    if (run.findings.verdict().exitCode === 0 && scope.kind === 'all') {
      const resume = resumePoint(source, judge, reading, checked, accepted, earlier);
      const checkpoint = accepted === null ? null : anchoredCheckpoint(accepted, startedAt);
      await unfinished?.drop();
      updated = await moveAnchor(options, run, {
        state,
        checkpoint,
        resume,
        savedAt: startedAt,
        forgets: remember < Infinity || start !== null,
      });
    }
    const evidence = await keepEvidence(options.anchor, run.findings, run);
    ended = true;
    return makeVerdict({
      options,
      run,
      mode,
      anchor,
      start,
      judge,
      decided,
      reading,
      plans,
      checked,
      ids,
      accepted,
      topicRead,
      waiting,
      compared: given?.compared ?? [],
      queryCopy,
      updated,
      resumed: unfinished?.resumed ?? null,
      evidence,
      reader: published?.reader ?? null,
      startedAt,
      durationMs: performance.now() - started,
    });
  } finally {
    await threads.close();
    await unfinished?.end(ended);
    for (const plan of plans) plan.close();
  }
}

function plansOf({ plans: builders }: Reading): Plan[] {
  const plans: Plan[] = [];
  for (const builder of builders.values()) {
    const plan = builder.finish();
    if (plan !== null) plans.push(plan);
  }
  return plans.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}
