import { claims, parseNote, type NoteSignature } from '@tallystick/core/note';
import { addSignatures, verifiedCosignatures, type Cosigned } from '@tallystick/core/cosignature';
import { equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { quorumReached, quorumTime, type Policy } from '@tallystick/core/policy';
import { consistencyPathFromTiles } from '@tallystick/core/tiles';
import type { Logger } from '@tallystick/kafka/logger';
import type { AlarmBoard } from '../alarm-board.ts';
import { canPass } from '../alarms.ts';
import { LedgerError } from '../errors.ts';
import { maxCheckpointBytes } from '../ports/checkpoint-store.ts';
import type { Clock } from '../ports/clock.ts';
import { retryPause } from '../retry.ts';
import { logForked, rolledBack } from './log-errors.ts';
import { newestHead, openHead, tileFetcher, type LogPlace, type SignedHead } from './stored-log.ts';
import { Wake } from './wake.ts';
import type { WitnessClient } from './witnesses.ts';

const tickMs = 1_000;
const maxBackoffMs = 30_000;

export type Witness = Pick<WitnessClient, 'witness' | 'ask'>;

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

export interface WitnessStatus {
  readonly name: string;
  readonly vkey: string;
  /** The size that it cosigned last, as far as this publisher asked; null: none yet. */
  readonly cosignedSize: number | null;
  /** Of that cosignature, unix seconds. */
  readonly cosignedAt: number | null;
  /** Why it did not cosign when it was asked last. */
  readonly error: string | null;
}

/** What this publisher wants to publish next: a stored checkpoint, and who cosigned it. */
interface Candidate {
  readonly head: SignedHead;
  readonly text: string;
  readonly lines: Map<string, NoteSignature>;
  readonly cosigned: Map<string, Cosigned>;
  /** Has lines that are not published. */
  dirty: boolean;
}

interface Asked {
  readonly witness: Witness;
  busy: Promise<void> | null;
  /** Monotonic milliseconds. */
  retryAt: number;
  failures: number;
  /** The candidate that it cosigned last, and when it is to be asked again. */
  done: Candidate | null;
  again: number;
  size: number | null;
  time: number | null;
  error: string | null;
}

/**
 * Publishes `/checkpoint`: the newest stored one, once the quorum of the policy has cosigned it (at once without one). Neither sealing nor
 * storing checkpoints ever waits for it. One candidate is taken to the witnesses at a time, so that a quorum is reached on one and the same
 * checkpoint however fast the log grows; one request per witness is in flight, so a slow one holds up nobody but itself.
 */
export class PublishedCheckpoint {
  readonly #options: PublishedCheckpointOptions;
  readonly #asked: readonly Asked[];
  readonly #wake = new Wake();
  #newest: SignedHead | null = null;
  #candidate: Candidate | null = null;
  #published: SignedHead | null = null;
  /** Wall clock. */
  #publishedAt: number | null = null;
  /** Monotonic: since when the newest one is not published. */
  #lateSince: number | null = null;
  #lookAgainAt = Infinity;
  /** What a witness says that it cosigned, and that this publisher does not know. */
  #ahead: { readonly witness: string; readonly size: number } | null = null;

  constructor(options: PublishedCheckpointOptions) {
    this.#options = options;
    this.#asked = options.witnesses.map((witness) => ({
      witness,
      busy: null,
      retryAt: -Infinity,
      failures: 0,
      done: null,
      again: Infinity,
      size: null,
      time: null,
      error: null,
    }));
  }

  /** The checkpoint that is published, or null before the first. */
  get published(): SignedHead | null {
    return this.#published;
  }

  get publishedAt(): number | null {
    return this.#publishedAt;
  }

  witnesses(): WitnessStatus[] {
    return this.#asked.map(({ witness: { witness }, size, time, error }) => ({
      name: witness.name,
      vkey: witness.key.vkey,
      cosignedSize: size,
      cosignedAt: time,
      error,
    }));
  }

  /**
   * Looks at what is published now. One that no log key held signed does not count: it is replaced.
   * @throws LedgerError of the store
   */
  async look(): Promise<SignedHead | null> {
    const { place, logger } = this.#options;
    const note = await this.#read();
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
    let attempt = 0;
    try {
      while (!signal.aborted) {
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
      for (const { witness } of this.#asked) alarms.clear(aboutWitness(witness));
    }
    await Promise.all(this.#asked.map(async ({ busy }) => await busy));
  }

  async #step(): Promise<void> {
    if (this.#ahead !== null) await this.#checkAhead(this.#ahead);
    await this.#lookAgain();
    this.#choose();
    const candidate = this.#candidate;
    if (candidate !== null) {
      if (this.#isDue(candidate)) await this.#publish(candidate);
      // It may be time for a newer one at once.
      this.#choose();
    }
    this.#askWitnesses();
    this.#watchLag();
  }

  /** The candidate is kept while its quorum can still come from the requests under way. */
  #choose(): void {
    const { clock } = this.#options;
    const newest = this.#newest;
    const candidate = this.#candidate;
    if (newest === null || candidate?.head === newest) return;
    if (candidate !== null && !this.#isPublished(candidate)) {
      const hopeful = this.#asked.some(
        (asked) => asked.done !== candidate && (asked.busy !== null || asked.retryAt <= clock.monotonic()),
      );
      if (this.#isDue(candidate) || hopeful) return;
    }
    const { text } = parseNote(newest.note);
    this.#candidate = { head: newest, text, lines: new Map(), cosigned: new Map(), dirty: true };
    this.#takeOver(this.#candidate);
  }

  /** After a restart, or where another publisher was first: cosignatures that are published count. */
  #takeOver(candidate: Candidate): void {
    const { place } = this.#options;
    const published = this.#published;
    if (published === null || published.size !== candidate.head.size) return;
    const { text, signatures } = parseNote(published.note);
    if (text !== candidate.text) return;
    for (const { witness } of this.#witnessKeys()) {
      const { key } = witness;
      const line = signatures.find((one) => claims(one, key));
      if (line === undefined || candidate.lines.has(key.vkey)) continue;
      try {
        const [cosigned] = verifiedCosignatures({ text, signatures: [line] }, [key], place.verify);
        if (cosigned === undefined) continue;
        candidate.lines.set(key.vkey, line);
        candidate.cosigned.set(key.vkey, cosigned);
      } catch (error) {
        // Whoever wrote it: it is not carried on.
        if (!(error instanceof CoreError)) throw error;
      }
    }
    candidate.dirty = !this.#reached(candidate) || !equalBytes(this.#noteOf(candidate), published.note);
  }

  #witnessKeys(): { witness: Witness['witness'] }[] {
    return this.#asked.map(({ witness }) => witness);
  }

  #reached({ cosigned }: Candidate): boolean {
    const { policy } = this.#options;
    return policy === null || quorumReached(policy, new Set(cosigned.keys()));
  }

  #isDue(candidate: Candidate): boolean {
    return candidate.dirty && this.#reached(candidate);
  }

  #isPublished({ head, dirty }: Candidate): boolean {
    return !dirty || (this.#published !== null && this.#published.size >= head.size);
  }

  #noteOf({ head, lines }: Candidate): Uint8Array {
    return lines.size === 0 ? head.note : addSignatures(head.note, [...lines.values()]);
  }

  /** The published one never gets smaller: what is there is looked at before, and whether there is a newer one after. */
  async #publish(candidate: Candidate): Promise<void> {
    const { place, clock } = this.#options;
    const { size, root } = candidate.head;
    const before = await this.look();
    if (before !== null && before.size > size) {
      candidate.dirty = false;
    } else {
      if (before !== null && before.size === size && !equalBytes(before.root, root))
        throw logForked(`The published checkpoint of size ${size}`, { size, expected: root, found: before.root });
      this.#takeOver(candidate);
      const note = this.#noteOf(candidate);
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
    const newest = await newestHead(place);
    if (newest !== null) this.offer(newest);
    const candidate = this.#candidate;
    const now = await this.look();
    if (candidate !== null && (now === null || now.size < candidate.head.size)) candidate.dirty = true;
    this.#lookAgainAt = Infinity;
  }

  #askWitnesses(): void {
    const { clock } = this.#options;
    const candidate = this.#candidate;
    if (candidate === null) return;
    for (const asked of this.#asked) {
      const now = clock.monotonic();
      if (asked.busy !== null || asked.retryAt > now) continue;
      if (asked.done === candidate && asked.again > now) continue;
      // What was taken over is as old as it says.
      const known = candidate.cosigned.get(asked.witness.witness.key.vkey);
      if (asked.done !== candidate && known !== undefined) {
        asked.done = candidate;
        asked.again = now + this.#options.recosignMs - Math.max(0, clock.now() - known.time * 1_000);
        asked.size = candidate.head.size;
        asked.time = known.time;
        if (asked.again > now) continue;
      }
      asked.busy = this.#ask(asked, candidate).finally(() => {
        asked.busy = null;
        this.#wake.notify();
      });
    }
  }

  /** Never rejects. */
  async #ask(asked: Asked, candidate: Candidate): Promise<void> {
    const { place, clock, alarms, signal, recosignMs, logger } = this.#options;
    const { witness } = asked;
    const { key, name } = witness.witness;
    const { size, note } = candidate.head;
    const about = aboutWitness(witness);
    try {
      const answer = await witness.ask(note, { size, signal }, async (oldSize) => {
        return await consistencyPathFromTiles(oldSize, size, tileFetcher(place.store));
      });
      if (answer.kind === 'ahead') {
        this.#ahead = { witness: name, size: answer.size };
        return;
      }
      asked.failures = 0;
      asked.retryAt = -Infinity;
      asked.done = candidate;
      asked.again = clock.monotonic() + recosignMs;
      asked.size = size;
      asked.time = answer.time;
      asked.error = null;
      alarms.clear(about);
      for (const line of answer.lines) candidate.lines.set(key.vkey, line);
      candidate.cosigned.set(key.vkey, { key, time: answer.time });
      candidate.dirty = true;
    } catch (error) {
      if (signal.aborted) return;
      asked.error = error instanceof Error ? error.message : String(error);
      asked.retryAt = clock.monotonic() + Math.min(maxBackoffMs, tickMs * 2 ** Math.min(asked.failures, 10));
      asked.failures += 1;
      if (alarms.raise(about, error, `witness ${name}`))
        logger.warn('A witness did not cosign and is asked again.', { witness: name, error: asked.error });
    }
  }

  /**
   * A witness says that it cosigned a larger tree. Another publisher may have stored one meanwhile; where not, what that witness saw is
   * gone from the store. It is only its word, but going on would be a second history: no witness that lies is worth that.
   */
  async #checkAhead({ witness, size }: { readonly witness: string; readonly size: number }): Promise<void> {
    const newest = await newestHead(this.#options.place);
    if (newest === null || newest.size < size)
      throw rolledBack(`What the witness ${witness} says that it cosigned`, size, newest?.size ?? null);
    this.#ahead = null;
    this.offer(newest);
    // No witness cosigns a smaller one any more.
    if (this.#candidate !== null && this.#candidate.head.size < size) this.#candidate = null;
  }

  #watchLag(): void {
    const { clock, alarms, quorumLateMs, policy } = this.#options;
    const now = clock.monotonic();
    const late = this.#newest !== null && (this.#published?.size ?? -1) < this.#newest.size;
    if (!late) this.#lateSince = null;
    else this.#lateSince ??= now;
    if (this.#lateSince === null || policy === null || now - this.#lateSince < quorumLateMs) {
      if (this.#lateSince === null) alarms.clear('quorum');
      return;
    }
    const reached = this.#candidate === null ? [] : [...this.#candidate.cosigned.values()].map(({ key }) => key.name);
    const message = `The published checkpoint has size ${this.#published?.size ?? 'none'}, the stored one ${this.#newest?.size}: the witnesses' quorum has not been reached for ${Math.round((now - this.#lateSince) / 1_000)} s.`;
    const evidence = { published: this.#published?.size ?? null, stored: this.#newest?.size, cosigned: reached };
    alarms.raise('quorum', new LedgerError('WITNESS_QUORUM', message, { evidence, retriable: true }), 'checkpoint');
  }

  /** The newest time at which the quorum stood, unix seconds; null without a quorum. */
  quorumTime(): number | null {
    const { policy } = this.#options;
    return policy === null || this.#candidate === null ? null : quorumTime(policy, this.#candidate.cosigned.values());
  }

  async #read(): Promise<Uint8Array | null> {
    return await this.#options.place.store.read('checkpoint', maxCheckpointBytes);
  }
}

function aboutWitness({ witness }: Witness): string {
  return `witness ${witness.name}`;
}
