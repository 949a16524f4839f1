import type {
  Base64Hash,
  GenesisStatement,
  PartitionStatement,
  Range,
  SealStatement,
} from '@tallystick/core/statement-types';
import { SectionStore } from '../section-store.ts';
import { choose, countsOf, laterFirstOffset, layOut, tailEnd } from './lay-out.ts';
import type { Generation } from './lay-out.ts';
import { firstEndingAt, JoinedSections } from './sections.ts';
import type { Section, Sections, Skip } from './sections.ts';

export type { SealSection, Section, Sections } from './sections.ts';

/** A statement that the judge accepted, in its chain's order. */
export interface Accepted<S extends PartitionStatement = PartitionStatement> {
  readonly hash: Base64Hash;
  readonly statement: S;
  /** Its index in the log, in the order of acceptance; left out where that is not known. */
  readonly place?: number;
}

/** What the accepted statements of one partition ask of its records. */
export interface Plan {
  readonly topic: string;
  readonly partition: number;
  /** The newest one. */
  readonly genesis: Accepted<GenesisStatement>;
  /** `first-offset` of generation 0 where it is of the topic that is there now, else null. */
  readonly genesisOffset: number | null;
  /** Ascending and without holes from `from` to `end`. */
  readonly sections: Sections;
  readonly from: number;
  /** The offset after the last one of a section. */
  readonly end: number;
  /** Where an earlier run began: what lies between it and `from` was checked then. `from` where there was none. */
  readonly floor: number;
  /** Where what is sealed begins, whatever is looked at: of the topic that is there now, as far as earlier runs knew it. */
  readonly begin: number;
  /** Records are read up to here at most (exclusive): `end`, or Infinity where the unsealed tail is looked at too. */
  readonly readTo: number;
  /** All accepted seals and their events, whether they are planned or not, those of earlier runs included. */
  readonly acceptedSeals: number;
  readonly sealedEvents: number;
  /** Seals in `sections`, and their events. */
  readonly plannedSeals: number;
  readonly plannedEvents: number;
  readonly last: Accepted;
  /** Statements of the whole chain. */
  readonly count: number;
  /** Last seal of the newest generation. */
  readonly lastSeal: SealStatement | null;
  /** By generation: number of the last seal in `sections`. */
  readonly lastSeals: ReadonlyMap<number, number>;
  /** The sections that are not looked at, in order: few. */
  readonly skips: readonly Skip[];
  /** By generation: last offset removed under a retention rule. */
  readonly prunedTo: ReadonlyMap<number, number>;
  /** What the next run goes on from, where this one found all of it good. */
  readonly state: PlanState;
  /** The lowest `first-offset` of all generations after this one; Infinity after the newest. */
  laterFirstOffset(generation: number): number;
  /** Gives up what `sections` holds outside of memory. */
  close(): void;
}

/** Where a plan goes on behind what an earlier run checked: plain JSON, a few hundred bytes a generation. */
export interface PlanState {
  /** The first offset that is not checked yet, in the newest generation's topic. */
  readonly next: number;
  readonly floor: number;
  readonly geneses: readonly Accepted<GenesisStatement>[];
  readonly acceptedSeals: number;
  readonly sealedEvents: number;
  readonly last: Accepted;
  readonly count: number;
  readonly lastSeal: SealStatement | null;
  readonly prunedTo: readonly (readonly [generation: number, offset: number])[];
}

export interface PlanOptions {
  /** What an earlier run checked; the chain then begins behind its `last`. */
  readonly start?: PlanState | null;
  /** Only sections that touch one of these offsets (both ends inclusive, any order); default: all, and the unsealed tail. */
  readonly within?: readonly Range[];
  /** Where a long plan's temporary file is made. */
  readonly tempDir?: string;
  /** Sections that are kept in memory; default 50,000. */
  readonly keptSections?: number;
}

/**
 * Lays the accepted statements of one partition out over its offsets (protocol section 5: an earlier generation's seals are
 * checked where its topic is the current one and their offsets lie below every later `first-offset`).
 * @param chain begins with the genesis of generation 0, as the judge accepts nothing else first, or goes on behind `start`
 * @returns null where there is no genesis
 */
export function planOf(chain: Iterable<Accepted>, options: PlanOptions = {}): Plan | null {
  const builder = new PlanBuilder(options);
  for (const accepted of chain) builder.add(accepted);
  return builder.finish();
}

/** {@link planOf} for statements that come one by one and need not be kept. */
export class PlanBuilder {
  private readonly options: PlanOptions;
  private readonly store: SectionStore;
  private readonly generations: Generation[];
  private readonly prunedTo: Map<number, number>;
  private acceptedSeals: number;
  private sealedEvents: number;
  private lastSeal: SealStatement | null;
  private last: Accepted | null;
  private count: number;

