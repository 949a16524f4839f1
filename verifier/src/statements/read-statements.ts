import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { BatchHeader } from '@tallystick/core/batch';
import type { Contested, Judge, Outcome } from '@tallystick/core/judge';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import { boundsOf, describeTopic } from '../ask-broker.ts';
import { pause } from '../deadline.ts';
import { chainName } from '../domain/anchor.ts';
import type { NewFinding } from '../domain/findings.ts';
import { PlanBuilder } from '../domain/plan.ts';
import type { PlanOptions } from '../domain/plan.ts';
import { HeldEntries } from '../published/held-entries.ts';
import { refusedEntry } from '../published/refused-entry.ts';
import { readThrough } from '../records/read-through.ts';
import type { Source } from '../records/read-through.ts';
import type { Run } from '../run/run.ts';
import { PendingStatements } from './pending.ts';
import { StatementClocks } from './statement-clocks.ts';
import { leavesUnknown, statementDamage, unparsedStatements } from './statement-damage.ts';
import { keyRefused, reportStatement, unknownSigner, unknownStatement } from './statement-findings.ts';

/** A record of the seals topic, and the batch that it was stored in. */
type OnRecord = (value: Uint8Array | null, offset: number, header: BatchHeader) => Promise<void>;

/** What the statements of one run came to. */
export interface Statements {
  readonly judge: Judge;
  /** Hashes of statements of later versions, and of those that follow one. */
  readonly unjudged: ReadonlySet<string>;
  readonly topicId: string;
  /** First offset of the seals topic. */
  readonly logStart: number;
  /** The offset that reading began with, and the one behind the last one that was read. */
  readonly from: number;
  readonly end: number;
}

export interface ReadingOptions {
  readonly run: Run;
  readonly judge: Judge;
  /** Where the seals topic is read from; null: from its log start. */
  readonly from: number | null;
  /** Entries that an earlier run knew; null: there is no published log. */
  readonly logFrom: number | null;
  /** How a partition's plan begins and what of it is looked at; null: no plans are made and nothing is reported (a second reading). */
  readonly planOptions: ((chain: { topic: string; partition: number }) => PlanOptions) | null;
  /** Hashes of statements of which it is asked later whether they were accepted, however long ago. */
  readonly watch?: ReadonlySet<string>;
  /** So many events of an accepted seal, as it is met. */
  readonly onSealed?: (events: number) => void;
  /** Each contested statement as it is met. */
  readonly onContested?: (contested: Contested) => Promise<void>;
}

/**
 * Judges the statements of one run: entries of the published log first, where there is one (`entry`), then the records of the seals topic
 * (`topic`). Damage is reported and read past. Statements are not kept: the plans are made of them as they come.
 */
export class Reading implements Statements {
  readonly judge: Judge;
  readonly unjudged = new Set<string>();
  /** Of the hashes that are watched, those that were accepted. */
  readonly met = new Set<string>();
  readonly plans = new Map<string, PlanBuilder>();
  topicId = '';
  logStart = 0;
  from = 0;
  end = 0;
  /** Statements older than what this judge remembers: only one that remembers more can decide on them. */
  past = 0;
  /** Records of the topic that are older than that, and are what the log holds. */
  repeated = 0;
  /** Accepted statements that the log does not hold. */
  readonly pending = new PendingStatements();
  /** When the end of the topic was asked for last, unix ms; null: it was not. */
  readAt: number | null = null;
  /** Which entries of the log the topic holds; null without a log. */
  readonly held: HeldEntries | null;
  /** Some of the topic could not be read, so that what it lacks is not known. */
  unread = false;
  /** The times of those who stored the statements, against those of the events. */
  readonly clocks: StatementClocks;
  private readonly options: ReadingOptions;
  private readonly run: Run;
  /** A statement of a later version that the root key signed: keys may be added that are not known here. */
  private unknownOfRoot = false;

  constructor(options: ReadingOptions) {
    const { run, judge, logFrom, planOptions } = options;
    this.options = options;
    this.run = run;
    this.judge = judge;
    this.held = logFrom === null ? null : new HeldEntries(logFrom);
    this.clocks = new StatementClocks(planOptions === null ? null : run.maxClockSkewMs);
    if (planOptions !== null) for (const chain of judge.partitions()) this.planOf(chain);
  }

  /** Judges an entry of the log. @returns false where it is refused */
  entry(bytes: Uint8Array, index: number): boolean {
    const outcome = this.judge.offer(bytes, { in: 'log', index });
    if (outcome.outcome === 'accepted') {
      this.held?.expect(bytes, index);
      this.clocks.published(outcome.signed.statement);
    } else this.held?.excuse(index);
    switch (outcome.outcome) {
      case 'accepted':
      case 'unknownVersion':
      case 'afterUnknown':
        this.take(outcome);
        return true;
      case 'needsHistory':
        this.past += 1;
        return true;
      default:
        // Behind an unknown statement of the root key it may be signed by a key that is unknown here.
        if (outcome.outcome === 'noise' && this.unknownOfRoot) {
          this.report(unknownSigner(index));
          return true;
        }
        this.report(refusedEntry(outcome, bytes, index));
        return false;
    }
  }

