import { parseBatch, recordsOf } from '@tallystick/core/batch';
import { offsetsPlace } from '@tallystick/core/finding';
import { placeText } from '@tallystick/core/judge';
import type { Contested, Judge, Outcome } from '@tallystick/core/judge';
import type { ReadBatch } from '@tallystick/kafka/strict-reader';
import { inTime, pause } from './deadline.ts';
import { chainName } from './domain/anchor.ts';
import type { Accepted } from './domain/plan.ts';
import { readThrough } from './read-through.ts';
import type { Piece, Source } from './read-through.ts';
import type { Run } from './run.ts';

/** What the statements of one run came to. */
export interface Statements {
  readonly judge: Judge;
  /** Accepted statements in order, by `chainName`. */
  readonly chains: ReadonlyMap<string, readonly Accepted[]>;
  /** Hashes of statements of later versions, and of those that follow one. */
  readonly unjudged: ReadonlySet<string>;
  readonly topicId: string;
  /** First offset of the seals topic. */
  readonly logStart: number;
  /** The offset behind the last one that was read. */
  readonly end: number;
}

/**
 * Reads the seals topic from its log start to its high watermark and judges every record. Damage there is reported and read past.
 * @param complete asked at the end: while it says no, the topic is looked at again for `settleMs` (a new leader may serve a lower
 *   high watermark for some seconds, KIP-207)
 * @throws KafkaError where the topic cannot be read
 */
export async function readStatements(
  run: Run,
  judge: Judge,
  complete: (statements: Statements) => boolean,
  onProgress: (done: number, total: number) => void,
): Promise<Statements> {
  const topic = run.topics.seals;
  const { topicId } = await inTime(`A description of topic ${topic}`, run, run.log.describeTopic(topic));
  const source = sourceOf(run, topicId);
  const bounds = () => inTime(`The question where topic ${topic} begins and ends`, run, run.log.bounds(topic, 0));
  const { logStart, highWatermark } = await bounds();
  const reading = new Reading(run, judge, topicId, logStart);
  await reading.range(source, logStart, highWatermark, onProgress);
  const until = performance.now() + run.settleMs;
  while (!complete(reading) && performance.now() < until) {
    await pause(Math.min(200, run.settleMs), run.signal);
    const now = await bounds();
    if (now.highWatermark <= reading.end) continue;
    await reading.range(source, reading.end, now.highWatermark, onProgress);
  }
  return reading;
}

/**
 * Judges what was read once more, with a judge that has seen nothing yet, and hands over each contested statement as it is met.
 * @throws KafkaError where the topic cannot be read
 */
export async function readAgain(
  run: Run,
  judge: Judge,
  { topicId, logStart, end }: Statements,
  onContested: (contested: Contested) => Promise<void>,
): Promise<void> {
  const reading = new Reading(run, judge, topicId, logStart, onContested);
  await reading.range(sourceOf(run, topicId), logStart, end, () => undefined);
}

function sourceOf({ log, topics, deadlineMs, signal }: Run, topicId: string): Source {
  return { log, topic: topics.seals, topicId, partition: 0, deadlineMs, signal };
}

class Reading implements Statements {
  readonly judge: Judge;
  readonly chains = new Map<string, Accepted[]>();
  readonly unjudged = new Set<string>();
  readonly topicId: string;
  readonly logStart: number;
  end: number;
  private readonly run: Run;
  private readonly onContested: ((contested: Contested) => Promise<void>) | null;

  constructor(
    run: Run,
    judge: Judge,
    topicId: string,
    logStart: number,
    onContested: ((contested: Contested) => Promise<void>) | null = null,
  ) {
    this.run = run;
    this.judge = judge;
    this.topicId = topicId;
    this.logStart = logStart;
    this.end = logStart;
    this.onContested = onContested;
  }

