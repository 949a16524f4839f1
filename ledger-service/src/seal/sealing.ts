import type { Outcome } from '@tallystick/core/judge';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { LedgerError } from '../errors.ts';
import type { RunningRole } from '../ports/role.ts';
import { patientLog } from '../patient-log.ts';
import { asSealsLost } from '../seals-lost.ts';
import { SealsView } from '../seals-view.ts';
import type { SealStatus } from '../status.ts';
import { sealsNow, writeKeyStatements } from './key-chain.ts';
import { LogWatch } from './log-watch.ts';
import { Misplaced } from './misplaced.ts';
import { OwnNoise } from './own-noise.ts';
import { restoreStatements, type Whole } from './restore-statements.ts';
import { sayIgnored, unknownKind } from './outcomes.ts';
import { SealerGroup } from './sealer-group.ts';
import type { SealingParts } from './sealing-parts.ts';
import { keyNotValid, StatementWriter } from './statement-writer.ts';
import { watchTopics } from './topic-watch.ts';
import { describeTopics, partitionsError, settingsError, type LedgerTopics } from './topics.ts';

/** For seals that are under way, and for what hears that nothing can be written any more. */
const stopWithinMs = 5_000;
const leaveWithinMs = 1_000;

/**
 * One run of the role that seals: from the published log and the seals topic to a sealer for every partition. It ends where nothing is
 * known any more that sealing could go on from; then it is begun anew from the log.
 */
export class Sealing implements RunningRole<SealStatus> {
  readonly #parts: SealingParts;
  readonly #view: SealsView;
  readonly #writers: readonly SafeWriter[];
  readonly #seals: SafeWriter;
  /** Ends everything but reading the seals topic, which goes on for a moment, so that seals under way are confirmed. */
  readonly #working = new AbortController();
  readonly #reading = new AbortController();
  /** Open while the key is valid. */
  readonly #sealers: SealerGroup;
  readonly #end = Promise.withResolvers<void>();
  #caughtUp = false;
  #topics: LedgerTopics;
  readonly #start: Omit<Whole, 'judge' | 'from'>;
  readonly #misplaced = new Misplaced();
  readonly #ownNoise: OwnNoise;
  #failure: { readonly error: unknown } | null = null;
  #ending: Promise<void> | null = null;
  readonly done = this.#end.promise;

