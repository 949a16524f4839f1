import { rmSync } from 'node:fs';
import { offsetsPlace } from '@tallystick/core/finding';
import type { Codecs } from '@tallystick/core/codecs';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { NewFinding } from '../domain/findings.ts';
import { mostListed } from './content-findings.ts';
import type { MergedContent, PartIds } from './content-types.ts';
import { joinIds } from './id-join.ts';
import type { IdPair } from './id-join.ts';
import type { SpilledIds } from './id-spill.ts';
import { wordText } from './kept-text.ts';
import { locateConflicts } from './locate-conflicts.ts';
import { readEvents } from './read-again.ts';
import type { KnownEvent } from './read-again.ts';
import { Repeats } from './repeats.ts';
import { SchemaReader } from './schema-reader.ts';
import { SetDigest } from './set-digest.ts';
import { wordOthers, wordSame } from './word-repeats.ts';

export interface CompareOptions {
  /**
   * Reads records of the events topic once more: the batches that hold offsets of [from, to) of a partition, ascending, CRC checked.
   * Called with ascending runs of a partition, one after the other. What is not there any more is left out; what it throws ends
   * the comparison.
   */
  readonly read: (partition: number, from: number, to: number) => AsyncIterable<readonly ReadBatch[]>;
  readonly schemas: SchemaSource | null;
  readonly codecs: Codecs;
  /** Longest wait for one schema, ms. Default 30,000. */
  readonly deadlineMs?: number;
  /** Cancels the comparison. */
  readonly signal: AbortSignal | undefined;
  /** Finds the pairs of equal ids; default: in this thread. */
  readonly join?: (lists: readonly SpilledIds[], each: (pair: IdPair) => void | Promise<void>) => Promise<void>;
}

/** What is compared of one partition. */
export interface ComparedPartition extends Pick<MergedContent, 'repeats'> {
  readonly parts: readonly PartIds[];
}

export interface ComparedIds {
  readonly findings: readonly NewFinding[];
  /** Events whose ids were compared with each other: those of these parts. */
  readonly compared: number;
  /** Events that are an earlier one again. */
  readonly duplicates: number;
  /** Events that have the id, or the place in a producer's life, of another one. */
  readonly conflicts: number;
}

/** Pairs that are read again at a time. */
const pairsAtOnce = 16_384;
/** Duplicates that are listed one by one. */
const listedDuplicates = 20;

/**
 * Compares the ids of all events of one topic with each other: call it once, with all its partitions, after every
 * part is finished and merged. Events with one id are read again and compared by what they say. Removes the files that the parts left.
 * @throws what `read` throws; VerifierError VERIFY_ABORTED
 */
export async function compareIds(
  partitions: readonly ComparedPartition[],
  options: CompareOptions,
): Promise<ComparedIds> {
  const comparison = new Comparison(partitions, options);
  try {
    await comparison.run();
  } finally {
    for (const { ids } of partitions.flatMap(({ parts }) => parts))
      if (ids.file !== null) rmSync(ids.file, { force: true });
  }
  return comparison.result();
}

interface Place {
  readonly partition: number;
  readonly offset: number;
}

class Comparison {
  private readonly parts: readonly PartIds[];
  private readonly options: CompareOptions;
  private readonly schemas: SchemaReader;
  private readonly repeats: Repeats;
  private readonly findings: NewFinding[] = [];
  private pairs: IdPair[] = [];
  private duplicates = 0;
  /** Of these, those that are not listed by their numbers. */
  private single = 0;
  private conflicts = 0;
  /** Of these, those that share an id; the first of them by place, at most twice as many as are listed; and a digest of all. */
  private idConflicts = 0;
  private readonly firstConflicts: { readonly at: Place; readonly finding: NewFinding }[] = [];
  private readonly allConflicts = new SetDigest();
  private unread = 0;
  private firstUnread: Place | null = null;

