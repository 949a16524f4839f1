import { offsetsPlace } from '@tallystick/core/finding';
import { VerifierError } from '../errors.ts';
import type { Anchor, AnchoredLog, AnchoredPartition } from '../ports/anchor-store.ts';
import { otherRoot } from '../published/log-findings.ts';
import type { NewFinding } from './findings.ts';

/** What this run accepted, in the form that an anchor compares with. */
export interface AcceptedState {
  readonly keys: { readonly number: number; readonly statement: string } | null;
  readonly partitions: readonly AnchoredPartition[];
  /** Whether the statement was accepted in this run, in the chain of that partition (null: of the keys). */
  wasAccepted(chain: { topic: string; partition: number } | null, statement: string): boolean;
  /**
   * Whether the statement was met, but not judged: it is of a version that this release does not know, or follows one. A newer
   * release may have accepted it, so its being there is enough.
   */
  wasLeftUnjudged(statement: string): boolean;
}

/**
 * Refuses an anchor of another log: comparing with it would say nothing.
 * @throws VerifierError ANCHOR_FOREIGN
 */
export function checkAnchorFits(anchor: Anchor, origin: string, rootKey: string): void {
  if (anchor.origin === origin && anchor.rootKey === rootKey) return;
  const what = anchor.origin === origin ? 'root key' : 'origin';
  throw new VerifierError(
    'ANCHOR_FOREIGN',
    `The anchor is of another log: its ${what} is ${what === 'origin' ? anchor.origin : anchor.rootKey}, not ` +
      `${what === 'origin' ? origin : rootKey}. Give the anchor that belongs to this log, or a new file.`,
    { evidence: { what, anchor: { origin: anchor.origin, rootKey: anchor.rootKey }, given: { origin, rootKey } } },
  );
}

/** What the anchor knows as accepted and this run did not accept: `rollback`. */
export function rollbacks(anchor: Anchor, state: AcceptedState): NewFinding[] {
  const found: NewFinding[] = [];
  const { keys } = anchor;
  if (!state.wasAccepted(null, keys.statement) && !state.wasLeftUnjudged(keys.statement)) {
    found.push({
      code: 'rollback',
      expected: keys.statement,
      found: state.keys?.statement ?? null,
      message:
        `Key statement ${keys.number}, accepted by an earlier run, is not among the accepted statements any more ` +
        `(${state.keys === null ? 'there are none' : `the newest is number ${state.keys.number}`}). The seals topic was cut, emptied or made anew.`,
    });
  }
  for (const was of anchor.partitions) {
    if (state.wasAccepted(was, was.statement) || state.wasLeftUnjudged(was.statement)) continue;
    const now = state.partitions.find((each) => each.topic === was.topic && each.partition === was.partition);
    const next =
      now === undefined || now.generation !== was.generation ? null : now.offset === null ? 0 : now.offset + 1;
    const lost = was.offset !== null && next !== null && next <= was.offset ? offsetsPlace(next, was.offset) : '-';
    found.push({
      code: 'rollback',
      topic: was.topic,
      partition: was.partition,
      generation: was.generation,
      place: lost,
      expected: was.statement,
      found: now?.statement ?? null,
      message:
        `Partition ${was.partition} of ${was.topic}: its ${was.kind} statement number ${was.count}` +
        `${was.offset === null ? '' : ` (sealed up to offset ${was.offset})`}, accepted by an earlier run, is not accepted any more; ` +
        `${now === undefined ? 'nothing is' : `now ${now.count} statements are${now.offset === null ? '' : `, sealed up to offset ${now.offset}`}`}. ` +
        `History was taken back: compare with a copy of the seals topic, and keep this anchor.`,
      detail: { was, now: now ?? null },
    });
  }
  return found;
}

/**
 * What a rollback in a copy may be besides tampering: the copy was made before the anchor's last run. That is its maker's word, so the
 * finding stays what it is.
 * @param made when the copy says that it was made, ISO 8601; null where no copy is read
 * @returns words to stand behind the finding's message; empty where there is nothing to say
 */
export function olderCopyNote(made: string | null, anchor: Anchor | null): string {
  const at = made === null ? Number.NaN : Date.parse(made);
  if (anchor === null || Number.isNaN(at) || at >= anchor.savedAt) return '';
  return (
    ` But the bundle says that it was made at ${new Date(at).toISOString()}, before the run at ${new Date(anchor.savedAt).toISOString()} ` +
    `by which the anchor was moved: an honest one of that time lacks what was accepted since. Check it with the anchor of that time, or with none.`
  );
}

/**
 * The anchor after a run that ended 0: for each partition the statement further along its chain. `current` is what the store
 * holds now, which another run may have moved since this one began; what it holds must be in our chains or lie ahead of them.
 * @returns the rollbacks instead, where another run accepted what we did not: two readers were shown two histories
 */
export function advance(
  current: Anchor | null,
  mine: Anchor,
  state: AcceptedState,
): { readonly anchor: Anchor } | { readonly rollbacks: readonly NewFinding[] } {
  if (current === null) return { anchor: mine };
  checkAnchorFits(current, mine.origin, mine.rootKey);
  const ahead: AnchoredPartition[] = [];
  const seen = new Map(mine.partitions.map((each) => [chainName(each), each]));
  for (const theirs of current.partitions) {
    if (state.wasAccepted(theirs, theirs.statement)) continue;
    const ours = seen.get(chainName(theirs));
    if (ours === undefined || theirs.count > ours.count) ahead.push(theirs);
  }
  const keysAhead = !state.wasAccepted(null, current.keys.statement) && current.keys.number > mine.keys.number;
  const conflicts = rollbacks(
    {
      ...current,
      keys: keysAhead ? mine.keys : current.keys,
      partitions: current.partitions.filter((each) => !ahead.includes(each)),
    },
    state,
  );
  if (conflicts.length > 0) return { rollbacks: conflicts };
  for (const theirs of ahead) seen.set(chainName(theirs), theirs);
  const log = joinLogs(current.log, mine.log);
  if ('conflict' in log) return { rollbacks: [log.conflict] };
  return {
    anchor: {
      ...mine,
      keys: keysAhead ? current.keys : mine.keys,
      log: log.joined,
      // Their run ended further along: it is the one to go on from.
      resume: keysAhead || ahead.length > 0 ? current.resume : mine.resume,
      partitions: [...seen.values()].sort((a, b) =>
        a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
      ),
    },
  };
}

/** Checkpoints that are kept: the first one and the newest. */
const mostCheckpoints = 16;

/** What two runs accepted of the log. */
function joinLogs(
  one: AnchoredLog | null,
  other: AnchoredLog | null,
): { readonly joined: AnchoredLog | null } | { readonly conflict: NewFinding } {
  if (one === null || other === null) return { joined: one ?? other };
  const bySize = new Map(one.checkpoints.map((each) => [each.size, each]));
  for (const each of other.checkpoints) {
    const known = bySize.get(each.size);
    if (known !== undefined && known.root !== each.root) {
      const seen = (at: number): string => `accepted at ${new Date(at).toISOString()}`;
      return { conflict: otherRoot({ ...known, seen: seen(known.at) }, { ...each, seen: seen(each.at) }) };
    }
    bySize.set(each.size, each);
  }
  const all = [...bySize.values()].sort((a, b) => a.size - b.size);
  return { joined: { checkpoints: [...all.slice(0, 1), ...all.slice(1).slice(1 - mostCheckpoints)] } };
}

/** One text for one chain; topic names hold no space. */
export function chainName({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition} ${topic}`;
}
