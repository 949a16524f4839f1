import { equalBytes } from '@tallystick/core/encoding';
import { quorumReached, quorumTime, type Policy } from '@tallystick/core/policy';
import type { Logger } from '@tallystick/kafka/logger';
import type { AlarmBoard } from '../alarm-board.ts';
import { canPass } from '../alarms.ts';
import { LedgerError } from '../errors.ts';
import { maxCheckpointBytes } from '../ports/checkpoint-store.ts';
import type { Clock } from '../ports/clock.ts';
import { retryPause } from '../retry.ts';
import { AskedWitness, type Witness, type WitnessStatus } from './asked-witness.ts';
import { Candidate } from './candidate.ts';
import { logForked, rolledBack } from './log-errors.ts';
import { lookNow } from './recently.ts';
import { newestHead, openHead, type LogPlace, type SignedHead } from './stored-log.ts';
import { Wake } from './wake.ts';

export type { Witness, WitnessStatus } from './asked-witness.ts';

const tickMs = 1_000;
/** How often it is looked whether what was published still is: the folder may be put back to an older state. */
const lookEveryMs = 30_000;

export interface PublishedCheckpointOptions {
  readonly place: LogPlace;
  readonly policy: Policy | null;
  readonly witnesses: readonly Witness[];
  /** How old the cosignatures of an unchanged checkpoint may get. */
  readonly recosignMs: number;
  /** How long the published checkpoint may lag behind the stored one. */
  readonly quorumLateMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly alarms: AlarmBoard;
  readonly signal: AbortSignal;
}

/**
 * Publishes `/checkpoint`: the newest stored one, once the quorum of the policy has cosigned it (at once without one). Neither sealing nor
 * storing checkpoints ever waits for it. One candidate is taken to the witnesses at a time, so that a quorum is reached on one and the same
 * checkpoint however fast the log grows; one request per witness is in flight, so a slow one holds up nobody but itself.
 */
export class PublishedCheckpoint {
  readonly #options: PublishedCheckpointOptions;
  readonly #witnesses: readonly AskedWitness[];
  readonly #wake = new Wake();
  #newest: SignedHead | null = null;
  #candidate: Candidate | null = null;
  #published: SignedHead | null = null;
  /** Wall clock. */
  #publishedAt: number | null = null;
  /** Monotonic: since when nothing was published although there is something newer. */
  #lateSince: number | null = null;
  /** Monotonic. */
  #lookAgainAt = Infinity;
  /** A witness says that it cosigned what this publisher does not know; not looked at yet. */
  #ahead = false;

  constructor(options: PublishedCheckpointOptions) {
    this.#options = options;
    const asking = {
      ...options,
      store: options.place.store,
      onAhead: () => {
        this.#ahead = true;
      },
    };
    this.#witnesses = options.witnesses.map((witness) => new AskedWitness(witness, asking));
  }

  /** The checkpoint that is published, or null before the first. */
  get published(): SignedHead | null {
    return this.#published;
  }

  get publishedAt(): number | null {
    return this.#publishedAt;
  }

  /** The newest time at which the quorum stood, unix seconds; null without a quorum. */
  get quorumTime(): number | null {
    const { policy } = this.#options;
    return policy === null || this.#candidate === null ? null : quorumTime(policy, this.#candidate.cosigned);
  }

  witnesses(): WitnessStatus[] {
    return this.#witnesses.map((witness) => witness.status());
  }

  /**
   * Looks at what is published now. One that no log key held signed does not count: it is replaced.
   * @throws LedgerError of the store
   */
  async look(): Promise<SignedHead | null> {
    const { place, logger } = this.#options;
    const note = await place.store.read('checkpoint', maxCheckpointBytes);
    if (note === null) return null;
    try {
      this.#published = openHead(note, place, 'published checkpoint');
    } catch (error) {
      logger.warn('What is published as the checkpoint is none of this log, and is replaced.', {
        error: String(error),
      });
      return null;
    }
    return this.#published;
  }

