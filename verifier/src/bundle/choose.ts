import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { Judge } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import type { PartitionStatement } from '@tallystick/core/statement-types';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import type { SealNumber } from '../domain/seal-number.ts';
import type { Bounds } from '../domain/shards.ts';
import { VerifierError } from '../errors.ts';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import { dataRecords } from '../records/data-records.ts';
import type { Scope, ScopeRange } from '../scope.ts';

/** Where a choice of events begins or ends: an offset, or a time of the broker's clock (unix ms). */
export type Edge = { readonly offset: number } | { readonly time: number };

/** Which events to choose; widened to whole seals. Both ends inclusive. */
export interface Choice {
  readonly from: Edge | null;
  /** null: as far as there is something, the unsealed tail included. */
  readonly to: Edge | null;
  readonly partition: number | null;
}

export interface Chosen {
  readonly scope: Scope;
  /** Topics besides the configured one that accepted geneses name. */
  readonly otherTopics: readonly string[];
  /** First and last chosen seal of each partition; null where all are. */
  readonly seals: ReadonlyMap<number, SealSpan> | null;
}

export interface SealSpan {
  readonly first: SealNumber;
  /** null: the newest. */
  readonly last: SealNumber | null;
}

/**
 * Asks for the time of the first event of a seal, unix ms; null: it cannot be read.
 * @param topicId of the topic that was sealed
 */
export type AskTime = (partition: number, topicId: string, offset: number) => Promise<bigint | null>;

interface Span {
  readonly first: number;
  last: number;
  readonly firstSeal: SealNumber;
  lastSeal: SealNumber;
  /** The seals at its end that no statement shows to begin in time, in their order. */
  unsure: Unsure[];
}

interface Unsure {
  /** First offset of the seal. */
  readonly offset: number;
  /** Where the span ended before it; null: it began with it. */
  readonly before: Pick<Span, 'last' | 'lastSeal'> | null;
}

/** There is one for each partition and generation, and more only for seals without a time. Those before the newest are kept. */
const mostUnsure = 1_000;

/**
 * Reads and judges the statements of the seals topic and says which seals hold the events that are asked for. A seal names the time
 * of its last event only: of the last chosen seal the first event is asked for, and the seal is left out where that lies after `to`.
 * It decides nothing else: whoever checks the bundle judges all statements again.
 * @param source the seals topic
 * @throws VerifierError OPTIONS_INVALID where nothing that is sealed was asked for; KafkaError where the topic cannot be read
 */
export async function choose(
  source: Source,
  bounds: Bounds,
  events: string,
  choice: Choice,
  {
    origin,
    rootKey,
    askTime,
    onProgress,
  }: { origin: string; rootKey: VerifierKey; askTime: AskTime; onProgress: (done: number, total: number) => void },
): Promise<Chosen> {
  checkChoice(choice);
  const judge = new Judge({ origin, rootKey, verify: nodeVerifyEd25519, remember: 1_000, rememberEnds: 1_000 });
  const choosing = new Choosing(events, choice);
  for await (const piece of readThrough(source, bounds.logStart, bounds.highWatermark)) {
    if (piece.kind === 'hole') continue;
    for (const batch of piece.batches) {
      for (const { offset, value } of dataRecords(batch, nodeCodecs)) {
        if (offset < bounds.logStart) continue;
        const outcome = judge.offer(value, { in: 'seals', offset });
        if (outcome.outcome === 'accepted' && outcome.signed.statement.kind !== 'key')
          choosing.take(outcome.signed.statement);
      }
      onProgress(batch.header.lastOffset + 1 - bounds.logStart, bounds.highWatermark - bounds.logStart);
    }
  }
  await choosing.leaveOutLater(askTime);
  return choosing.finish();
}

function checkChoice({ from, to, partition }: Choice): void {
  const byOffset = [from, to].some((edge) => edge !== null && 'offset' in edge);
  if (byOffset && partition === null)
    throw invalid('An offset means nothing without its partition: give --partition, or give times.');
  const [first, last] = [from, to].map((edge) => (edge === null ? null : 'offset' in edge ? edge.offset : edge.time));
  const alike = from !== null && to !== null && 'offset' in from === 'offset' in to;
  if (alike && first !== null && last !== null && first !== undefined && last !== undefined && last < first)
    throw invalid('--to lies before --from: nothing lies between them.');
}

/** Follows the accepted statements in their order and keeps first and last chosen seal of each partition. */
class Choosing {
  private readonly events: string;
  private readonly choice: Choice;
  private readonly topics = new Set<string>();
  private readonly topicIds = new Map<number, string>();
  private readonly spans = new Map<number, Span>();
  /** Time of the seal before, by partition. */
  private readonly times = new Map<number, number>();

