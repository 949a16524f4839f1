import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeBase64 } from '@tallystick/core/encoding';
import type { NoteSigner, VerifierKey } from '@tallystick/core/note';
import { quorumReached, type Policy } from '@tallystick/core/policy';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { silentLogger, type Logger } from '@tallystick/kafka/logger';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { AlarmBoard } from '../alarm-board.ts';
import { asTallystickError, canPass } from '../alarms.ts';
import { LedgerError } from '../errors.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { systemClock, type Clock } from '../ports/clock.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RunningRole } from '../ports/role.ts';
import { retryPause } from '../retry.ts';
import { asSealsLost } from '../seals-lost.ts';
import type { PublishStatus } from './publish-status.ts';
import { checkSigners } from './log-signers.ts';
import { lossAlarms, watchLosses } from './loss-watch.ts';
import { PartialTiles } from './partial-tiles.ts';
import { PublishSession } from './publish-session.ts';
import { isReopened, Reopen } from './reopen.ts';
import type { SessionParts } from './session-parts.ts';
import { PublishedCheckpoint, type Witness } from './published-checkpoint.ts';
import type { SeenCheckpoint } from './seen-checkpoint.ts';
import { openSession } from './session-start.ts';
import { SeenHeads } from './seen-heads.ts';
import { WitnessClient } from './witnesses.ts';
import type { StoredHead } from './stored-log.ts';

export type { PublishStatus } from './publish-status.ts';

/** How often in a row the log is opened anew without getting on. */
const mostOpenings = 8;

export interface PublisherOptions {
  /** Stays the caller's to close. */
  readonly log: RecordLog;
  readonly topics: { readonly seals: string };
  readonly origin: string;
  readonly rootKey: VerifierKey;
  /** Stay the caller's to close. */
  readonly stores: { readonly store: LogStore; readonly checkpoints: CheckpointStore };
  /** What a stored checkpoint or snapshot may be signed by; the keys of `signers` are among them. */
  readonly logKeys: readonly VerifierKey[];
  /** One; while keys are rotated the old and the new one. */
  readonly signers: readonly NoteSigner[];
  readonly policy?: Policy | null;
  /** Who is asked. Default: the witnesses of the policy that have a URL. */
  readonly witnesses?: readonly Witness[];
  /** How often a checkpoint is made while there is something new. Default 250 ms. */
  readonly publishMs?: number;
  /** How often the snapshot is renewed at most. Default 1,000 ms. */
  readonly snapshotMs?: number;
  /** How old cosignatures of an unchanged checkpoint may get. Default 10 minutes. */
  readonly recosignMs?: number;
  /** How long the published checkpoint may lag behind the stored one before it is an alarm. Default 30,000 ms. */
  readonly quorumLateMs?: number;
  /** How long partial tiles stay after their full one is published. Default 60,000 ms. */
  readonly graceMs?: number;
  /** Accepted statements that are held before reading waits for publishing. Default 4,096. */
  readonly maxPending?: number;
  readonly deadlineMs?: number;
  readonly seen: SeenCheckpoint;
  /** The strict Ed25519 check; default: Node's. */
  readonly verify?: Ed25519Verify;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where alarms are raised. Default: a board of its own; the status lists them either way. */
  readonly alarms?: AlarmBoard;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
}

/**
 * The role that publishes: the only one that writes the log. It resolves once the log was opened and checked; what it cannot go on from
 * rejects `done`, and nothing but publishing stops with it.
 *
 * @throws LedgerError CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_ROLLED_BACK, LOG_FORKED, LOG_DAMAGED, LOG_REFUSED, UNKNOWN_STATEMENT,
 *   and those of the stores; KafkaError where the seals topic cannot be read
 */
export async function startPublisher(options: PublisherOptions): Promise<RunningRole<PublishStatus>> {
  const publisher = new Publisher(options);
  await publisher.begin();
  return publisher;
}

