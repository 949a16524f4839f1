import { decodeBase64 } from '@tallystick/core/encoding';
import { leafHash } from '@tallystick/core/merkle';
import type { BatchHeader } from '@tallystick/core/batch';
import { knownTime } from '../ages.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { StartInLog } from '../run/incremental.ts';

/** Statements of which the leaf hashes are kept; where there are more, the next run is a full one. */
const mostKept = 10_000;

/** A time of the broker that lies further ahead of this machine's clock says nothing of an age, ms. */
const clockSlackMs = 300_000;

/** Accepted statements that the published log does not hold, in its order. */
export interface Waiting {
  readonly count: number;
  /** When the first of them was stored, unix ms; null: there is none, or nobody says. */
  readonly since: number | null;
}

/** One that an earlier run accepted, or this one. */
export interface WaitingLeaf {
  readonly leaf: Uint8Array;
  readonly since: number | null;
}

/** The statements that a reading of the seals topic accepts and that the published log does not hold: few values each, of few of them. */
export class PendingStatements {
  count = 0;
  /** When the first was stored. */
  since: number | null = null;
  /** Of all of them, in the order of the log; null: there are too many. */
  leaves: WaitingLeaf[] | null = [];

  add(note: Uint8Array, { maxTimestamp }: BatchHeader): void {
    const since = knownTime(maxTimestamp);
    if (this.count === 0) this.since = since;
    this.count += 1;
    if (this.count > mostKept) this.leaves = null;
    this.leaves?.push({ leaf: leafHash(note), since });
  }
}

/** Of the statements that were accepted before this run, those that the log of so many entries still does not hold. */
export function stillPending(log: StartInLog | null, size: number): readonly WaitingLeaf[] {
  if (log === null) return [];
  const { pending, pendingSince, judged } = log;
  const from = Math.max(0, size - (judged - pending.length));
  return pending.slice(from).map((leaf, at) => ({ leaf: decodeBase64(leaf), since: pendingSince[from + at] ?? null }));
}

/** All that wait: what earlier runs accepted first. */
export function waitingOf(earlier: readonly { readonly since: number | null }[], pending: PendingStatements): Waiting {
  const [first] = earlier;
  return { count: earlier.length + pending.count, since: first === undefined ? pending.since : first.since };
}

/**
 * What is sealed and not published for longer than the limit.
 * @param times unix ms: when the log's checkpoint was read, and when the end of the seals topic was asked for
 */
export function pendingAge(
  { count, since }: Waiting,
  times: { readonly served: number; readonly read: number },
  limitMs: number | null,
): NewFinding[] {
  if (limitMs === null || count === 0) return [];
  const ageMs = since === null ? null : times.served - since;
  const isUnknown = since === null || since - times.read > clockSlackMs;
  if (ageMs !== null && ageMs <= limitMs && !isUnknown) return [];
  const what = `${count === 1 ? 'A statement' : `${count} statements`} of the seals topic ${count === 1 ? 'is' : 'are'} not in the published log`;
  const when = since === null ? 'no time' : new Date(since).toISOString();
  return [
    {
      code: 'checkpoint-old',
      expected: `unpublished for at most ${limitMs} ms`,
      found: when,
      message: isUnknown
        ? `${what}, and how long the first of them has been stored cannot be told: its stored time is ${when}. Set the clocks.`
        : `${what}: the first was stored ${Math.round((ageMs ?? 0) / 1000)} s before the checkpoint was read (${when}); the limit is ${Math.round(limitMs / 1000)} s. What they seal cannot be seen by anybody outside: is the ledger publishing?`,
      detail: { count },
    },
  ];
}