  constructor(partitions: readonly ComparedPartition[], options: CompareOptions) {
    // By partition and offset: the first of several is then the same however the records were cut into shards.
    this.parts = partitions
      .flatMap(({ parts }) => parts)
      .sort((a, b) => a.partition - b.partition || first(a) - first(b));
    this.options = options;
    this.schemas = new SchemaReader(options.schemas, options.deadlineMs ?? 30_000);
    this.repeats = new Repeats(partitions.flatMap(({ repeats }) => repeats));
  }

  async run(): Promise<void> {
    const { signal, join = (lists, each) => joinIds(lists, each, { signal }) } = this.options;
    try {
      await join(
        this.parts.map(({ ids }) => ids),
        (pair) => {
          this.pairs.push(pair);
          return this.pairs.length < pairsAtOnce ? undefined : this.settle();
        },
      );
    } catch (error) {
      if (!isFileError(error)) throw error;
      this.incomplete(error.code);
    }
    await this.settle();
    const failed = this.parts.find(({ ids }) => ids.failed !== null)?.ids.failed;
    if (failed !== undefined && failed !== null) this.incomplete(failed);
    await this.numbers();
  }

  result(): ComparedIds {
    const [{ topic } = { topic: null }] = this.parts;
    const add = (finding: NewFinding): void => void this.findings.push({ topic, ...finding });
    if (this.single > listedDuplicates)
      add({
        code: 'duplicate',
        found: 'more',
        message: `${this.single} events were delivered more than once, those aside whose producer's numbers are listed; the first ${listedDuplicates} met are listed.`,
        detail: { count: this.single },
      });
    this.keepFirst();
    for (const { finding } of this.firstConflicts) add(finding);
    if (this.idConflicts > mostListed)
      add({
        code: 'id-conflict',
        found: `more (SHA-256 of all ${this.allConflicts.digest()})`,
        message: `${this.idConflicts} events have the id of another event; the first ${mostListed} are listed.`,
        detail: { count: this.idConflicts },
      });
    if (this.firstUnread !== null)
      add({
        code: 'unreadable',
        partition: this.firstUnread.partition,
        expected: offsetsPlace(this.firstUnread.offset, this.firstUnread.offset),
        found: 'events with one id',
        message: `${this.unread} events share their id with another, and could not be read again to compare them, the first at offset ${this.firstUnread.offset} of partition ${this.firstUnread.partition}. Verify again.`,
      });
    const compared = this.parts.reduce((sum, { ids }) => sum + ids.count, 0);
    const { findings, duplicates, conflicts } = this;
    return { findings, compared, duplicates, conflicts };
  }

  /** What the producers' numbers that came again come to, now that it is known with which events. */
  private async numbers(): Promise<void> {
    const [{ topic } = { topic: null }] = this.parts;
    const add = (found: readonly NewFinding[]): void =>
      void this.findings.push(...found.map((each) => ({ topic, ...each })));
    add(wordSame(this.repeats.same()));
    // What could not be compared may be the event itself: then nothing is said of it here.
    if (this.unread > 0 || this.findings.some(({ code }) => code === 'unreadable')) return;
    const others = this.repeats.others();
    for (const partition of new Set(others.map(({ run }) => run.partition))) {
      const of = others.filter(({ run }) => run.partition === partition);
      add(wordOthers(of, await locateConflicts(this.options, this.schemas, of)));
    }
    this.conflicts += others.reduce((sum, { pending }) => sum + pending, 0);
  }

  private incomplete(found: string): void {
    const [{ topic } = { topic: null }] = this.parts;
    this.findings.push({
      code: 'unreadable',
      topic,
      expected: 'ids',
      found,
      message: `The ids of all events could not be compared: the temporary folder cannot be written or read (${found}). It needs 24 bytes for each event.`,
    });
  }

  /** Reads the events of the pairs at hand again and compares them. */
  private async settle(): Promise<void> {
    const { pairs } = this;
    this.pairs = [];
    if (pairs.length === 0) return;
    const groups = new Map<string, { first: Place; others: Place[] }>();
    for (const pair of pairs) {
      const of = this.place(pair.first, pair.firstOffset);
      const key = `${of.partition} ${of.offset}`;
      const group = groups.get(key) ?? { first: of, others: [] };
      groups.set(key, group);
      group.others.push(this.place(pair.second, pair.secondOffset));
    }
    const events = await this.read([...groups.values()].flatMap(({ first: of, others }) => [of, ...others]));
    for (const { first: of, others } of groups.values()) this.compare(of, others, events);
  }