  constructor(events: string, choice: Choice) {
    this.events = events;
    this.choice = choice;
  }

  take(statement: PartitionStatement): void {
    const { topic, partition } = statement;
    if (statement.kind === 'genesis') {
      this.topics.add(topic);
      if (topic !== this.events) return;
      // Seals of a topic that is no more, or of offsets that a later generation took over, cannot be looked at.
      const span = this.spans.get(partition);
      if (
        this.topicIds.get(partition) !== statement.topicId ||
        (span !== undefined && span.first >= statement.firstOffset)
      )
        this.spans.delete(partition);
      else if (span !== undefined) {
        span.last = Math.min(span.last, statement.firstOffset - 1);
        span.unsure = span.unsure.filter(({ offset }) => offset < statement.firstOffset);
      }
      this.topicIds.set(partition, statement.topicId);
      this.times.delete(partition);
    }
    if (statement.kind !== 'seal' || topic !== this.events) return;
    const { generation, seal, offsets, time } = statement;
    const before = this.times.get(partition) ?? -Infinity;
    const at = time ?? before;
    this.times.set(partition, Math.max(at, before));
    if (!this.wants(partition, offsets, before, time)) return;
    const span = this.spans.get(partition);
    const number: SealNumber = { generation, seal };
    const unsure = this.beginsInTime(time) ? [] : [...(span?.unsure ?? []), unsureOf(offsets.first, span)];
    if (unsure.length > mostUnsure) unsure.shift();
    if (span === undefined) this.spans.set(partition, { ...offsets, firstSeal: number, lastSeal: number, unsure });
    else Object.assign(span, { last: offsets.last, lastSeal: number, unsure });
  }

  /** Takes seals off the end of each span for as long as their first event lies after the choice. */
  async leaveOutLater(askTime: AskTime): Promise<void> {
    const { to } = this.choice;
    if (to === null || 'offset' in to) return;
    for (const [partition, span] of this.spans) {
      for (const { offset, before } of span.unsure.toReversed()) {
        const time = await askTime(partition, this.topicIds.get(partition) ?? '', offset);
        if (time === null || time <= to.time) break;
        if (before === null) this.spans.delete(partition);
        else Object.assign(span, before);
      }
    }
  }

  finish(): Chosen {
    const { from, to, partition } = this.choice;
    const otherTopics = [...this.topics].filter((topic) => topic !== this.events);
    if (from === null && to === null) {
      const scope: Scope =
        partition === null ? { kind: 'all' } : { kind: 'ranges', ranges: [{ partition, first: 0, last: Infinity }] };
      if (partition !== null && !this.topicIds.has(partition))
        throw invalid(`Nothing of partition ${partition} is sealed.`);
      return { scope, otherTopics, seals: null };
    }
    const spans = [...this.spans].sort(([a], [b]) => a - b);
    if (spans.length === 0) throw invalid('No sealed event lies between --from and --to.');
    const ranges = spans.map(([each, { first, last }]): ScopeRange => ({
      partition: each,
      first,
      last: to === null ? Infinity : last,
    }));
    const seals = spans.map(([each, { firstSeal, lastSeal }]): [number, SealSpan] => [
      each,
      { first: firstSeal, last: to === null ? null : lastSeal },
    ]);
    return { scope: { kind: 'ranges', ranges }, otherTopics, seals: new Map(seals) };
  }

  /** A seal of which some event may lie in the choice. Times of a partition hardly ever go back, and a seal without one is taken. */
  private wants(
    partition: number,
    offsets: { readonly first: number; readonly last: number },
    before: number,
    time: number | null,
  ): boolean {
    const { from, to } = this.choice;
    if (this.choice.partition !== null && this.choice.partition !== partition) return false;
    const begins =
      from === null || ('offset' in from ? offsets.last >= from.offset : time === null || time >= from.time);
    const ends = to === null || ('offset' in to ? offsets.first <= to.offset : before <= to.time);
    return begins && ends;
  }

  /** Not where only the first event of the seal tells. */
  private beginsInTime(time: number | null): boolean {
    const { to } = this.choice;
    return to === null || 'offset' in to || (time !== null && time <= to.time);
  }
}

function unsureOf(offset: number, span: Span | undefined): Unsure {
  return { offset, before: span === undefined ? null : { last: span.last, lastSeal: span.lastSeal } };
}

function invalid(message: string): VerifierError {
  return new VerifierError('OPTIONS_INVALID', message);
}
