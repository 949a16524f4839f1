import type { NewFinding } from './domain/findings.ts';
import type { Plan } from './domain/plan.ts';

/** Which sealed events a run looks at. Statements, the published log and what it says are always checked whole. */
export type Scope =
  | { readonly kind: 'all' }
  /** Widened to whole seals. A partition that no range names is not looked at. */
  | { readonly kind: 'ranges'; readonly ranges: readonly ScopeRange[] };

/** Offsets of one partition of the events topic, both inclusive. */
export interface ScopeRange {
  readonly partition: number;
  readonly first: number;
  /** Infinity: as far as it goes, the unsealed tail included. */
  readonly last: number;
}

/** The ranges of one chain, as a plan takes them; undefined: all of it. */
export function rangesOf(
  scope: Scope,
  events: string,
  chain: { topic: string; partition: number },
): ScopeRange[] | undefined {
  if (scope.kind === 'all') return undefined;
  return scope.ranges.filter(({ partition }) => chain.topic === events && partition === chain.partition);
}

/** What is wrong with a scope, or null. */
export function scopeFault(scope: Scope): string | null {
  if (scope.kind === 'all') return null;
  if (scope.ranges.length === 0) return 'it names no range';
  if (scope.ranges.length > 10_000) return 'it names more than 10,000 ranges';
  const isOffset = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  const bad = scope.ranges.find(
    ({ partition, first, last }) =>
      !isOffset(partition) || !isOffset(first) || !(last === Infinity || isOffset(last)) || last < first,
  );
  return bad === undefined ? null : `partition ${bad.partition}, offsets ${bad.first} to ${bad.last} are no range`;
}

/** What was asked for and is not sealed: it cannot be verified, and that is never a success. */
export function notSealed(scope: Scope, events: string, plans: readonly Plan[]): NewFinding[] {
  if (scope.kind === 'all') return [];
  return scope.ranges.flatMap(({ partition, first, last }): NewFinding[] => {
    const plan = plans.find((each) => each.topic === events && each.partition === partition);
    const sealedTo = plan?.state.next ?? 0;
    const missing = last === Infinity ? first >= sealedTo : last >= sealedTo;
    const nothing = plan === undefined || plan.plannedEvents === 0;
    if (!missing && !nothing) return [];
    const asked =
      last === Infinity ? `offset ${first} on` : first === last ? `offset ${first}` : `offsets ${first} to ${last}`;
    const noneSealed = plan === undefined || sealedTo <= plan.begin;
    const why =
      plan === undefined
        ? noPartition(partition, events, plans)
        : noneSealed
          ? 'nothing is sealed in that partition yet'
          : nothing || first >= sealedTo
            ? `nothing is sealed (seals reach from offset ${plan.begin} to ${sealedTo - 1})`
            : `nothing beyond offset ${sealedTo - 1} is sealed yet`;
    return [
      {
        code: 'nothing-to-check',
        topic: events,
        partition,
        expected: `offsets ${first}-${last === Infinity ? '' : last}`,
        found: plan === undefined ? null : noneSealed ? 'nothing sealed' : `sealed to ${sealedTo - 1}`,
        message: `Of ${asked} of partition ${partition}, which was asked for, ${why}: there is nothing to check it against.`,
      },
    ];
  });
}

/** The statements say which partitions a ledger has; where none could be had, nothing is known of them. */
function noPartition(partition: number, events: string, plans: readonly Plan[]): string {
  const known = plans.filter(({ topic }) => topic === events).map((plan) => plan.partition);
  if (known.length === 0) return 'no statement speaks';
  const shown = known.sort((a, b) => a - b).slice(0, 10);
  const more = known.length > shown.length ? ` and ${known.length - shown.length} more` : '';
  return `no accepted statement speaks (there is no partition ${partition} in this ledger; ${events} has ${shown.join(', ')}${more})`;
}
