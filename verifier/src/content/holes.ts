/** Numbers of one life that are missing, both ends inclusive, and the events around them. */
export interface Hole {
  readonly first: number;
  readonly last: number;
  /** Offset and number of the event before; null: there is none. What fills a part of a hole changes nothing here. */
  readonly before: number | null;
  readonly behind: number | null;
  /** The same of the event that showed the hole: one behind it, or one of the epoch that names this one. */
  readonly after: number;
  readonly ahead: number | null;
}

/** A part of a run of numbers. */
export interface Part {
  readonly first: number;
  readonly last: number;
  /** It was in a hole. */
  readonly filled: boolean;
}

/**
 * Takes the numbers `first` to `last`, both inclusive, out of holes.
 * @param holes ascending, none touching another; changed
 * @returns these numbers, ascending, in as many parts as need be
 */
export function fillHoles(holes: Hole[], first: number, last: number): Part[] {
  const parts: Part[] = [];
  const left: Hole[] = [];
  const begin = firstEndingAt(holes, first);
  let from = first;
  let at = begin;
  for (let hole = holes[at]; hole !== undefined && hole.first <= last; hole = holes[++at]) {
    const start = Math.max(hole.first, first);
    const end = Math.min(hole.last, last);
    if (from < start) parts.push({ first: from, last: start - 1, filled: false });
    parts.push({ first: start, last: end, filled: true });
    from = end + 1;
    if (hole.first < start) left.push({ ...hole, last: start - 1 });
    if (end < hole.last) left.push({ ...hole, first: end + 1 });
  }
  if (at > begin) holes.splice(begin, at - begin, ...left);
  if (from <= last) parts.push({ first: from, last, filled: false });
  return parts;
}

/** Index of the first hole that ends at a number or behind it. */
function firstEndingAt(holes: readonly Hole[], sequence: number): number {
  let from = 0;
  let to = holes.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((holes[middle]?.last ?? Infinity) < sequence) from = middle + 1;
    else to = middle;
  }
  return from;
}
