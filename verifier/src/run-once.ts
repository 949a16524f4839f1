import { decodeBase64 } from '@tallystick/core/encoding';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import { CoreError } from '@tallystick/core/errors';
import { KafkaError } from '@tallystick/kafka/errors';
import { anchoredCheckpoint, byChain, keepEvidence, moveAnchor, resumePoint, stateOf } from './anchoring.ts';
import { tailAge } from './ages.ts';
import { checkpointAge, judgeLog, sealsLost } from './check-published.ts';
import { checkQueryCopy } from './check-query-copy.ts';
import { checkRecords, reportUnavailable } from './check-records.ts';
import { chainName, rollbacks } from './domain/anchor.ts';
import type { Plan } from './domain/plan.ts';
import { NeedsFullRun, startOf } from './incremental.ts';
import type { Start } from './incremental.ts';
import { VerifierError } from './errors.ts';
import { makeRun } from './make-run.ts';
import { makeVerdict } from './make-verdict.ts';
import { nameSource } from './name-source.ts';
import type { Anchor } from './ports/anchor-store.ts';
import { TimeLeft } from './progress.ts';
import { witnessTimes } from './published/open-checkpoint.ts';
import { GivenCheckpoints } from './published/given-checkpoints.ts';
import type { Compared } from './published/given-checkpoints.ts';
import { PublishedReader } from './published/published-reader.ts';
import { MissingResource, Resources } from './published/resources.ts';
import { pendingAge, waitingOf } from './pending.ts';
import type { WaitingLeaf } from './pending.ts';
import { Reading } from './read-statements.ts';
import { reportNothing } from './report-nothing.ts';
import type { Run } from './run.ts';
import { RunProgress } from './run-progress.ts';
import { RunThreads } from './run-threads.ts';
import { notSealed, rangesOf } from './scope.ts';
import { judgeAgain, settleContested } from './settle-contested.ts';
import type { Verdict } from './verdict.ts';
import type { VerifyOptions } from './verify-options.ts';

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
  if (published === null && options.leaveOutLog !== true && (anchor?.log?.checkpoints.length ?? 0) > 0)
    run.findings.add({
      code: 'unavailable',
      found: 'no published log',
      message:
        'Earlier runs read the published log, and this one was given none: name its URL or folder, or leave it out on purpose.',
    });
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
    const topicRead = await readTopic(run, reading, published, anchor, progress);
    if (reading.past > 0) throw new NeedsFullRun('statements were met that are older than what is remembered');
    plans.push(...plansOf(reading));
    if (published !== null && topicRead) {
      for (const finding of await sealsLost(run, published.reader, published.resources, reading))
        run.findings.add(finding);
    }
    const witnesses = witnessTimes(options.policy ?? null, accepted);
    for (const finding of reading.clocks.findings(topics.seals, { size: accepted?.checkpoint.size ?? 0, witnesses }))
      run.findings.add(finding);
    const readAt = reading.readAt ?? startedAt;
    const earlier = pendingLeft(start, published?.reader.tree.size ?? 0);
    const waiting = topicRead && published?.reader.whole === true ? waitingOf(earlier, reading.pending) : null;
    let given: Compared | null = null;
    if (published !== null) {
      const { reader } = published;
      for (const finding of checkpointAge(reader, options.maxCheckpointAgeMs ?? null)) run.findings.add(finding);
      const times = { served: reader.servedAt, read: readAt };
      if (waiting !== null)
        for (const finding of pendingAge(waiting, times, options.maxPendingAgeMs ?? null)) run.findings.add(finding);
      const { leaves } = reading.pending;
      given = published.given.compare({
        reader,
        keys: run.keys.entries.filter(({ role }) => role === 'log').map(({ key }) => key),
        pending: topicRead && (reader.whole || reader.isAbsent) && leaves !== null ? [...earlier, ...leaves] : null,
      });
      for (const finding of given.findings) run.findings.add(finding);
    }

    // Only now is it certain how this run goes: progress of one that went otherwise would not fit.
    const source = start?.source ?? (topicRead ? await nameSource(run.log, run) : null);
    unfinished = await RunProgress.open(options, { anchor, mode: mode.kind, source }, startedAt);
    const planned = plans.reduce((sum, { plannedEvents }) => sum + plannedEvents, 0);
    progress.expect('records', planned);
    const { checked, ids } = await checkRecords(run, plans, reading.unjudged.size > 0, threads.for(planned));
    for (const finding of tailAge(checked, readAt, run.maxTailAgeMs)) run.findings.add(finding);
    // Where a partition could not be looked at, what was told last stands.
    if (checked.every(({ result }) => result !== null)) progress.done('records');
    const decided = await trySettle(run, judge, newJudge, reading, published, start, plans);
    if (topicRead && plans.every(({ acceptedSeals }) => acceptedSeals === 0)) reportNothing(run, judge, reading, plans);
    else for (const finding of notSealed(scope, topics.events, plans)) run.findings.add(finding);

    const queryCopy = await checkQueryCopy(run, options, judge, progress);
    const state = stateOf(judge, reading, plans);
    if (anchor !== null && topicRead) for (const finding of rollbacks(anchor, state)) run.findings.add(finding);
    await options.intact?.();
    // Not before: a file that cannot be used hides nothing that was found.
    const unusable = given?.unusable ?? null;
    if (unusable !== null && run.findings.verdict().exitCode === 0) throw unusable;
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