  constructor(options: PlanOptions = {}) {
    const { start = null } = options;
    this.options = options;
    this.store = new SectionStore(options.tempDir, options.keptSections);
    this.generations = (start?.geneses ?? []).map((genesis) => ({ genesis, from: 0, to: 0, known: true }));
    this.prunedTo = new Map(start?.prunedTo);
    this.acceptedSeals = start?.acceptedSeals ?? 0;
    this.sealedEvents = start?.sealedEvents ?? 0;
    this.lastSeal = start?.lastSeal ?? null;
    this.last = start?.last ?? null;
    this.count = start?.count ?? 0;
  }

  add(accepted: Accepted): void {
    const { hash, statement, place = Infinity } = accepted;
    const { generation } = statement;
    this.last = accepted;
    this.count += 1;
    switch (statement.kind) {
      case 'genesis': {
        const at = this.store.length;
        this.generations.push({ genesis: { hash, statement }, from: at, to: at, known: false });
        this.lastSeal = null;
        break;
      }
      case 'seal': {
        const { seal, events, offsets, epoch, root, after, head, time } = statement;
        const values = { generation, seal, events, offsets, epoch, root, after, head, time };
        this.place(generation, { kind: 'seal', ...offsets, hash, seal: values, place });
        this.acceptedSeals += 1;
        this.sealedEvents += events.last - events.first + 1;
        this.lastSeal = statement;
        break;
      }
      case 'gap':
        this.place(generation, { kind: 'gap', ...statement.offsets, hash, generation });
        break;
      case 'prune':
        this.prunedTo.set(generation, statement.offset);
        break;
    }
  }

  /** The plan of what was added; nothing can be added afterwards. null where there was no genesis. */
  finish(): Plan | null {
    const { generations, store, last, options } = this;
    const newest = generations.at(-1);
    const first = generations[0];
    if (newest === undefined || first === undefined || last === null) {
      store.close();
      return null;
    }
    const { topic, partition, topicId, firstOffset } = newest.genesis.statement;
    const next = this.nextOf(topicId);
    const whole = new JoinedSections(layOut(generations, store, topicId, next));
    const wholeFrom = whole.at(0)?.first ?? (newest.known ? (next ?? firstOffset) : firstOffset);
    const wholeEnd = (whole.at(whole.length - 1)?.last ?? wholeFrom - 1) + 1;
    const { within } = options;
    const tailTo = within === undefined ? Infinity : tailEnd(within, wholeEnd);
    const sections = within === undefined ? whole : choose(whole, within, tailTo > wholeEnd ? wholeEnd : null);
    const from = sections.at(0)?.first ?? (within !== undefined && tailTo > wholeEnd ? wholeEnd : wholeFrom);
    const end = (sections.at(sections.length - 1)?.last ?? from - 1) + 1;
    const { acceptedSeals, sealedEvents, count, lastSeal, prunedTo } = this;
    const begin = next === null ? wholeFrom : Math.min(options.start?.floor ?? wholeFrom, wholeFrom);
    const floor = within === undefined && next !== null ? Math.min(options.start?.floor ?? from, from) : from;
    return {
      topic,
      partition,
      genesis: newest.genesis,
      genesisOffset: first.genesis.statement.topicId === topicId ? first.genesis.statement.firstOffset : null,
      sections,
      from,
      end,
      floor,
      begin,
      readTo: Math.max(end, tailTo),
      acceptedSeals,
      sealedEvents,
      ...countsOf(sections),
      last,
      count,
      lastSeal,
      prunedTo,
      state: {
        next: wholeEnd,
        floor,
        geneses: generations.map(({ genesis }) => genesis),
        acceptedSeals,
        sealedEvents,
        last,
        count,
        lastSeal,
        prunedTo: [...prunedTo],
      },
      laterFirstOffset: (generation) => laterFirstOffset(generations, generation),
      close: () => store.close(),
    };
  }

  private place(generation: number, section: Section): void {
    const of = this.generations[generation];
    // A chain goes on in its newest generation only.
    if (of === undefined || of !== this.generations.at(-1)) return;
    this.store.push(section);
    of.to = this.store.length;
  }

  /** The first offset that an earlier run did not check; null where there was none, or it knew another topic. */
  private nextOf(topicId: string): number | null {
    const { start = null } = this.options;
    if (start === null || start.geneses.at(-1)?.statement.topicId !== topicId) return null;
    return start.next;
  }
}

/** The section that an offset lies in, or null. */
export function sectionAt({ sections }: Pick<Plan, 'sections'>, offset: number): Section | null {
  const section = sections.at(firstEndingAt(sections, offset));
  return section !== undefined && section.first <= offset ? section : null;
}
