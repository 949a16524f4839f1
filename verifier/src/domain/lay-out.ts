import type { GenesisStatement, Range } from '@tallystick/core/statement-types';
import type { SectionStore } from '../section-store.ts';
import type { Accepted, Plan } from './plan.ts';
import { firstEndingAt, JoinedSections } from './sections.ts';
import type { Part, Sections, Skip } from './sections.ts';

/** A generation of a partition, as far as a plan goes. */
export interface Generation {
  readonly genesis: Accepted<GenesisStatement>;
  /** Its sections in the store: from (inclusive), to (exclusive). */
  readonly from: number;
  to: number;
  /** An earlier run knew it. */
  readonly known: boolean;
}

/** The lowest `first-offset` of all generations after this one; Infinity after the newest. */
export function laterFirstOffset(generations: readonly Generation[], generation: number): number {
  return Math.min(...generations.slice(generation + 1).map((later) => later.genesis.statement.firstOffset));
}

/**
 * The sections of all generations that are in the topic that is there now, in the order of their offsets, and what is lost between them.
 * @param next what lies below it was checked before; null where nothing was
 */
export function layOut(
  generations: readonly Generation[],
  store: SectionStore,
  topicId: string,
  next: number | null,
): readonly Part[] {
  const parts: Part[] = [];
  let begun = next;
  let reached: number | null = null;
  for (const [index, { genesis, from, to, known }] of generations.entries()) {
    const { firstOffset } = genesis.statement;
    const limit = laterFirstOffset(generations, index);
    if (genesis.statement.topicId !== topicId || firstOffset >= limit) continue;
    const due: number = reached ?? begun ?? firstOffset;
    if (firstOffset > due && !known) {
      parts.push({ kind: 'lost', first: due, last: firstOffset - 1 });
      reached = firstOffset;
    }
    begun ??= firstOffset;
    const count = firstEndingAt(store, limit, from, to) - from;
    if (count === 0) continue;
    parts.push({ list: store, from, count });
    reached = (store.at(from + count - 1)?.last ?? 0) + 1;
  }
  const end = generations.at(-1)?.genesis.statement.firstOffset ?? 0;
  if (reached !== null && reached < end) parts.push({ kind: 'lost', first: reached, last: end - 1 });
  return parts;
}

/**
 * The sections that touch one of the ranges; what lies between them is `outside`.
 * @param tail where the unsealed records begin, if they are asked for too
 */
export function choose(sections: Sections, ranges: readonly Range[], tail: number | null): Sections {
  const parts: Part[] = [];
  let done = 0;
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const from = Math.max(done, firstEndingAt(sections, first));
    const touching = firstEndingAt(sections, last);
    const cut = sections.at(touching);
    const to = cut !== undefined && cut.first <= last ? touching + 1 : touching;
    if (to <= from) continue;
    const begins = sections.at(from);
    const before = sections.at(done - 1);
    if (done > 0 && from > done && before !== undefined && begins !== undefined) {
      parts.push({ kind: 'outside', first: before.last + 1, last: begins.first - 1 });
    }
    parts.push({ list: sections, from, count: to - from });
    done = to;
  }
  const before = sections.at(done - 1);
  if (tail !== null && before !== undefined && before.last + 1 < tail) {
    parts.push({ kind: 'outside', first: before.last + 1, last: tail - 1 });
  }
  return new JoinedSections(parts);
}

/** The end of the unsealed records that the ranges ask for, exclusive; 0 where they ask for none. */
export function tailEnd(ranges: readonly Range[], sealedEnd: number): number {
  return ranges.reduce((end, { last }) => (last >= sealedEnd ? Math.max(end, last + 1) : end), 0);
}

/** What a plan counts of its sections. */
export function countsOf(sections: Sections): Pick<Plan, 'plannedSeals' | 'plannedEvents' | 'lastSeals' | 'skips'> {
  const skips: Skip[] = [];
  const lastSeals = new Map<number, number>();
  let plannedSeals = 0;
  let plannedEvents = 0;
  for (const section of sections) {
    if (section.kind === 'lost' || section.kind === 'outside') skips.push(section);
    if (section.kind !== 'seal') continue;
    plannedSeals += 1;
    plannedEvents += section.last - section.first + 1;
    lastSeals.set(section.seal.generation, section.seal.seal);
  }
  return { plannedSeals, plannedEvents, lastSeals, skips };
}