  /** A newer checkpoint was stored. */
  offer(head: SignedHead): void {
    if (this.#newest !== null && head.size <= this.#newest.size) return;
    this.#newest = head;
    this.#wake.notify();
  }

  /**
   * Publishes until the signal ends it, then it resolves.
   * @throws LedgerError CHECKPOINT_ROLLED_BACK, LOG_FORKED, and those of the stores that cannot pass
   */
  async run(): Promise<void> {
    const { clock, signal, alarms, logger } = this.#options;
    try {
      for (let attempt = 0; !signal.aborted;) {
        try {
          await this.#step();
          alarms.clear('checkpoint');
          attempt = 0;
          await this.#wake.wait(tickMs, clock, signal);
        } catch (error) {
          if (signal.aborted) break;
          if (!canPass(error)) throw error;
          alarms.raise('checkpoint', error, 'checkpoint');
          logger.warn('The checkpoint could not be published and is tried again.', { error: String(error) });
          await retryPause(attempt, signal, clock).catch(() => undefined);
          attempt += 1;
        }
      }
    } finally {
      for (const about of ['checkpoint', 'quorum']) alarms.clear(about);
      for (const witness of this.#witnesses) witness.clearAlarm();
    }
    await Promise.all(this.#witnesses.map(async ({ busy }) => await busy));
  }

  async #step(): Promise<void> {
    if (this.#ahead) await this.#checkAhead();
    await this.#lookAgain();
    this.#choose();
    if (this.#candidate?.due === true) {
      await this.#publish(this.#candidate);
      // It may be time for a newer one at once.
      this.#choose();
    }
    const candidate = this.#candidate;
    if (candidate !== null) for (const witness of this.#witnesses) witness.ask(candidate, () => this.#wake.notify());
    this.#watchLag();
  }

  /** The candidate is kept while its quorum can still come from the requests under way. */
  #choose(): void {
    const { policy } = this.#options;
    const newest = this.#newest;
    const candidate = this.#candidate;
    if (newest === null || candidate?.head === newest) return;
    if (candidate !== null && candidate.dirty && (this.#published?.size ?? -1) < candidate.head.size) {
      if (candidate.due || this.#witnesses.some((witness) => witness.mayCosign(candidate))) return;
    }
    this.#candidate = new Candidate(newest, policy);
    this.#takeOver(this.#candidate);
  }

  #takeOver(candidate: Candidate): void {
    const published = this.#published;
    if (published === null || published.size !== candidate.head.size) return;
    const keys = this.#witnesses.map(({ witness: { witness } }) => witness.key);
    candidate.takeOver(published.note, keys, this.#options.place.verify);
    if (candidate.due && equalBytes(candidate.note, published.note)) candidate.dirty = false;
  }

  /** The published one never gets smaller: what is there is looked at before, and whether there is a newer one after. */
  async #publish(candidate: Candidate): Promise<void> {
    const { place, clock } = this.#options;
    const { size, root } = candidate.head;
    const { found: before } = await lookNow(async () => await this.look(), clock);
    if (before !== null && before.size > size) {
      candidate.dirty = false;
    } else {
      if (before !== null && before.size === size && !equalBytes(before.root, root))
        throw logForked(`The published checkpoint of size ${size}`, { size, expected: root, found: before.root });
      this.#takeOver(candidate);
      const { note } = candidate;
      candidate.dirty = false;
      try {
        if (before === null || !equalBytes(before.note, note)) await place.store.write('checkpoint', note);
      } catch (error) {
        candidate.dirty = true;
        throw error;
      }
      this.#published = { size, root, note };
      this.#publishedAt = clock.now();
      this.#lateSince = null;
    }
    this.#lookAgainAt = Math.min(this.#lookAgainAt, clock.monotonic() + tickMs);
  }

  /**
   * Another publisher may have published a larger one between the look and the write here, or a smaller one over this since: a moment
   * later the newest stored one says so.
   */
  async #lookAgain(): Promise<void> {
    const { place, clock } = this.#options;
    if (clock.monotonic() < this.#lookAgainAt) return;
    // In this order: what is published was stored before.
    const published = await this.look();
    const newest = await newestHead(place);
    if (published !== null && (newest === null || newest.size < published.size))
      throw rolledBack('The published checkpoint', published.size, newest?.size ?? null);
    if (newest !== null) this.offer(newest);
    const candidate = this.#candidate;
    if (candidate !== null && (published === null || published.size < candidate.head.size)) candidate.dirty = true;
    this.#lookAgainAt = clock.monotonic() + lookEveryMs;
  }

  /**
   * Witnesses say that they cosigned a larger tree. Another publisher may have stored one meanwhile; where not, what they saw is gone from the
   * store, or they lie. Where the quorum can be reached without them it is an alarm: else any listed witness could end publishing. Where it
   * cannot, nothing could be published anyway, and going on would be a second history.
   * @throws LedgerError CHECKPOINT_ROLLED_BACK
   */
  async #checkAhead(): Promise<void> {
    this.#ahead = false;
    const newest = await newestHead(this.#options.place).catch((error: unknown) => {
      this.#ahead = true;
      throw error;
    });
    const stored = newest?.size ?? null;
    const honest = new Set<string>();
    const doubted: { readonly witness: AskedWitness; readonly size: number }[] = [];
    let known = 0;
    for (const witness of this.#witnesses) {
      const size = witness.ahead;
      if (size !== null && (stored === null || stored < size)) {
        doubted.push({ witness, size });
        continue;
      }
      honest.add(witness.witness.witness.key.vkey);
      known = Math.max(known, size ?? 0);
      if (size !== null) witness.caughtUp();
    }
    const [first] = doubted;
    const { policy } = this.#options;
    if (first !== undefined && policy !== null && !quorumReached(policy, honest)) {
      const { name } = first.witness.witness.witness;
      throw rolledBack(`What the witness ${name} says that it cosigned`, first.size, stored);
    }
    for (const { witness } of doubted) witness.disbelieve(stored);
    if (newest !== null) this.offer(newest);
    // No witness cosigns a smaller one any more.
    if (this.#candidate !== null && this.#candidate.head.size < known) this.#candidate = null;
  }

  #watchLag(): void {
    const { clock, alarms, quorumLateMs, policy } = this.#options;
    const now = clock.monotonic();
    const late = this.#newest !== null && (this.#published?.size ?? -1) < this.#newest.size;
    if (!late) this.#lateSince = null;
    else this.#lateSince ??= now;
    const since = this.#lateSince;
    if (since === null) alarms.clear('quorum');
    if (since === null || policy === null || policy.quorum === 'none' || now - since < quorumLateMs) return;
    const message = `The published checkpoint has size ${this.#published?.size ?? 'none'}, the stored one ${this.#newest?.size}: the witnesses' quorum has not been reached for ${Math.round((now - since) / 1_000)} s.`;
    const cosigned = this.#candidate?.cosigned.map(({ key }) => key.name) ?? [];
    const evidence = { published: this.#published?.size ?? null, stored: this.#newest?.size, cosigned };
    alarms.raise('quorum', new LedgerError('WITNESS_QUORUM', message, { evidence, retriable: true }), 'checkpoint');
  }
}
