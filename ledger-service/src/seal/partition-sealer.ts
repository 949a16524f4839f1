import type { Codecs } from '@tallystick/core/codecs';
import type { Sha256 } from '@tallystick/core/hash';
import type { ChainPoint, PartitionState } from '@tallystick/core/judge';
import type { SealStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import { adopt, checkLastBatch } from './adoption.ts';
import { alarmOf, canPass } from '../alarms.ts';
import type { BatchLimits } from '../domain/limits.ts';
import { decideGenesis } from '../domain/seal-decider.ts';
import { LedgerError } from '../errors.ts';
import type { StatementWriter } from './statement-writer.ts';
import { retryPause } from '../retry.ts';
import { SealRun } from './seal-run.ts';
import type { SealsView } from '../seals-view.ts';
import type { Alarm, PartitionActivity, PartitionStatus } from '../status.ts';

/** What all sealers of a ledger share. */
export interface SealerContext {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly limits: BatchLimits;
  readonly view: SealsView;
  readonly writer: StatementWriter;
  readonly codecs: Codecs;
  readonly sha256: Sha256;
  /** Milliseconds that only go forward. */
  readonly clock: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly deadlineMs: number;
  readonly pollMs: number;
  readonly logger: Logger;
  /** Called with each seal of this ledger that was accepted. */
  readonly onSeal: (seal: SealStatement) => void;
}

/**
 * Seals one partition for as long as its state is known. What can pass is tried again from the statements; anything else stops this
 * partition with an alarm and leaves the others alone.
 */
export class PartitionSealer {
  readonly partition: number;
  readonly #context: SealerContext;
  readonly #where: string;
  #activity: PartitionActivity = 'starting';
  #alarm: Alarm | null = null;
  #highWatermark: number | null = null;
  #repairLeaves = true;
  #attempt = 0;

  constructor(context: SealerContext, partition: number) {
    this.#context = context;
    this.partition = partition;
    this.#where = `${context.topics.events}/${partition}`;
  }

  /** Resolves when it has stopped: by the signal, or with an alarm. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, now } = this.#context;
    while (!signal.aborted) {
      try {
        this.#activity = 'starting';
        await this.#session(signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#alarm = alarmOf(error, this.#where, now());
        const fields = { place: this.#where, code: this.#alarm.code, error: this.#alarm.message };
        if (!canPass(error)) {
          this.#activity = 'stopped';
          logger.error('The partition is not sealed any more.', fields);
          return;
        }
        this.#activity = 'retrying';
        logger.warn('Sealing was interrupted and is tried again.', fields);
        await retryPause(this.#attempt, signal).catch(() => undefined);
        this.#attempt += 1;
      }
    }
    this.#activity = 'stopped';
  }

  /** Looks how far behind a partition is that is not read any more. */
  async observe(): Promise<void> {
    if (this.#activity !== 'stopped') return;
    const { log, topics } = this.#context;
    this.#highWatermark = (await log.bounds(topics.events, this.partition)).highWatermark;
  }

  status(): PartitionStatus {
    const state = this.#state();
    const highWatermark = this.#highWatermark;
    return {
      topic: this.#context.topics.events,
      partition: this.partition,
      state: this.#activity,
      generation: state?.generation ?? null,
      lastSeal: state?.lastSeal?.statement.seal ?? null,
      sealedOffset: state?.lastSeal?.statement.offsets.last ?? null,
      highWatermark,
      lag: state === null || highWatermark === null ? null : Math.max(0, highWatermark - state.nextOffset),
      alarms: this.#alarm === null ? [] : [this.#alarm],
    };
  }

  #state(): PartitionState | null {
    return this.#context.view.judge.partition(this.#context.topics.events, this.partition);
  }

  async #session(signal: AbortSignal): Promise<void> {
    const { log, topics, view } = this.#context;
    await view.catchUp();
    const { topicId } = await log.describeTopic(topics.events);
    const state = this.#state() ?? (await this.#writeGenesis(topicId));
    this.#checkTopic(state, topicId);
    let point: ChainPoint = await checkLastBatch(this.#context, state, this.#repairLeaves, signal);
    this.#repairLeaves = false;
    for (;;) {
      const run = new SealRun(this.#context, point, this.#lastEpoch(point), signal);
      point = await run.seal(({ highWatermark }) => this.#good(highWatermark));
      point = await adopt(this.#context, point, signal);
      if (point.topicId !== topicId) this.#checkTopic(point, (await log.describeTopic(topics.events)).topicId);
    }
  }

  /** Reading works: what was wrong has passed. */
  #good(highWatermark: number): void {
    this.#highWatermark = highWatermark;
    this.#activity = 'sealing';
    this.#alarm = null;
    this.#attempt = 0;
  }

  async #writeGenesis(topicId: string): Promise<PartitionState> {
    const { log, topics, origin, writer, logger, now } = this.#context;
    const { partition } = this;
    const { logStart } = await log.bounds(topics.events, partition);
    const place = { topic: topics.events, topicId, partition, firstOffset: logStart };
    const result = await writer.write(decideGenesis(origin, place, now()), null);
    const state = this.#state();
    if (state === null)
      throw new LedgerError('STATEMENT_REFUSED', `The genesis of ${this.#where} was not accepted.`, { fatal: true });
    logger.info(result === 'accepted' ? 'The partition is sealed from here on.' : 'Another ledger wrote the genesis.', {
      place: this.#where,
      firstOffset: state.firstOffset,
    });
    return state;
  }

  #checkTopic(point: ChainPoint, topicId: string): void {
    if (point.topicId === topicId) return;
    const message = `Topic ${point.topic} was created anew: its id is ${topicId}, but its statements are of ${point.topicId}.`;
    const evidence = { topic: point.topic, partition: this.partition, expected: point.topicId, found: topicId };
    throw new KafkaError('TOPIC_RECREATED', message, { evidence });
  }

  /** Leader epoch of the record before the next offset; -1 where a gap or nothing comes before. */
  #lastEpoch(point: ChainPoint): number {
    const seal = this.#state()?.lastSeal?.statement;
    return seal?.offsets.last === point.nextOffset - 1 ? (seal.epoch ?? -1) : -1;
  }
}
