import type { Base64Hash, GenesisStatement, PartitionStatement, SealStatement } from '@tallystick/core/statement-types';

/** A statement that the judge accepted, in its chain's order. */
export interface Accepted<S extends PartitionStatement = PartitionStatement> {
  readonly hash: Base64Hash;
  readonly statement: S;
}

export interface SealSection {
  readonly kind: 'seal';
  readonly first: number;
  readonly last: number;
  readonly hash: Base64Hash;
  readonly seal: SealStatement;
}

/** A run of offsets and what the accepted statements say of it. Both ends inclusive. */
export type Section =
  | SealSection
  | {
      readonly kind: 'gap';
      readonly first: number;
      readonly last: number;
      readonly hash: Base64Hash;
      readonly generation: number;
    }
  /** Between an earlier generation's last checked seal and the next one: the loss that its genesis names. Not checked. */
  | { readonly kind: 'lost'; readonly first: number; readonly last: number };

/** What the accepted statements of one partition ask of its records. */
export interface Plan {
  readonly topic: string;
  readonly partition: number;
  readonly genesis: Accepted<GenesisStatement>;
  /** `first-offset` of generation 0 where it is of the topic that is there now, else null. */
  readonly genesisOffset: number | null;
  /** Ascending and without holes from `from` to `end`. */
  readonly sections: readonly Section[];
  readonly from: number;
  /** The offset after the last one that a statement speaks of. */
  readonly end: number;
  /** All accepted seals and their events, whether they can still be checked or not. */
  readonly acceptedSeals: number;
  readonly sealedEvents: number;
  readonly last: Accepted;
  readonly count: number;
  /** Last seal of the newest generation. */
  readonly lastSeal: SealStatement | null;
  /** By generation: last offset removed under a retention rule. */
  readonly prunedTo: ReadonlyMap<number, number>;
  /** The lowest `first-offset` of all generations after this one; Infinity after the newest. */
  laterFirstOffset(generation: number): number;
}

interface Generation {
  readonly genesis: Accepted<GenesisStatement>;
  readonly sections: Section[];
}

/**
 * Lays the accepted statements of one partition out over its offsets (protocol section 5: an earlier generation's seals are
 * checked where its topic is the current one and their offsets lie below every later `first-offset`).
 * @param chain begins with the genesis of generation 0, as the judge accepts nothing else first
 */
export function planOf(chain: readonly Accepted[]): Plan | null {
  const generations: Generation[] = [];
  const prunedTo = new Map<number, number>();
  let acceptedSeals = 0;
  let sealedEvents = 0;
  let lastSeal: SealStatement | null = null;
  for (const { hash, statement } of chain) {
    const { generation } = statement;
    switch (statement.kind) {
      case 'genesis':
        generations.push({ genesis: { hash, statement }, sections: [] });
        lastSeal = null;
        break;
      case 'seal':
        generations[generation]?.sections.push({ kind: 'seal', ...statement.offsets, hash, seal: statement });
        acceptedSeals += 1;
        sealedEvents += statement.events.last - statement.events.first + 1;
        lastSeal = statement;
        break;
      case 'gap':
        generations[generation]?.sections.push({ kind: 'gap', ...statement.offsets, hash, generation });
        break;
      case 'prune':
        prunedTo.set(generation, statement.offset);
        break;
    }
  }
  const first = generations[0];
  const newest = generations.at(-1);
  const last = chain.at(-1);
  if (first === undefined || newest === undefined || last === undefined) return null;
  const { topic, partition, topicId } = newest.genesis.statement;
  const sections = layOut(generations, topicId);
  const newestFirst = newest.genesis.statement.firstOffset;
  return {
    topic,
    partition,
    genesis: newest.genesis,
    genesisOffset: first.genesis.statement.topicId === topicId ? first.genesis.statement.firstOffset : null,
    sections,
    from: sections[0]?.first ?? newestFirst,
    end: (sections.at(-1)?.last ?? newestFirst - 1) + 1,
    acceptedSeals,
    sealedEvents,
    last,
    count: chain.length,
    lastSeal,
    prunedTo,
    laterFirstOffset: (generation) => laterFirstOffset(generations, generation),
  };
}

/** The section that an offset lies in, or null. */
export function sectionAt({ sections }: Plan, offset: number): Section | null {
  let from = 0;
  let to = sections.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sections[middle]?.last ?? Infinity) < offset) from = middle + 1;
    else to = middle;
  }
  const section = sections[from];
  return section !== undefined && section.first <= offset ? section : null;
}

function laterFirstOffset(generations: readonly Generation[], generation: number): number {
  return Math.min(...generations.slice(generation + 1).map((later) => later.genesis.statement.firstOffset));
}

function layOut(generations: readonly Generation[], topicId: string): Section[] {
  const placed: Section[] = [];
  let begun: number | null = null;
  for (const [index, { genesis, sections }] of generations.entries()) {
    const { firstOffset } = genesis.statement;
    const limit = laterFirstOffset(generations, index);
    if (genesis.statement.topicId !== topicId || firstOffset >= limit) continue;
    const next: number = placed.length > 0 ? (placed.at(-1)?.last ?? 0) + 1 : (begun ?? firstOffset);
    if (firstOffset > next) placed.push({ kind: 'lost', first: next, last: firstOffset - 1 });
    begun ??= firstOffset;
    for (const section of sections) if (section.last < limit) placed.push(section);
  }
  const end = generations.at(-1)?.genesis.statement.firstOffset ?? 0;
  const reached = (placed.at(-1)?.last ?? end - 1) + 1;
  if (reached < end) placed.push({ kind: 'lost', first: reached, last: end - 1 });
  return placed;
}
