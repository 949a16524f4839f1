import type { Codecs } from '@tallystick/core/codecs';
import { equalBytes } from '@tallystick/core/encoding';
import type { Sha256 } from '@tallystick/core/hash';
import type { Judge, Outcome } from '@tallystick/core/judge';
import type { NoteSigner } from '@tallystick/core/note';
import type { Base64Hash, KeyStatement, SealStatement } from '@tallystick/core/statement-types';
import type { Logger } from '@tallystick/kafka/logger';
import type { RecordLog, TopicDescription, TopicNames } from '@tallystick/kafka/record-log';
import { SafeWriter } from '@tallystick/kafka/safe-writer';
import { setTimeout as pause } from 'node:timers/promises';
import { LatestOnly, writeFileAtomically } from './adapters/atomic-file.ts';
import type { LastStatement, LastStatementsFile } from './adapters/last-statements-file.ts';
import { alarmOf } from './alarms.ts';
import { addsKey } from './domain/key-statement.ts';
import type { BatchLimits } from './domain/limits.ts';
import { topicSettingsError } from './domain/topic-rules.ts';
import { LedgerError } from './errors.ts';
import { PartitionSealer, type SealerContext } from './seal/partition-sealer.ts';
import type { TopicSettings } from './ports/topic-settings.ts';
import { keyNotValid, StatementWriter } from './seal/statement-writer.ts';
import { SealsView } from './seals-view.ts';
import type { Alarm, LedgerStatus } from './status.ts';

const statusEveryMs = 1_000;
const stopWithinMs = 5_000;

export interface LedgerParts {
  readonly log: RecordLog;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly limits: BatchLimits;
  readonly signer: NoteSigner;
  readonly keyStatement: { readonly note: Uint8Array; readonly statement: KeyStatement };
  readonly judge: Judge;
  readonly codecs: Codecs;
  readonly sha256: Sha256;
  readonly settings: TopicSettings | null;
  readonly stateFile: LastStatementsFile;
  /** What the state file says was accepted. */
  readonly expected: readonly LastStatement[];
  readonly statusFile: string;
  readonly logger: Logger;
  readonly onSeal: (seal: SealStatement) => void;
  readonly onClose: () => Promise<void>;
  readonly deadlineMs: number;
  readonly topicCheckMs: number;
}

/** One ledger: the view of the seals topic, a sealer for each partition, and what concerns all of them. */
export class Ledger {
  readonly #parts: LedgerParts;
  readonly #view: SealsView;
  readonly #context: SealerContext;
  readonly #writers: readonly SafeWriter[];
  /** Ends sealing; reading the seals topic goes on for a moment, so that seals under way are confirmed. */
  readonly #sealing = new AbortController();
  readonly #reading = new AbortController();
  readonly #sealers = new Map<number, { readonly sealer: PartitionSealer; readonly ended: Promise<void> }>();
  readonly #alarms = new Map<string, Alarm>();
  /** What the state file says was accepted and the seals topic did not show yet. */
  readonly #missing: Map<Base64Hash, LastStatement>;
  readonly #lastStatements = new Map<string, LastStatement>();
  readonly #stateWrites = new LatestOnly((error) => this.#raise('state-file', this.#notWritten(error)));
  readonly #statusWrites = new LatestOnly((error) => this.#raise('status-file', this.#notWritten(error)));
  readonly #startedAt = Date.now();
  readonly #end = Promise.withResolvers<void>();
  #caughtUp = false;
  #failure: unknown = null;
  #ending: Promise<void> | null = null;
  /** As RunningLedger says. */
  readonly done = this.#end.promise;

