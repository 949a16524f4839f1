import { setTimeout as sleep } from 'node:timers/promises';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseBatch, recordsOf } from '@tallystick/core/batch';
import type { Codecs } from '@tallystick/core/codecs';
import { Judge } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import type { GenesisStatement } from '@tallystick/core/statement-types';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import type { ReadChunk } from '@tallystick/kafka/strict-reader';
import { WorkerError } from './errors.ts';
import { canPass, untilItWorks } from './retry.ts';

export interface GenerationsOptions {
  readonly log: RecordLog;
  /** The seals topic. */
  readonly sealsTopic: string;
  /** The events topic and its id now. */
  readonly topic: string;
  readonly topicId: string;
  readonly origin: string;
  readonly rootKey: VerifierKey;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** How long a partition may be without a genesis, milliseconds. */
  readonly waitMs: number;
}

/** Says which generation a partition is in: what the accepted statements of the seals topic say under the root key. */
export class Generations {
  private readonly options: GenerationsOptions;
  private readonly judge: Judge;
  private readonly waiting = new Set<() => void>();
  /** Whether what was in the topic at the start has been judged: an older generation must not be taken for the current one. */
  private caughtUp = false;
  private unknownStatements = 0;

  constructor(options: GenerationsOptions) {
    this.options = options;
    const { origin, rootKey } = options;
    // It only asks for geneses: what it keeps of everything else can be little.
    this.judge = new Judge({ origin, rootKey, verify: nodeVerifyEd25519, evidence: 16, remember: 64 });
  }

  /**
   * Follows the seals topic until the signal is aborted.
   * @throws KafkaError of the strict reader's stops
   */
  async run(): Promise<void> {
    const { log, sealsTopic: topic, signal, logger } = this.options;
    const retry = { logger, signal };
    const { topicId } = await untilItWorks(`Asking for topic ${topic}`, () => log.describeTopic(topic), retry);
    const { logStart } = await untilItWorks(`Asking for the bounds of ${topic}`, () => log.bounds(topic, 0), retry);
    let from = logStart;
    while (!signal.aborted) {
      try {
        for await (const chunk of readPartition({ log, topic, topicId, partition: 0, from, follow: true, signal })) {
          this.offer(chunk, from);
          from = Math.max(from, chunk.nextOffset);
          this.caughtUp ||= from >= chunk.highWatermark;
          for (const wake of this.waiting) wake();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!canPass(error)) throw error;
        logger.warn(
          `Reading ${topic} goes on after a disturbance: ${error instanceof Error ? error.message : String(error)}`,
          { offset: from },
        );
      }
    }
  }

  /** The current generation of a partition, if it is of the topic that there is now; null before it was read. */
  current(partition: number): GenesisStatement | null {
    if (!this.caughtUp) return null;
    const genesis = this.judge.partition(this.options.topic, partition)?.geneses.at(-1);
    return genesis !== undefined && genesis.topicId === this.options.topicId ? genesis : null;
  }

  /**
   * Waits for the current generation of a partition, or for one above `after`.
   * @throws WorkerError GENESIS_MISSING after the time limit (none where `after` is given)
   */
  async next(partition: number, after = -1): Promise<GenesisStatement> {
    const { topic, signal, waitMs, logger } = this.options;
    const since = performance.now();
    for (let said = 0; ;) {
      const genesis = this.current(partition);
      if (genesis !== null && genesis.generation > after) return genesis;
      const waited = performance.now() - since;
      if (after < 0 && waited > waitMs) throw this.missing(partition, waitMs);
      if (after < 0 && waited >= said) {
        logger.info(`Waiting for the ledger to begin ${topic}/${partition} (its genesis statement)`, {
          topic,
          partition,
          waitMs,
        });
        said += 10_000;
      }
      await this.news(signal);
    }
  }

  private async news(signal: AbortSignal): Promise<void> {
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.waiting.add(wake);
    const stop = new AbortController();
    try {
      await Promise.race([woken, sleep(1_000, undefined, { signal: AbortSignal.any([signal, stop.signal]) })]);
    } finally {
      this.waiting.delete(wake);
      stop.abort();
    }
  }

  private offer({ batches }: ReadChunk, from: number): void {
    for (const { bytes, header } of batches) {
      if (header.control) continue;
      const parsed = parseBatch(bytes, header, this.options.codecs);
      if (!parsed.parsed) continue;
      for (const { offset, value } of recordsOf(parsed)) {
        if (offset < from) continue;
        const { outcome } = this.judge.offer(value, { in: 'seals', offset });
        if (outcome === 'unknownVersion') this.unknown(offset);
      }
    }
  }

  private unknown(offset: number): void {
    this.unknownStatements += 1;
    if (this.unknownStatements > 1) return;
    const message = `${this.options.sealsTopic} holds a signed statement of a later version at offset ${offset}: generations after it may be unknown here. Update the worker.`;
    this.options.logger.warn(message, { topic: this.options.sealsTopic, offset });
  }

  private missing(partition: number, waitMs: number): WorkerError {
    const { topic, topicId, sealsTopic, origin } = this.options;
    const known = this.judge.partition(topic, partition)?.geneses.at(-1);
    const found = known === undefined ? 'none' : `generation ${known.generation} of topic id ${known.topicId}`;
    const message =
      `No genesis statement of log ${origin} in ${sealsTopic} covers ${topic}/${partition} (topic id ${topicId}) after ${Math.round(waitMs / 1000)} s; ` +
      `found: ${found}. Check that the ledger runs and that this is its root key; a topic that was made anew needs a new generation.`;
    const evidence = {
      topic,
      partition,
      expected: topicId,
      found: known?.topicId ?? null,
      counts: this.judge.counts,
      unknownStatements: this.unknownStatements,
    };
    return new WorkerError('GENESIS_MISSING', message, { evidence });
  }
}
