import type { GapStatement, SealStatement } from '@tallystick/core/statement-types';
import type { PartitionStatement } from '@tallystick/core/statement-types';

/** What is looked for: the statement of this generation that covers the offset. */
export interface Wanted {
  readonly generation: number;
  readonly offset: number;
}

/** A statement of the partition that is looked in, at its place in the log. */
export interface Placed {
  readonly index: number;
  readonly note: Uint8Array;
  readonly statement: PartitionStatement;
}

export type Covering = Placed & { readonly statement: SealStatement | GapStatement };

/**
 * Finds in the log, by bisection over its bundles, the seal or gap that covers an offset. The statements of one partition stand in the log in
 * the order of generations and offsets, with those of others between them: a bundle without one of this partition says nothing, and the
 * ones around it are looked at.
 * @param from first bundle to look in
 * @param to the bundle after the last
 * @param read the partition's statements in a bundle, in log order
 * @returns null where none covers it
 */
export async function findCovering(
  wanted: Wanted,
  from: number,
  to: number,
  read: (bundle: number) => Promise<readonly Placed[]>,
): Promise<Covering | null> {
  let low = from;
  let high = to;
  while (low < high) {
    const probe = await nearest(low, high, read);
    if (probe === null) return null;
    const { statements, emptyFrom, emptyTo } = probe;
    const sides = statements.map((one) => sideOf(one, wanted)).filter((side) => side !== null);
    const covering = statements.find((one): one is Covering => sideOf(one, wanted) === 'here');
    if (covering !== undefined) return covering;
    const [first] = sides;
    const last = sides.at(-1);
    if (first === 'before') high = Math.min(emptyFrom, probe.bundle);
    else if (last === 'after') low = Math.max(emptyTo, probe.bundle + 1);
    else return null;
  }
  return null;
}

interface Probe {
  readonly bundle: number;
  readonly statements: readonly Placed[];
  /** Between these two nothing but this bundle says anything. */
  readonly emptyFrom: number;
  readonly emptyTo: number;
}

/** From the middle outwards, the first bundle that says anything. */
async function nearest(
  low: number,
  high: number,
  read: (bundle: number) => Promise<readonly Placed[]>,
): Promise<Probe | null> {
  const middle = Math.floor((low + high) / 2);
  let down = middle;
  let up = middle;
  for (;;) {
    const bundle = up - middle <= middle - down ? up : down - 1;
    const wrapped = bundle < low ? up : bundle >= high ? down - 1 : bundle;
    if (wrapped < low || wrapped >= high) return null;
    const statements = (await read(wrapped)).filter(({ statement: { kind } }) => kind !== 'prune');
    if (statements.length > 0) return { bundle: wrapped, statements, emptyFrom: down, emptyTo: up };
    if (wrapped >= middle) up = wrapped + 1;
    else down = wrapped;
  }
}

/** Where what is wanted stands, seen from a statement; null where that says nothing. */
function sideOf({ statement }: Placed, { generation, offset }: Wanted): 'before' | 'here' | 'after' | null {
  if (statement.kind === 'prune') return null;
  if (statement.generation !== generation) return statement.generation > generation ? 'before' : 'after';
  if (statement.kind === 'genesis') return 'after';
  const { first, last } = statement.offsets;
  if (offset < first) return 'before';
  return offset > last ? 'after' : 'here';
}