  async range(
    source: Source,
    from: number,
    to: number,
    onProgress: (done: number, total: number) => void,
  ): Promise<void> {
    for await (const piece of readThrough(source, from, to)) {
      if (piece.kind === 'hole') {
        this.damage(source.topic, piece);
        continue;
      }
      for (const batch of piece.batches) {
        this.run.meter.add(batch.bytes.length, 0);
        await this.batch(source.topic, batch, from);
        onProgress(batch.header.lastOffset + 1, to);
      }
    }
    this.end = to;
    onProgress(to, to);
  }

  private async batch(topic: string, { bytes, header }: ReadBatch, from: number): Promise<void> {
    if (header.control) return;
    const parsed = parseBatch(bytes, header, this.run.codecs);
    if (!parsed.parsed) {
      this.run.findings.add({
        code: 'unparsed-batch',
        topic,
        partition: 0,
        place: offsetsPlace(header.baseOffset, header.baseOffset),
        message: `The batch at offset ${header.baseOffset} of ${topic} does not parse (${parsed.reason}), so it holds no statement.`,
      });
      return;
    }
    for (const { offset, value } of recordsOf(parsed)) {
      if (offset < from) continue;
      const outcome = this.judge.offer(value, { in: 'seals', offset });
      this.take(outcome);
      if (outcome.outcome === 'contested') await this.onContested?.(outcome.contested);
    }
  }

  private take(outcome: Outcome): void {
    const { findings, topics } = this.run;
    switch (outcome.outcome) {
      case 'accepted': {
        const { statement, hash } = outcome.signed;
        if (statement.kind === 'key') return;
        const name = chainName(statement);
        const chain = this.chains.get(name) ?? [];
        chain.push({ hash, statement });
        this.chains.set(name, chain);
        return;
      }
      case 'keyRefused': {
        const { statement, hash } = outcome.signed;
        findings.add({
          code: 'key-refused',
          place: hash,
          expected: null,
          found: statement.key,
          message: `A key statement signed by the root key has no effect (to ${statement.action} a ${statement.role} key): ${outcome.why}.`,
        });
        return;
      }
      case 'unknownVersion':
        this.unjudged.add(outcome.hash);
        findings.add({
          code: 'unknown-statement',
          found: outcome.hash,
          message: `At ${placeText(outcome.place, topics.seals)} stands a signed statement of a kind that this release does not know (${JSON.stringify(outcome.kind)}). What follows it is not judged: verify with a newer release.`,
        });
        return;
      case 'afterUnknown':
        this.unjudged.add(outcome.signed.hash);
        return;
      case 'repeated':
      case 'rubbish':
      case 'noise':
      case 'race':
      case 'contested':
      case 'past':
      case 'needsHistory':
        // The judge counts and keeps them.
        return;
    }
  }

  private damage(topic: string, { first, last, damage }: Extract<Piece, { kind: 'hole' }>): void {
    const { cause, base, batchLast, error } = damage;
    const { findings } = this.run;
    const { expected, found } = error.evidence;
    const where = { topic, partition: 0 };
    if (cause === 'missing' || cause === 'truncated' || cause === 'deleted') {
      findings.add({
        ...where,
        code: cause === 'missing' ? 'missing-offsets' : cause,
        place: offsetsPlace(first, last),
        message: `Offsets ${first} to ${last} of ${topic}, where statements are kept, hold no record: ${error.message}`,
      });
      return;
    }
    const code = error.code === 'BROKER_ERROR' ? 'unreadable' : cause === 'magic' ? 'bad-magic' : 'bad-crc';
    findings.add({
      ...where,
      code,
      place: offsetsPlace(base, base),
      expected: textOf(expected),
      found: textOf(found),
      message: `${error.message} Statements that were stored there cannot be read.`,
    });
    if (batchLast !== null || last <= base) return;
    findings.add({
      ...where,
      code: 'unreadable',
      expected: offsetsPlace(first, last),
      found: error.code,
      message: `Offsets ${first} to ${last} of ${topic}, behind the bad batch at ${base}, could not be read.`,
    });
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value).replaceAll('\n', ' ') : null;
}