interface Published {
  readonly resources: Resources;
  readonly reader: PublishedReader;
  readonly given: GivenCheckpoints;
}

function openPublished(options: VerifyOptions, run: Run, anchor: Anchor | null, progress: TimeLeft): Published | null {
  const { published: log, logKeys = [] } = options;
  const policy = options.policy ?? null;
  if (log === undefined) return null;
  const { origin, findings, sha256, settleMs, signal } = run;
  const keys = [...logKeys, ...(policy?.logs ?? []).map(({ key }) => key)];
  const resources = new Resources(log, run, (bytes) => run.meter.add(bytes, 0));
  const trust = { origin, keys, policy };
  const given = new GivenCheckpoints(options.checkpoints ?? [], trust);
  const reader = new PublishedReader({
    resources,
    findings,
    sha256,
    settleMs,
    signal,
    trust,
    now: run.now,
    watched: given.sizes,
    known: anchor?.log?.checkpoints ?? [],
    onProgress: (done, total) => progress.tell('log', done, total),
  });
  return { resources, reader, given };
}

/** @returns whether what the topic holds is known */
async function readTopic(
  run: Run,
  reading: Reading,
  published: Published | null,
  anchor: Anchor | null,
  progress: TimeLeft,
): Promise<boolean> {
  const { seals } = run.topics;
  const complete = (): boolean => {
    if ((reading.held?.missing(published?.reader.tree.size ?? 0) ?? null) !== null) return false;
    return anchor === null || rollbacks(anchor, stateOf(reading.judge, reading, [])).length === 0;
  };
  try {
    await reading.topic(complete, (done, total) => progress.tell('statements', done, total));
    return true;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.code !== 'TOPIC_MISSING') {
      reportUnavailable(run, error, seals, null);
      return false;
    }
    // Without an anchor and a log nothing says that there ever were statements.
    if (anchor !== null) {
      run.findings.add({
        code: 'topic-missing',
        topic: seals,
        message: `Topic ${seals} does not exist, but an earlier run accepted statements from it.`,
      });
    }
    return true;
  }
}

/** @returns the judge that knows what became of the contested statements */
async function trySettle(
  run: Run,
  judge: Judge,
  newJudge: () => Judge,
  reading: Reading,
  published: Published | null,
  start: Start | null,
  plans: readonly Plan[],
): Promise<Judge> {
  const byName = byChain(plans);
  try {
    let decided = judge;
    if (judge.counts.dropped > 0) {
      decided = newJudge();
      const log = published === null ? null : { ...published, from: start?.log?.judged ?? 0 };
      await judgeAgain(run, decided, reading, log, byName);
    }
    await settleContested(run, decided, byName);
    return decided;
  } catch (error) {
    if (error instanceof KafkaError) {
      reportUnavailable(run, error, run.topics.events, null);
      return judge;
    }
    const ofLog = error instanceof MissingResource || (error instanceof VerifierError && error.code.startsWith('LOG_'));
    if (!ofLog && !(error instanceof CoreError)) throw error;
    run.findings.add({
      code: 'unreadable',
      found: 'contested',
      message: `The published log could not be read once more to decide on contested statements: ${error.message}`,
    });
    return judge;
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

/** Of the statements that were accepted before this run, those that the log of so many entries still does not hold. */
function pendingLeft(start: Start | null, size: number): readonly WaitingLeaf[] {
  const log = start?.log ?? null;
  if (log === null) return [];
  const { pending, pendingSince, judged } = log;
  const from = Math.max(0, size - (judged - pending.length));
  return pending.slice(from).map((leaf, at) => ({ leaf: decodeBase64(leaf), since: pendingSince[from + at] ?? null }));
}
