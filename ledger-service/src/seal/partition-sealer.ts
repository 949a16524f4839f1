import type { ChainPoint, PartitionState, SignedStatement } from '@tallystick/core/judge';
import type { PartitionStatement } from '@tallystick/core/statement-types';
import { KafkaError } from '@tallystick/kafka/errors';
import type { ReadChunk } from '@tallystick/kafka/strict-reader';
import type { AlarmBoard } from '../alarm-board.ts';
import { LagWatch } from '../domain/lag-watch.ts';
import { retryPause } from '../retry.ts';
import type { PartitionActivity, PartitionStatus } from '../status.ts';
import { adopt, checkDisputed, checkLastBatch, StatementDisputed } from './adoption.ts';
import { writeGap, writeGenesis } from './chain-writing.ts';
import { deletedLater, recordsDeleted } from './deletions.ts';
import { checkLeavesPartition, checkSameTopic } from './partition-checks.ts';
import { SealRun } from './seal-run.ts';
import type { SealerContext } from './sealer-context.ts';
import { recovered, stuckAt, type Stuck } from './stuck.ts';

/**
 * Seals one partition for as long as its state is known. What can pass is tried again from the statements within seconds; anything else
 * stops this partition with an alarm, leaves the others alone, and is tried again when its chain goes on or after a while: so a partition
 * goes on by itself once its topic is restored or the root key has begun its next generation.
 */
export class PartitionSealer {
  readonly partition: number;
  readonly #context: SealerContext;
  readonly #assigned: boolean;
  readonly #where: string;
  readonly #alarms: AlarmBoard;
  #activity: PartitionActivity = 'starting';
  #highWatermark: number | null = null;
  #repairLeaves = true;
  #attempt = 0;
  /** What it failed at, so that coming as far as that again is no recovery. */
  #stuck: Stuck | null = null;
  #writeFailed = false;
  /** Was it given back although nobody else was seen to seal it? */
  #gaveBack = false;
  #disputed: StatementDisputed['statement'] | null = null;
  #wake = Promise.withResolvers<void>();

  /**
   * @param assigned whether it is this ledger's; another one's is sealed only while its seals lag
   * @param alarms of this partition: outlives this object
   */
  constructor(context: SealerContext, partition: number, assigned: boolean, alarms: AlarmBoard) {
    this.#context = context;
    this.partition = partition;
    this.#assigned = assigned;
    this.#alarms = alarms;
    this.#where = `${context.topics.events}/${partition}`;
  }

