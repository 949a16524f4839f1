import type { Judge } from '@tallystick/core/judge';
import { advance } from './domain/anchor.ts';
import type { AcceptedState } from './domain/anchor.ts';
import type { Plan } from './domain/plan.ts';
import type { Anchor, AnchoredPartition } from './ports/anchor-store.ts';
import type { Statements } from './read-statements.ts';
import type { Run } from './run.ts';
import type { VerifyOptions } from './verify-options.ts';

/** What this run accepted, as an anchor compares it. */
export function stateOf(judge: Judge, statements: Statements | null, plans: readonly Plan[]): AcceptedState {
  const newest = judge.keys.statements.at(-1);
  return {
    keys: newest === undefined ? null : { number: newest.statement.number, statement: newest.hash },
    partitions: plans.map(anchored),
    wasAccepted: (chain, hash) =>
      chain === null
        ? judge.keys.statements.some((each) => each.hash === hash)
        : judge.point(chain.topic, chain.partition, hash) !== null,
    wasLeftUnjudged: (hash) => statements?.unjudged.has(hash) ?? false,
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

/**
 * Moves the anchor to what this run accepted; only after a run that ended 0.
 * @returns false where another run moved it meanwhile to what this one did not accept: that is a finding
 * @throws VerifierError ANCHOR_*
 */
export async function moveAnchor(
  { anchor, origin, rootKey }: VerifyOptions,
  run: Run,
  state: AcceptedState,
  savedAt: number,
): Promise<boolean> {
  const { keys, partitions } = state;
  if (anchor === undefined || keys === null) return false;
  const mine: Anchor = { origin, rootKey: rootKey.vkey, savedAt, keys, partitions };
  let updated = true;
  await anchor.update((current) => {
    const next = advance(current, mine, state);
    if ('anchor' in next) return next.anchor;
    // Another run moved it meanwhile to what this one did not accept: two readers were shown two histories.
    for (const finding of next.rollbacks) run.findings.add(finding);
    updated = false;
    return current ?? mine;
  });
  return updated;
}