  private constructor(parts: SealingParts, topics: LedgerTopics, writers: Writers, whole: Whole) {
    const { signer, limits, clock, deadlineMs } = parts;
    const log = patientLog(parts.log, { deadlineMs, clock, signal: this.#working.signal });
    this.#parts = parts;
    this.#ownNoise = new OwnNoise(parts.keyStatements);
    this.#start = whole;
    this.#topics = topics;
    this.#seals = writers.seals;
    this.#writers = [writers.seals, writers.leaves];
    this.#view = new SealsView({
      log,
      topic: topics.seals.name,
      topicId: topics.seals.topicId,
      from: whole.from,
      judge: whole.judge,
      codecs: parts.codecs,
      maxWaitMs: 500,
      deadlineMs: parts.deadlineMs,
      logger: parts.logger,
      lookUp: (needs) => parts.published.holdsSealEnd(needs),
      onOutcome: (outcome, value) => this.#onOutcome(outcome, value),
      onTrouble: (error) => this.#raise('seals', error),
      clock,
      signal: this.#reading.signal,
    });
    const writer = new StatementWriter({ signer, ...writers, view: this.#view });
    // Often enough that a batch is closed soon after its age, seldom enough that an idle partition costs nothing.
    const pollMs = Math.max(20, Math.min(250, limits.ageMs / 4));
    const leavesPartitions = () => this.#topics.leaves.partitions.length;
    this.#sealers = new SealerGroup({ ...parts, log, view: this.#view, writer, pollMs, leavesPartitions }, parts);
    this.done.catch(() => undefined);
  }

  /**
   * Checks the topics, makes the seals topic whole, reads on from the log, makes sure of the key, and begins to seal.
   * @throws LedgerError TOPIC_PARTITIONS, TOPIC_SETTINGS, ROOT_KEY_WRONG, KEY_NOT_VALID (where the log would begin with this key),
   *   UNKNOWN_STATEMENT, SEALS_LOST, and those of the log; KafkaError where Kafka cannot be used
   */
  static async start(parts: SealingParts, signal: AbortSignal): Promise<Sealing> {
    const { log, topics, settings, deadlineMs, clock, logger } = parts;
    const described = await describeTopics(log, topics);
    const unfit = partitionsError(described);
    if (unfit !== null && (!parts.memory.begun || described.seals.partitions.length !== 1)) throw unfit;
    const unsafe = await settingsError(topics, settings);
    // Once it seals, it goes on: a seal is what shows a loss.
    if (unsafe !== null && !parts.memory.begun) throw unsafe;
    const writers = {
      seals: new SafeWriter({ log, topic: topics.seals, deadlineMs, logger }),
      leaves: new SafeWriter({ log, topic: topics.leaves, deadlineMs, logger }),
    };
    let sealing: Sealing;
    try {
      const whole = await restoreStatements({
        ...parts,
        topic: topics.seals,
        topicId: described.seals.topicId,
        seals: writers.seals,
        clock,
        signal,
        distrust: parts.memory.lost,
        onLost: (error) => parts.alarms.raise('seals-lost', error, topics.seals),
      });
      parts.memory.lost = false;
      signal.throwIfAborted();
      sealing = new Sealing(parts, described, writers, whole);
    } catch (error) {
      for (const writer of Object.values(writers)) writer.drop();
      throw asSealsLost(error, topics.seals);
    }
    const abort = () => void sealing.stop();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await sealing.#begin();
    } finally {
      signal.removeEventListener('abort', abort);
    }
    if (unsafe !== null) sealing.#raise('settings', unsafe);
    parts.memory.begun = true;
    return sealing;
  }

  status(): SealStatus {
    return {
      topic: this.#parts.topics.seals,
      readTo: this.#view.nextOffset,
      counts: this.#view.judge.counts,
      partitions: this.#sealers.status(),
    };
  }

  async stop(): Promise<void> {
    this.#ending ??= this.#finish();
    await this.#ending;
  }

  async #begin(): Promise<void> {
    const { keyStatements, signer, topics, memory, logger } = this.#parts;
    this.#view.run().catch((error: unknown) => this.#fail(error));
    try {
      await this.#view.catchUp();
      await this.#putBehind();
      // Of a log that was begun here the root key is known to be right.
      const ownNoise = memory.begun ? Infinity : this.#ownNoise.count;
      const parts = { key: signer.key, view: this.#view, seals: this.#seals, topic: topics.seals, ownNoise, logger };
      await writeKeyStatements(keyStatements, parts);
      if (this.#failure !== null) throw this.#failure.error;
    } catch (error) {
      this.#fail(error);
      await this.#ending;
      throw error;
    }
    this.#caughtUp = true;
    this.#sealers.make(this.#topics.events);
    this.#checkKey();
    this.#watchTopics().catch((error: unknown) => this.#fail(error));
  }

  /**
   * Somebody sealed on in a topic that had just been created anew: those statements count, but lie before what they continue. Who reads the
   * topic without the log knows them only when they follow it.
   */
  async #putBehind(): Promise<void> {
    for (const value of this.#misplaced.take()) await this.#seals.append(0, [{ key: null, value }]);
  }

  #onOutcome(outcome: Outcome, value: Uint8Array | null): void {
    const { logger, topics } = this.#parts;
    switch (outcome.outcome) {
      case 'accepted': {
        const { signed } = outcome;
        if (!this.#caughtUp) {
          this.#misplaced.pending(signed);
          return;
        }
        const { statement } = signed;
        if (statement.kind === 'key') this.#checkKey();
        else if (statement.topic === topics.events) this.#sealers.poke(statement.partition, { ...signed, statement });
        return;
      }
      case 'unknownVersion':
        this.#fail(unknownKind(outcome, topics.seals));
        return;
      case 'contested':
      case 'keyRefused':
        sayIgnored(outcome, logger);
        return;
      case 'noise':
        if (!this.#caughtUp && value !== null) this.#ownNoise.meet(value);
        return;
      case 'repeated':
        if (!this.#caughtUp) this.#misplaced.known(outcome.hash);
        return;
      case 'rubbish':
      case 'race':
      case 'past':
      case 'needsHistory':
      case 'afterUnknown':
    }
  }

  /** Sealing goes on while the key is valid, and stops while it is not: a key statement may change that at any time. */
  #checkKey(): void {
    const { signer, logger } = this.#parts;
    if (this.#ending !== null) return;
    const valid = sealsNow(this.#view.judge, signer.key);
    if (valid && !this.#sealers.isOpen) {
      this.#raise('key', null);
      this.#sealers.open();
    } else if (!valid) {
      const error = keyNotValid(signer.key.vkey);
      this.#raise('key', error);
      logger.error('Nothing is sealed: the seal key is not valid.', { error: error.message });
      this.#sealers.close(error);
    }
  }

  async #watchTopics(): Promise<void> {
    const { topics, deadlineMs, clock, published } = this.#parts;
    const { logStart, size: from, remembered } = this.#start;
    const view = this.#view;
    await watchTopics({
      ...this.#parts,
      logStart,
      logWatch: new LogWatch({ published, view, topic: topics.seals, from, remembered, deadlineMs, clock }),
      onTopics: async (described) => {
        const before = this.#topics.leaves.partitions.length;
        this.#topics = described;
        this.#sealers.make(described.events);
        if (described.leaves.partitions.length > before) this.#sealers.pokeAll();
        await this.#sealers.observe();
      },
      onSettings: (error) => this.#raise('settings', error),
      onWhole: () => this.#mended(),
      signal: this.#working.signal,
    });
  }

  /** The topic holds again all that the log holds, and what was only pending is sealed anew by whoever seals. */
  #mended(): void {
    const { alarms, logger, topics } = this.#parts;
    const alarm = alarms.mended('seals-lost');
    if (alarm === null) return;
    logger.info('The seals topic is whole again: the alarm is over.', { code: alarm.code, topic: topics.seals });
  }

  #raise(about: string, error: unknown): void {
    const { alarms, topics } = this.#parts;
    if (error === null) alarms.clear(about);
    else alarms.raise(about, error, placeOf(error, topics.seals));
  }

  /** Nothing is known any more that sealing could go on from. */
  #fail(error: unknown): void {
    if (this.#failure !== null || this.#ending !== null) return;
    this.#failure = { error };
    // It stands until the topic was made whole and looked at again.
    if (error instanceof LedgerError && error.code === 'SEALS_LOST') {
      this.#raise('seals-lost', error);
      this.#parts.memory.lost = true;
    }
    for (const writer of this.#writers) writer.drop();
    this.#ending = this.#finish();
  }

  async #sealersEnd(withinMs: number): Promise<void> {
    const limit = new AbortController();
    const late = this.#parts.clock.sleep(withinMs, limit.signal).catch(() => undefined);
    await Promise.race([this.#sealers.ended, late]);
    limit.abort();
  }

  async #finish(): Promise<void> {
    const reason = new Error('sealing stops');
    this.#working.abort(reason);
    this.#sealers.close(reason);
    await this.#sealersEnd(stopWithinMs);
    for (const writer of this.#writers) writer.drop();
    this.#reading.abort(reason);
    // One that waits for a broker that does not answer can write nothing any more: it is left behind.
    await this.#sealersEnd(leaveWithinMs);
    // Disturbances of this run are over with it.
    for (const about of ['seals', 'key', 'settings']) this.#raise(about, null);
    if (this.#failure === null) this.#end.resolve();
    else this.#end.reject(this.#failure.error);
  }
}

interface Writers {
  readonly seals: SafeWriter;
  readonly leaves: SafeWriter;
}

function placeOf(error: unknown, otherwise: string): string {
  const topic = error instanceof LedgerError ? error.evidence['topic'] : null;
  return typeof topic === 'string' ? topic : otherwise;
}