  private place(part: number, offset: number): Place {
    return { partition: this.parts[part]?.partition ?? 0, offset };
  }

  private async read(places: readonly Place[]): Promise<Map<number, Map<number, KnownEvent>>> {
    const wanted = new Map<number, Set<number>>();
    for (const { partition, offset } of places) {
      const offsets = wanted.get(partition) ?? new Set();
      wanted.set(partition, offsets.add(offset));
    }
    const events = new Map<number, Map<number, KnownEvent>>();
    for (const [partition, offsets] of wanted) {
      const sorted = [...offsets].sort((a, b) => a - b);
      events.set(partition, await readEvents(this.options, this.schemas, partition, sorted));
    }
    return events;
  }

  private compare(
    of: Place,
    others: readonly Place[],
    events: ReadonlyMap<number, ReadonlyMap<number, KnownEvent>>,
  ): void {
    const at = ({ partition, offset }: Place): KnownEvent | null => events.get(partition)?.get(offset) ?? null;
    const original = at(of);
    // By what each event says of itself. As many events as there are may have one id: none is compared with each of the others.
    const before = new Map<string, Place>();
    if (original === null) this.notRead(of);
    else before.set(sameAs(of, original), of);
    for (const place of others) {
      const event = at(place);
      if (event === null) {
        this.notRead(place);
        continue;
      }
      const key = sameAs(place, event);
      const stood = before.get(key);
      if (stood === undefined) before.set(key, place);
      const listed = stood !== undefined && this.repeats.confirm(place.partition, place.offset, event, stood.offset);
      if (original !== null && event.id === original.id) this.found(of, original, place, event, listed);
    }
  }

  /** @param listed its producer's numbers name it */
  private found(of: Place, original: KnownEvent, place: Place, event: KnownEvent, listed: boolean): void {
    const { topic = null } = this.parts[0] ?? {};
    const { partition, offset } = place;
    const where = { topic, partition, place: offsetsPlace(offset, offset) };
    const elsewhere = `partition ${of.partition} offset ${of.offset}`;
    const detail = { id: event.id, partition: of.partition, offset: of.offset };
    if (original.hash === event.hash) {
      this.duplicates += 1;
      if (!listed) this.single += 1;
      if (listed || this.single > listedDuplicates) return;
      const message = `The event at offset ${offset} of partition ${partition} is that of ${elsewhere} once more (id ${wordText(event.id)}).`;
      this.findings.push({ code: 'duplicate', ...where, found: elsewhere, message, detail });
      return;
    }
    this.conflicts += 1;
    this.idConflicts += 1;
    this.allConflicts.add(JSON.stringify([partition, offset, of.partition, of.offset, original.hash, event.hash]));
    // Pairs come in no order, and in another one each time.
    const finding: NewFinding = {
      code: 'id-conflict',
      ...where,
      expected: original.hash,
      found: event.hash,
      message: `The event at offset ${offset} of partition ${partition} has the id of that of ${elsewhere} (${wordText(event.id)}) and other content: one of them is not what its source wrote, or a source uses an id twice.`,
      detail,
    };
    this.firstConflicts.push({ at: place, finding });
    if (this.firstConflicts.length >= 2 * mostListed) this.keepFirst();
  }

  private keepFirst(): void {
    this.firstConflicts.sort(({ at: a }, { at: b }) => a.partition - b.partition || a.offset - b.offset);
    this.firstConflicts.splice(mostListed);
  }

  private notRead(place: Place): void {
    this.unread += 1;
    this.firstUnread ??= place;
  }
}

/** The same for two events of one partition where one is the other again: the same content at the same place in the producer's life. */
function sameAs({ partition }: Place, { instance, epoch, sequence, hash }: KnownEvent): string {
  return `${partition} ${hash} ${epoch} ${sequence} ${instance}`;
}

function first({ offsets }: PartIds): number {
  return offsets?.first ?? -1;
}

function isFileError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}