  private constructor(parts: LedgerParts, seals: TopicDescription) {
    const { log, topics, signer, judge, codecs, limits, logger, deadlineMs } = parts;
    this.#parts = parts;
    this.#missing = new Map(parts.expected.map((entry) => [entry.hash, entry]));
    this.#view = new SealsView({
      log,
      topic: topics.seals,
      topicId: seals.topicId,
      judge,
      codecs,
      maxWaitMs: 500,
      deadlineMs,
      logger,
      onOutcome: (outcome) => this.#onOutcome(outcome),
      onTrouble: (error) => this.#raise('seals', error),
      signal: this.#reading.signal,
    });
    const sealsWriter = new SafeWriter({ log, topic: topics.seals, deadlineMs, logger });
    const leavesWriter = new SafeWriter({ log, topic: topics.leaves, deadlineMs, logger });
    this.#writers = [sealsWriter, leavesWriter];
    const writer = new StatementWriter({ signer, seals: sealsWriter, leaves: leavesWriter, view: this.#view });
    // Often enough that a batch is closed soon after its age, seldom enough that an idle partition costs nothing.
    const pollMs = Math.max(20, Math.min(250, limits.ageMs / 4));
    this.#context = { ...parts, view: this.#view, writer, pollMs, clock: () => performance.now(), now: Date.now };
    // Who does not look at `done` learns of its failure from the status.
    this.done.catch(() => undefined);
  }

  /** Checks topics, reads all statements, makes sure of the key, and begins to seal. @throws as startLedger */
  static async start(parts: LedgerParts): Promise<Ledger> {
    try {
      const { seals, events } = await checkTopics(parts);
      const ledger = new Ledger(parts, seals);
      await ledger.#begin(events);
      return ledger;
    } catch (error) {
      await parts.onClose();
      throw error;
    }
  }

  status(): LedgerStatus {
    const { origin, signer, topics, judge } = this.#parts;
    return {
      origin,
      key: signer.key.vkey,
      state: this.#ending === null ? 'running' : 'stopped',
      startedAt: this.#startedAt,
      updatedAt: Date.now(),
      seals: { topic: topics.seals, readTo: this.#view.nextOffset, counts: judge.counts },
      alarms: [...this.#alarms.values()],
      partitions: [...this.#sealers.values()].map(({ sealer }) => sealer.status()),
    };
  }

  /** As RunningLedger says. */
  async stop(): Promise<void> {
    this.#ending ??= this.#finish();
    await this.#ending;
  }

  async #begin(events: TopicDescription): Promise<void> {
    this.#view.run().catch((error: unknown) => this.#fail(error));
    try {
      await this.#view.catchUp();
      this.#checkNothingLost();
      await this.#checkKey();
      if (this.#failure !== null) throw this.#failure;
    } catch (error) {
      this.#fail(error);
      await this.#ending;
      throw error;
    }
    this.#caughtUp = true;
    this.#writeState();
    this.#startSealers(events);
    void this.#watchTopic();
    void this.#reportStatus();
  }

  #checkNothingLost(): void {
    const { topics, stateFile } = this.#parts;
    const lost = [...this.#missing.values()];
    if (lost.length === 0) return;
    const named = lost.map(({ chain, hash, offset }) => `${chain}: ${hash}, offset ${offset}`).join('; ');
    const message =
      `The seals topic ${topics.seals} lacks statements that this ledger saw accepted (${named}): it was emptied, created anew or rolled back. ` +
      `Restore it before anything new is sealed; ${stateFile.file} only tells that they were there.`;
    throw new LedgerError('SEALS_LOST', message, { evidence: { topic: topics.seals, expected: lost }, fatal: true });
  }

  async #checkKey(): Promise<void> {
    const { judge, signer, keyStatement, topics, logger } = this.#parts;
    if (judge.keys.nextNumber === 0) {
      if (judge.counts.noise > 0) {
        const message = `${topics.seals} holds ${judge.counts.noise} statements, but none is signed by the root key given or a key that it vouches for. Give the root key of this log, or another topic.`;
        throw new LedgerError('ROOT_KEY_WRONG', message, { evidence: { topic: topics.seals, found: judge.counts } });
      }
      // Nothing is written that would begin a log for a key that cannot seal it.
      if (!addsKey(keyStatement.statement, signer.key))
        throw keyNotValid(signer.key.vkey, { expected: keyStatement.statement.key });
      const [seals] = this.#writers;
      const appended = await seals?.append(0, [{ key: null, value: keyStatement.note }]);
      await this.#view.readTo((appended?.baseOffset ?? 0) + 1);
      logger.info('Wrote key statement 0.', { topic: topics.seals });
    }
    if (!this.#keyIsValid()) throw keyNotValid(signer.key.vkey);
  }

  #keyIsValid(): boolean {
    const { judge, signer } = this.#parts;
    return judge.validKeys('seal').some(({ publicKey }) => equalBytes(publicKey, signer.key.publicKey));
  }

  #onOutcome(outcome: Outcome): void {
    const { logger, topics } = this.#parts;
    switch (outcome.outcome) {
      case 'accepted': {
        const { statement, hash, place } = outcome.signed;
        const chain = statement.kind === 'key' ? 'keys' : `${statement.topic}/${statement.partition}`;
        this.#lastStatements.set(chain, { chain, hash, offset: place.offset });
        this.#missing.delete(hash);
        if (!this.#caughtUp) return;
        this.#writeState();
        if (statement.kind === 'key' && !this.#keyIsValid()) this.#fail(keyNotValid(this.#parts.signer.key.vkey));
        return;
      }
      case 'unknownVersion': {
        const message = `${topics.seals} holds a valid ${JSON.stringify(outcome.kind)} at offset ${outcome.place.offset}, which this release does not know.`;
        this.#fail(
          new LedgerError('UNKNOWN_STATEMENT', message, {
            evidence: { topic: topics.seals, offset: outcome.place.offset },
            fatal: true,
          }),
        );
        return;
      }
      case 'contested': {
        const { signed, why } = outcome.contested;
        const { kind } = signed.statement;
        logger.warn('A valid statement does not continue: a lost race or a fork. A verification tells.', {
          offset: signed.place.offset,
          kind,
          why,
        });
        return;
      }
      case 'keyRefused':
        logger.warn('A key statement has no effect.', { offset: outcome.signed.place.offset, why: outcome.why });
        return;
      case 'repeated':
      case 'rubbish':
      case 'noise':
      case 'race':
      case 'afterUnknown':
    }
  }

  #startSealers({ partitions }: TopicDescription): void {
    for (const { partition } of partitions) {
      if (this.#sealers.has(partition)) continue;
      const sealer = new PartitionSealer(this.#context, partition);
      this.#sealers.set(partition, { sealer, ended: sealer.run(this.#sealing.signal) });
    }
  }

  /**
   * A topic may be given more partitions at any time: each is sealed from its own genesis on. Settings that were made unsafe meanwhile
   * are an alarm; what still arrives is sealed, for a seal is what shows a loss.
   */
  async #watchTopic(): Promise<void> {
    const { log, topics, topicCheckMs, logger } = this.#parts;
    const { signal } = this.#sealing;
    while (!signal.aborted) {
      try {
        await pause(topicCheckMs, undefined, { signal });
        this.#startSealers(await log.describeTopic(topics.events));
        for (const { sealer } of this.#sealers.values()) await sealer.observe();
        this.#raise('settings', await settingsError(this.#parts));
      } catch (error) {
        if (signal.aborted) return;
        // The sealers meet the same trouble, and say so.
        logger.warn('The topics could not be asked for their partitions and settings.', { error: String(error) });
      }
    }
  }

  async #reportStatus(): Promise<void> {
    const { signal } = this.#sealing;
    while (!signal.aborted) {
      this.#writeStatus();
      await pause(statusEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #writeStatus(): void {
    this.#statusWrites.run(async () => {
      await writeFileAtomically(this.#parts.statusFile, `${JSON.stringify(this.status(), null, 2)}\n`);
      this.#raise('status-file', null);
    });
  }

  #writeState(): void {
    this.#stateWrites.run(async () => {
      await this.#parts.stateFile.write([...this.#lastStatements.values()]);
      this.#raise('state-file', null);
    });
  }

  #notWritten(cause: unknown): LedgerError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new LedgerError('STATE_NOT_WRITTEN', `A file of the state folder could not be written: ${why}`, { cause });
  }

  #raise(about: string, error: unknown): void {
    if (error === null) {
      this.#alarms.delete(about);
      return;
    }
    const since = this.#alarms.get(about)?.since ?? Date.now();
    const place = about.endsWith('-file') ? about : placeOf(error, this.#parts.topics.seals);
    this.#alarms.set(about, alarmOf(error, place, since));
  }

  /** Nothing is known any more that sealing could go on from: everything stops. */
  #fail(error: unknown): void {
    if (this.#failure !== null || this.#ending !== null) return;
    this.#failure = error;
    this.#raise('ledger', error);
    this.#parts.logger.error('The ledger stops.', { error: error instanceof Error ? error.message : String(error) });
    for (const writer of this.#writers) writer.drop();
    this.#ending = this.#finish();
  }

  async #finish(): Promise<void> {
    const reason = new Error('the ledger stops');
    this.#sealing.abort(reason);
    const sealersEnded = Promise.all([...this.#sealers.values()].map(({ ended }) => ended));
    const limit = new AbortController();
    await Promise.race([sealersEnded, pause(stopWithinMs, undefined, { signal: limit.signal }).catch(() => undefined)]);
    limit.abort();
    for (const writer of this.#writers) writer.drop();
    this.#reading.abort(reason);
    await sealersEnded;
    await this.#stateWrites.idle();
    this.#writeStatus();
    await this.#statusWrites.idle();
    await this.#parts.onClose();
    if (this.#failure === null) this.#end.resolve();
    else this.#end.reject(this.#failure);
  }
}

function placeOf(error: unknown, otherwise: string): string {
  const topic = error instanceof LedgerError ? error.evidence['topic'] : null;
  return typeof topic === 'string' ? topic : otherwise;
}

async function checkTopics({
  log,
  topics,
  settings,
}: LedgerParts): Promise<{ events: TopicDescription; seals: TopicDescription }> {
  const events = await log.describeTopic(topics.events);
  const seals = await log.describeTopic(topics.seals);
  const leaves = await log.describeTopic(topics.leaves);
  const partitions = {
    events: events.partitions.length,
    seals: seals.partitions.length,
    leaves: leaves.partitions.length,
  };
  if (partitions.seals !== 1 || partitions.leaves < partitions.events) {
    const message = `${topics.seals} has ${partitions.seals} partitions, and must have 1; ${topics.leaves} has ${partitions.leaves}, and must have the ${partitions.events} of ${topics.events}. Create the topic anew, or add partitions to the leaves topic.`;
    throw new LedgerError('TOPIC_PARTITIONS', message, { evidence: { topics, found: partitions } });
  }
  const wrong = await settingsError({ topics, settings });
  if (wrong !== null) throw wrong;
  return { events, seals };
}

/** What is wrong with the settings of the first topic that has any wrong; null where all is well or they cannot be asked for. */
async function settingsError({
  topics,
  settings,
}: Pick<LedgerParts, 'topics' | 'settings'>): Promise<LedgerError | null> {
  if (settings === null) return null;
  for (const topic of Object.values(topics)) {
    const wrong = topicSettingsError(topic, await settings.describe(topic));
    if (wrong !== null) return wrong;
  }
  return null;
}