class Publisher implements RunningRole<PublishStatus> {
  readonly #parts: SessionParts & { readonly rootKey: VerifierKey };
  readonly #stopping = new AbortController();
  readonly #alarms: AlarmBoard;
  readonly #published: PublishedCheckpoint;
  readonly #partial: PartialTiles;
  readonly #seen: SeenHeads;
  readonly #end = Promise.withResolvers<void>();
  readonly done = this.#end.promise;
  #session: PublishSession | null = null;
  #head: StoredHead | null = null;
  #checkpointAt: number | null = null;
  #stored = 0;
  #entries = 0;
  #openings = 0;
  #toldToStop = false;
  /** Is a session under way? */
  #isOpen = false;

  constructor(options: PublisherOptions) {
    const { log, topics, origin, rootKey, stores, logKeys, signers, policy = null, seen, signal } = options;
    const { clock = systemClock, logger = silentLogger, alarms = new AlarmBoard(clock), deadlineMs = 30_000 } = options;
    checkSigners(signers, logKeys);
    const witnesses = options.witnesses ?? witnessesOf(policy, clock);
    checkQuorum(policy, witnesses);
    const { verify = nodeVerifyEd25519 } = options;
    const place = { ...stores, origin, logKeys, verify };
    const stopping = this.#stopping.signal;
    this.#alarms = alarms;
    this.#seen = new SeenHeads(seen, place, alarms, logger);
    this.#partial = new PartialTiles(stores.store, clock, options.graceMs ?? 60_000);
    this.#published = new PublishedCheckpoint({
      place,
      policy,
      clock,
      logger,
      alarms,
      signal: stopping,
      witnesses,
      recosignMs: options.recosignMs ?? 600_000,
      quorumLateMs: options.quorumLateMs ?? 30_000,
    });
    this.#parts = {
      place,
      signers,
      log,
      rootKey,
      clock,
      logger,
      alarms,
      deadlineMs,
      topic: topics.seals,
      codecs: nodeCodecs,
      publishMs: options.publishMs ?? 250,
      snapshotMs: options.snapshotMs ?? 1_000,
      maxPending: options.maxPending ?? 4_096,
      onStored: (head, objects) => {
        if (objects.length > 0 || head.size === 0) this.#stored += 1;
        if (objects.length > 0) this.#entries += head.size - (this.#head?.size ?? 0);
        this.#partial.wrote(objects, head.size);
        this.#took(head);
      },
    };
    this.done.catch(() => undefined);
    signal?.addEventListener('abort', () => this.#stopping.abort(signal.reason), { once: true });
    if (signal?.aborted === true) this.#stopping.abort(signal.reason);
  }

  async begin(): Promise<void> {
    const session = await this.#open();
    await this.#partial.findOld(session.size);
    const signal = this.#stopping.signal;
    const losses = watchLosses({ ...this.#parts, isOpen: () => this.#isOpen, signal });
    const tasks = [this.#publish(session), this.#published.run(), this.#collect(), losses];
    for (const task of tasks) task.catch((error: unknown) => this.#stopping.abort(error));
    void Promise.allSettled(tasks).then(async (results) => {
      await this.#seen.idle();
      // Disturbances of this run are over with it: the next one keeps its own.
      for (const about of ['seen checkpoint', 'snapshot', 'partial tiles']) this.#alarms.clear(about);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed === undefined || this.#toldToStop) this.#end.resolve();
      else this.#end.reject(failed.reason);
    });
  }

  status(): PublishStatus {
    const published = this.#published;
    return {
      size: this.#head?.size ?? 0,
      root: this.#head === null ? null : encodeBase64(this.#head.root),
      publishedSize: published.published?.size ?? null,
      publishedAt: published.publishedAt,
      checkpointAt: this.#checkpointAt,
      quorumTime: published.quorumTime,
      pending: this.#session?.pending ?? 0,
      readTo: this.#session?.nextOffset ?? 0,
      witnesses: published.witnesses(),
      counts: { checkpoints: this.#stored, entries: this.#entries, openings: this.#openings },
      alarms: this.#alarms.list(),
    };
  }

  async stop(): Promise<void> {
    this.#toldToStop = true;
    this.#stopping.abort(new Error('the publisher stops'));
    await this.done.catch(() => undefined);
  }

  /** Opens the log and checks it against all that was seen signed. */
  async #open(): Promise<PublishSession> {
    const { signal } = this.#stopping;
    const start = await openSession({
      ...this.#parts,
      seen: this.#seen,
      look: async () => await this.#published.look(),
      signal,
    }).catch((error: unknown) => {
      throw asSealsLost(error, this.#parts.topic);
    });
    if (start.head !== null) this.#took(start.head);
    this.#openings += 1;
    return (this.#session = new PublishSession(this.#parts, start, signal));
  }

  #took(head: StoredHead): void {
    if (head.size > (this.#head?.size ?? -1)) this.#checkpointAt = this.#parts.clock.now();
    this.#head = head;
    this.#seen.take(head);
    this.#published.offer(head);
  }

  /** One session after the other, for as long as opening the log anew can mend what ended the one before. */
  async #publish(first: PublishSession): Promise<void> {
    const { clock, logger, alarms, publishMs } = this.#parts;
    const { signal } = this.#stopping;
    let next: PublishSession | null = first;
    for (let attempt = 0; !signal.aborted;) {
      let from = this.#head?.size ?? 0;
      try {
        const session: PublishSession = next ?? (await this.#open());
        next = null;
        from = session.size;
        this.#isOpen = true;
        await session.run();
      } catch (error) {
        this.#isOpen = false;
        if (signal.aborted) return;
        const passes = canPass(error) || error instanceof Reopen;
        // Who got on is not in trouble; who does not for long has met what opening does not mend.
        attempt = (this.#head?.size ?? 0) > from ? 0 : attempt + 1;
        if (!passes && (!isReopened(error) || attempt > mostOpenings)) throw error;
        logger.warn('The log is opened anew.', { error: String(error) });
        const { code } = asTallystickError(error);
        if (code === 'SEALS_LOST' || code === 'LOG_DAMAGED') alarms.raise(lossAlarms[code], error, 'publish');
        const pause = attempt < 2 ? clock.sleep(publishMs, signal) : retryPause(attempt, signal, clock);
        await pause.catch(() => undefined);
      }
    }
  }

  /** Removes partial tiles that nobody needs; no trouble with that keeps anything else from going on. */
  async #collect(): Promise<void> {
    const { clock, logger, alarms } = this.#parts;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(1_000, signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#seen.again();
      try {
        await this.#partial.collect(this.#published.published?.size ?? 0);
        alarms.clear('partial tiles');
      } catch (error) {
        if (!canPass(error)) logger.warn('Old partial tiles could not be removed.', { error: String(error) });
        alarms.raise('partial tiles', error, 'tile');
      }
    }
  }
}

/** Those who are asked must be able to reach the quorum, or nothing would ever be published. @throws LedgerError CONFIG_INVALID */
function checkQuorum(policy: Policy | null, witnesses: readonly Witness[]): void {
  if (policy === null || quorumReached(policy, new Set(witnesses.map(({ witness }) => witness.key.vkey)))) return;
  throw new LedgerError(
    'CONFIG_INVALID',
    'The witnesses of the policy that have a URL cannot reach its quorum: nothing would ever be published. Give the others their URLs.',
    { evidence: { setting: 'policy', found: witnesses.map(({ witness }) => witness.name) } },
  );
}

function witnessesOf(policy: Policy | null, clock: Clock): Witness[] {
  return (policy?.witnesses ?? []).flatMap(({ name, key, url }) =>
    url === null ? [] : [new WitnessClient({ name, key, url }, { now: () => clock.now() })],
  );
}
