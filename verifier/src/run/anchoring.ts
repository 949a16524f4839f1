import { encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import type { Judge } from '@tallystick/core/judge';
import { fitStates } from '../content/content-state.ts';
import { advance } from '../domain/anchor.ts';
import type { AcceptedState } from '../domain/anchor.ts';
import type { Findings } from '../domain/findings.ts';
import type { Plan } from '../domain/plan.ts';
import { VerifierError } from '../errors.ts';
import type { Anchor, AnchoredCheckpoint, AnchoredPartition, AnchorStore, ResumePoint } from '../ports/anchor-store.ts';
import type { ServedCheckpoint } from '../published/open-checkpoint.ts';
import type { CheckedPlan } from '../records/check-records.ts';
import type { WaitingLeaf } from '../statements/pending.ts';
import type { Reading } from '../statements/read-statements.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { NeedsFullRun } from './incremental.ts';
import type { Run } from './run.ts';

/** Of the lives of producers of all partitions together, as JSON: with the spaces of a file less than is read again. */
const mostStateBytes = 16_000_000;

/** What this run accepted, as an anchor compares it. */
export function stateOf(
  judge: Judge,
  reading: Pick<Reading, 'unjudged' | 'met'>,
  plans: readonly Plan[],
): AcceptedState {
  const newest = judge.keys.statements.at(-1);
  return {
    keys: newest === undefined ? null : { number: newest.statement.number, statement: newest.hash },
    partitions: plans.map(anchored),
    wasAccepted: (chain, hash) =>
      chain === null
        ? judge.keys.statements.some((each) => each.hash === hash)
        : reading.met.has(hash) || judge.point(chain.topic, chain.partition, hash) !== null,
    wasLeftUnjudged: (hash) => reading.unjudged.has(hash),
  };
}

function anchored(plan: Plan): AnchoredPartition {
  const { topic, partition, genesis, last, lastSeal, count } = plan;
  return {
    topic,
    partition,
    generation: genesis.statement.generation,
    topicId: genesis.statement.topicId,
    statement: last.hash,
    kind: last.statement.kind,
    count,
    seal: lastSeal?.seal ?? null,
    index: lastSeal?.events.last ?? null,
    offset: lastSeal?.offsets.last ?? null,
    head: headOf(plan),
  };
}

/** The leaf before a generation's first is the SHA-256 of its genesis' text, and so is the hash of that statement. */
export function headOf({ lastSeal, genesis }: Plan): string {
  return lastSeal?.head ?? genesis.hash;
}

/** The checkpoint as an anchor keeps it. */
export function anchoredCheckpoint({ checkpoint, note }: ServedCheckpoint, at: number): AnchoredCheckpoint {
  return { size: checkpoint.size, root: encodeBase64(checkpoint.root), note: encodeBase64(note), at };
}

/**
 * What the next incremental run goes on from; null where this one cannot leave it.
 * @param source which cluster or bundle this run read, as `nameSource` says
 * @param pendingBefore statements that were accepted before this run and that the log does not hold yet
 */
export function resumePoint(
  source: string | null,
  judge: Judge,
  reading: Reading,
  checked: readonly CheckedPlan[],
  accepted: ServedCheckpoint | null,
  pendingBefore: readonly WaitingLeaf[],
): ResumePoint | null {
  // What goes on from here takes every statement for one that the topic holds.
  const { leaves } = reading.pending;
  if (leaves === null || reading.unread || checked.some(({ result }) => result === null)) return null;
  const hasLog = reading.held !== null;
  if (hasLog && (accepted === null || reading.held?.missing(accepted.checkpoint.size) !== null)) return null;
  const pending = hasLog ? [...pendingBefore, ...leaves] : [];
  if (accepted !== null && accepted.checkpoint.size + pending.length !== judge.size) return null;
  const contents = fitStates(
    checked.flatMap(({ result }) => result?.content.state ?? []),
    mostStateBytes,
  );
  return {
    source,
    seals: { topicId: reading.topicId, offset: reading.end },
    judge: judge.save(),
    logSize: accepted?.checkpoint.size ?? null,
    root: accepted === null ? null : encodeBase64(accepted.checkpoint.root),
    pending: pending.map(({ leaf }) => encodeBase64(leaf)),
    pendingSince: pending.map(({ since }) => since),
    partitions: checked.map(({ plan }, index) => {
      const { topic, partition, state } = plan;
      const { next, floor, acceptedSeals, sealedEvents, count, prunedTo } = state;
      const content = contents[index] ?? null;
      return { topic, partition, next, floor, acceptedSeals, sealedEvents, count, prunedTo, content };
    }),
  };
}

export interface Moved {
  readonly state: AcceptedState;
  readonly checkpoint: AnchoredCheckpoint | null;
  readonly resume: ResumePoint | null;
  /** Unix ms. */
  readonly savedAt: number;
  /** Whether the judge forgot statements, so that it does not know of each whether it was accepted. */
  readonly forgets: boolean;
}

/**
 * Moves the anchor to what this run accepted; only after a run that ended 0.
 * @returns false where another run moved it meanwhile to what this one did not accept: that is a finding
 * @throws VerifierError ANCHOR_*; NeedsFullRun
 */
export async function moveAnchor(
  { anchor, origin, rootKey }: VerifyOptions,
  run: Run,
  { state, checkpoint, resume, savedAt, forgets }: Moved,
): Promise<boolean> {
  const { keys, partitions } = state;
  if (anchor === undefined || keys === null) return false;
  const log = checkpoint === null ? null : { checkpoints: [checkpoint] };
  const mine: Anchor = { origin, rootKey: rootKey.vkey, savedAt, keys, partitions, log, resume };
  let updated = true;
  await anchor.update((current) => {
    const next = advance(current, mine, state);
    if ('anchor' in next) return next.anchor;
    if (forgets) throw new NeedsFullRun('another run moved the anchor meanwhile, to something that is not remembered');
    // Another run moved it meanwhile to what this one did not accept: two readers were shown two histories.
    run.findings.addAll(next.rollbacks);
    updated = false;
    return current ?? mine;
  });
  return updated;
}

/** Keeps what shows that history was taken back or split. @returns where; null where there is nothing to keep, or it cannot be kept */
export async function keepEvidence(
  store: AnchorStore | undefined,
  findings: Findings,
  { origin, rootKey }: Run,
): Promise<string | null> {
  const kept = findings.list().filter(({ code }) => code === 'rollback' || code === 'checkpoint' || code === 'fork');
  if (store === undefined || kept.length === 0) return null;
  // No time of its own: the same evidence is the same file.
  const evidence = { tallystick: 'evidence', version: 1, origin, rootKey: rootKey.vkey, findings: kept.slice(0, 100) };
  try {
    return await store.keepEvidence(encodeUtf8(`${JSON.stringify(evidence, null, 1)}\n`));
  } catch (error) {
    // The verdict, which holds the same, must not be lost over it.
    if (error instanceof VerifierError) return null;
    throw error;
  }
}