  /** Resolves when the signal has ended it. Never rejects. May be called again then. */
  async run(signal: AbortSignal): Promise<void> {
    this.#alarms.clear('sealing');
    this.#stuck = null;
    while (!signal.aborted) {
      try {
        if (this.#stuck === null) this.#activity = this.#assigned ? 'starting' : 'watching';
        this.#writeFailed = false;
        if (!this.#assigned) await this.#watch(signal);
        await this.#seal(signal);
      } catch (error) {
        if (signal.aborted || this.#context.view.ended) break;
        await this.#failed(error, signal).catch(() => undefined);
      }
    }
    this.#activity = 'stopped';
  }

  /** A statement of this partition was accepted, or something else changed that it may wait for. */
  poke(accepted?: SignedStatement<PartitionStatement>): void {
    if (accepted?.statement.kind === 'gap') this.#alarms.raise('gap', recordsDeleted(accepted.statement), this.#where);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
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
      assigned: this.#assigned,
      generation: state?.generation ?? null,
      lastSeal: state?.lastSeal?.statement.seal ?? null,
      sealedOffset: state?.lastSeal?.statement.offsets.last ?? null,
      highWatermark,
      lag: state === null || highWatermark === null ? null : Math.max(0, highWatermark - state.nextOffset),
      alarms: this.#alarms.list(),
    };
  }

  #state(): PartitionState | null {
    return this.#context.view.judge.partition(this.#context.topics.events, this.partition);
  }

  async #failed(cause: unknown, signal: AbortSignal): Promise<void> {
    const { logger, clock, mendMs } = this.#context;
    if (cause instanceof StatementDisputed) this.#disputed = cause.statement;
    this.#stuck = stuckAt(cause, this.#state(), this.#writeFailed);
    const news = this.#alarms.raise('sealing', cause, this.#where);
    const alarm = this.#alarms.get('sealing');
    const fields = { place: this.#where, code: alarm?.code, error: alarm?.message };
    if (this.#stuck.passing) {
      this.#activity = 'retrying';
      logger.warn('Sealing was interrupted and is tried again.', fields);
      const attempt = this.#attempt;
      this.#attempt += 1;
      await retryPause(attempt, signal, clock);
      return;
    }
    this.#activity = 'stopped';
    if (news) logger.error('The partition is not sealed any more until somebody mends it.', fields);
    // Whichever comes first: its chain goes on (the root key begins its next generation), or somebody may have mended it.
    const pause = new AbortController();
    const over = AbortSignal.any([signal, pause.signal]);
    try {
      await Promise.race([clock.sleep(mendMs, over), this.#wake.promise]);
    } finally {
      pause.abort();
    }
  }

  /** Returns when the partition's seals lag. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { log, topics, clock, takeoverMs, limits, logger } = this.#context;
    // Given back after a while for the owner to show that it is there: then it is not waited for as long as for one that was well.
    let waitMs = this.#gaveBack ? Math.min(takeoverMs, Math.max(4 * limits.ageMs, takeoverMs / 20)) : takeoverMs;
    let lag = new LagWatch(waitMs);
    const from = this.#state()?.hash;
    for (;;) {
      const { logStart, highWatermark } = await log.bounds(topics.events, this.partition);
      const state = this.#state();
      this.#highWatermark = highWatermark;
      if (state !== null) this.#noteDeletions(state, logStart);
      if (state?.hash !== from && waitMs < takeoverMs) {
        waitMs = takeoverMs;
        lag = new LagWatch(takeoverMs);
      }
      if (lag.look(state?.nextOffset ?? null, highWatermark, clock.monotonic())) {
        logger.warn('Takes over a partition whose seals lag.', { place: this.#where, highWatermark });
        return;
      }
      // Another ledger's that does well: what kept this one from sealing it does not matter any more.
      if (this.#stuck === null || this.#stuck.passing || this.#stuck.hash !== state?.hash) {
        this.#stuck = null;
        this.#activity = 'watching';
        this.#alarms.clear('sealing');
        this.#attempt = 0;
      }
      await clock.sleep(Math.max(20, Math.min(5_000, waitMs / 4)), signal);
    }
  }

  /** Seals for as long as nothing disturbs; another ledger's partition until that seals again, and for a while at most. */
  async #seal(signal: AbortSignal): Promise<void> {
    const { log, topics, view, clock, takeoverMs, logger } = this.#context;
    this.#gaveBack = false;
    const startedAt = clock.monotonic();
    // Of two that seal at once one may win for ever, so that the owner would never show itself.
    const enough = () => !this.#assigned && clock.monotonic() - startedAt >= takeoverMs;
    await view.catchUp();
    checkLeavesPartition(this.#context, this.partition);
    const { topicId } = await log.describeTopic(topics.events);
    const state = this.#state() ?? (await writeGenesis(this.#context, this.partition, topicId));
    checkSameTopic(state, topicId);
    await this.#checkDisputed(state, signal);
    let point: ChainPoint = await checkLastBatch(this.#context, state, this.#repairLeaves, signal);
    this.#repairLeaves = false;
    for (;;) {
      const run = new SealRun(this.#context, point, this.#lastEpoch(point), signal);
      let logStart: number | null = null;
      try {
        await run.seal((chunk) => {
          this.#good(run, chunk);
          return !enough();
        });
      } catch (error) {
        this.#writeFailed = run.writeFailed;
        logStart = deletedBelow(error);
        if (logStart === null) throw error;
      }
      point = await adopt(this.#context, run.confirmed, signal);
      if (logStart !== null) point = await writeGap(this.#context, point);
      if (!this.#assigned && logStart === null && (point.hash !== run.confirmed.hash || enough())) {
        logger.info('Gives a partition back to the ledger that it belongs to.', { place: this.#where });
        this.#gaveBack = point.hash === run.confirmed.hash;
        return;
      }
      if (point.topicId !== topicId) checkSameTopic(point, (await log.describeTopic(topics.events)).topicId);
    }
  }

  /** A fetch came back. Where it shows that what was wrong has passed, the alarm goes. */
  #good(run: SealRun, chunk: ReadChunk): void {
    this.#highWatermark = chunk.highWatermark;
    this.#noteDeletions(run.confirmed, chunk.logStart);
    if (this.#stuck !== null && !recovered(this.#stuck, run.confirmed, chunk)) return;
    this.#stuck = null;
    this.#activity = 'sealing';
    this.#alarms.clear('sealing');
    this.#attempt = 0;
  }

  /** Records that are gone stay an alarm; what a gap says, once seals follow behind it: every verification reports it from then on. */
  #noteDeletions(point: ChainPoint, logStart: number): void {
    const deleted = deletedLater(point, logStart);
    if (deleted !== null) this.#alarms.raise('deleted', deleted, this.#where);
    else
      this.#over(
        'deleted',
        'The records that an alarm was about are there, or are not asked for any more: it is over.',
      );
    const last = this.#state()?.lastSeal?.statement.offsets.last;
    if (last !== undefined && last >= point.nextOffset - 1)
      this.#over('gap', 'Sealing went on behind a gap: the alarm is over. Every verification reports the gap.');
  }

  #over(about: string, message: string): void {
    const alarm = this.#alarms.mended(about);
    if (alarm !== null) this.#context.logger.info(message, { place: this.#where, code: alarm.code });
  }

  async #checkDisputed(state: PartitionState, signal: AbortSignal): Promise<void> {
    const disputed = this.#disputed;
    if (disputed?.generation === state.generation) await checkDisputed(this.#context, state, disputed, signal);
    this.#disputed = null;
  }

  /** Leader epoch of the record before the next offset; -1 where a gap or nothing comes before. */
  #lastEpoch(point: ChainPoint): number {
    const seal = this.#state()?.lastSeal?.statement;
    return seal?.offsets.last === point.nextOffset - 1 ? (seal.epoch ?? -1) : -1;
  }
}

/** The log start that an error of the reader tells of, where records were deleted before they were read; else null. */
function deletedBelow(error: unknown): number | null {
  if (!(error instanceof KafkaError) || error.code !== 'RECORDS_DELETED') return null;
  const { logStart } = error.evidence;
  return typeof logStart === 'number' ? logStart : null;
}