  /**
   * Reads the seals topic to its high watermark.
   * @param complete asked at the end: while it says no, the topic is looked at again for `settleMs` (a new leader may serve a lower
   *   high watermark for some seconds, KIP-207)
   * @throws KafkaError where the topic cannot be read
   */
  async topic(complete: () => boolean, onProgress: (done: number, total: number) => void): Promise<void> {
    const { run } = this;
    const topic = run.topics.seals;
    this.topicId = (await describeTopic(run, topic)).topicId;
    const bounds = () => {
      this.readAt = run.now();
      return boundsOf(run, topic, 0);
    };
    const { logStart, highWatermark } = await bounds();
    this.logStart = logStart;
    this.from = this.options.from ?? logStart;
    this.end = this.from;
    await this.range(this.from, highWatermark, onProgress);
    const until = performance.now() + run.settleMs;
    while (!complete() && performance.now() < until) {
      await pause(Math.min(200, run.settleMs), run.signal);
      const now = await bounds();
      if (now.highWatermark > this.end) await this.range(this.end, now.highWatermark, onProgress);
    }
  }

  /** Judges again what another reading read of the topic. @throws KafkaError where the topic cannot be read */
  async again({ topicId, logStart, from, end }: Statements): Promise<void> {
    Object.assign(this, { topicId, logStart, from });
    await this.range(from, end, () => undefined);
  }

  private async range(from: number, to: number, onProgress: (done: number, total: number) => void): Promise<void> {
    // Where the log was read first, each record is judged at its place in the topic: so that must be known of all of them.
    if (this.held !== null)
      await this.pass(
        from,
        to,
        async (value, offset, header) => this.locate(value, offset, header),
        () => undefined,
      );
    await this.pass(from, to, async (value, offset, header) => await this.offer(value, offset, header), onProgress);
    this.end = to;
    onProgress(to, to);
  }

  private async pass(
    from: number,
    to: number,
    record: OnRecord,
    onProgress: (done: number, total: number) => void,
  ): Promise<void> {
    const { log, topics, deadlineMs, signal } = this.run;
    const source: Source = { log, topic: topics.seals, topicId: this.topicId, partition: 0, deadlineMs, signal };
    for await (const piece of readThrough(source, from, to)) {
      if (piece.kind === 'hole') {
        if (leavesUnknown(piece)) this.unread = true;
        for (const finding of statementDamage(source.topic, piece)) this.report(finding);
        continue;
      }
      for (const batch of piece.batches) {
        this.run.meter.add(batch.bytes.length, 0);
        await this.batch(source.topic, batch, from, record);
        onProgress(batch.header.lastOffset + 1, to);
      }
    }
  }

  private async batch(topic: string, { bytes, header }: ReadBatch, from: number, record: OnRecord): Promise<void> {
    if (header.control) return;
    const parsed = parseBatch(bytes, header, this.run.codecs);
    if (!parsed.parsed) {
      this.unread = true;
      for (const finding of unparsedStatements(topic, header, parsed.reason)) this.report(finding);
      return;
    }
    for (const { offset, value } of recordsOf(parsed)) if (offset >= from) await record(value, offset, header);
  }

  private locate(value: Uint8Array | null, offset: number, header: BatchHeader): void {
    if (value === null) return;
    const same = this.held?.markSame(value) ?? false;
    if (same) this.clocks.stored(value, header, offset);
    if (this.judge.locate(value, offset) && !same) this.held?.mark(this.judge, value);
  }

  private async offer(value: Uint8Array | null, offset: number, header: BatchHeader): Promise<void> {
    const outcome = this.judge.offer(value, { in: 'seals', offset });
    // What the log holds byte for byte was settled there, however long ago.
    if (outcome.outcome === 'past' && value !== null && this.held?.markSame(value) === true) {
      this.repeated += 1;
      return;
    }
    this.take(outcome);
    if (outcome.outcome === 'accepted') {
      this.clocks.stored(outcome.signed.statement, header, offset);
      if (this.held !== null) this.pending.add(outcome.signed.note, header);
    }
    if (outcome.outcome === 'contested') await this.options.onContested?.(outcome.contested);
  }

  private planOf(chain: { topic: string; partition: number }): PlanBuilder | null {
    const { planOptions } = this.options;
    if (planOptions === null) return null;
    const name = chainName(chain);
    const plan = this.plans.get(name) ?? new PlanBuilder(planOptions(chain));
    this.plans.set(name, plan);
    return plan;
  }

  private report(finding: NewFinding): void {
    if (this.options.planOptions !== null) this.run.findings.add(finding);
  }

  private take(outcome: Outcome): void {
    switch (outcome.outcome) {
      case 'accepted': {
        const { statement, hash } = outcome.signed;
        if (this.options.watch?.has(hash) === true) this.met.add(hash);
        if (statement.kind === 'key') return;
        const accepted = { hash, statement, place: this.judge.size - 1 };
        this.planOf(statement)?.add(accepted);
        if (statement.kind === 'seal') this.options.onSealed?.(statement.events.last - statement.events.first + 1);
        if (this.options.planOptions !== null) reportStatement(this.run.findings, accepted);
        return;
      }
      case 'keyRefused':
        this.report(keyRefused(outcome));
        return;
      case 'unknownVersion':
        this.unjudged.add(outcome.hash);
        this.unknownOfRoot ||= outcome.key.vkey === this.run.rootKey.vkey;
        this.report(unknownStatement(outcome, this.run.topics.seals));
        return;
      case 'afterUnknown':
        this.unjudged.add(outcome.signed.hash);
        return;
      case 'past':
      case 'needsHistory':
        this.past += 1;
        return;
      case 'contested':
        if (outcome.contested.forgotten) this.past += 1;
        return;
      case 'repeated':
      case 'rubbish':
      case 'noise':
      case 'race':
        // The judge counts and keeps them.
        return;
    }
  }
}
