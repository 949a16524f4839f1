import { consistencyPathFromTiles } from '@tallystick/core/tiles';
import type { Logger } from '@tallystick/kafka/logger';
import type { AlarmBoard } from '../alarm-board.ts';
import { LedgerError } from '../errors.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Candidate } from './candidate.ts';
import { tileFetcher } from './stored-log.ts';
import type { WitnessClient } from './witnesses.ts';

const firstBackoffMs = 1_000;
const maxBackoffMs = 30_000;

/** What is asked of a witness' client. */
export type Witness = Pick<WitnessClient, 'witness' | 'ask'>;

export interface WitnessStatus {
  readonly name: string;
  readonly vkey: string;
  /** The size that it cosigned last, as far as this publisher knows; null: none yet. */
  readonly cosignedSize: number | null;
  /** Of that cosignature, unix seconds. */
  readonly cosignedAt: number | null;
  /** Why it did not cosign when it was asked last. */
  readonly error: string | null;
}

export interface AskOptions {
  readonly store: LogStore;
  /** How old the cosignature of an unchanged checkpoint may get. */
  readonly recosignMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly alarms: AlarmBoard;
  readonly signal: AbortSignal;
  /** One says that it cosigned a larger tree: see `ahead`. */
  readonly onAhead: () => void;
}

/** One witness: never asked twice at once, left alone for a while after it failed, asked again before its cosignature gets old. */
export class AskedWitness {
  readonly witness: Witness;
  readonly #options: AskOptions;
  #busy: Promise<void> | null = null;
  /** Monotonic milliseconds. */
  #retryAt = -Infinity;
  #failures = 0;
  /** The candidate that it cosigned last, and when it is to be asked again. */
  #done: Candidate | null = null;
  #againAt = Infinity;
  #size: number | null = null;
  #time: number | null = null;
  #error: string | null = null;
  #ahead: number | null = null;

  constructor(witness: Witness, options: AskOptions) {
    this.witness = witness;
    this.#options = options;
  }

  get busy(): Promise<void> | null {
    return this.#busy;
  }

  /** The size of the larger tree that it says that it cosigned, where it said so last; null: it did not. */
  get ahead(): number | null {
    return this.#ahead;
  }

  /** There is a stored checkpoint as large as it says: it is asked on. */
  caughtUp(): void {
    this.#ahead = null;
  }

  /** Nothing is stored that is as large as it says: an alarm, and it is asked again later. */
  disbelieve(stored: number | null): void {
    const { name } = this.witness.witness;
    const size = this.#ahead;
    const message = `The witness ${name} says that it cosigned ${size} entries of this log, and the newest stored checkpoint ${stored === null ? 'is gone' : `has ${stored}`}. The quorum can be reached without it, so publishing goes on.`;
    const evidence = { witness: name, size, stored };
    this.#failed(new LedgerError('WITNESS_REFUSED', message, { evidence, retriable: true }));
  }

  status(): WitnessStatus {
    const { name, key } = this.witness.witness;
    const { vkey } = key;
    return { name, vkey, cosignedSize: this.#size, cosignedAt: this.#time, error: this.#error };
  }

  /** May it still cosign this candidate without a pause? */
  mayCosign(candidate: Candidate): boolean {
    return this.#done !== candidate && (this.#busy !== null || this.#retryAt <= this.#options.clock.monotonic());
  }

  /** Asks it where that is due. @param then called once it has answered or failed */
  ask(candidate: Candidate, then: () => void): void {
    const { clock, recosignMs } = this.#options;
    const now = clock.monotonic();
    if (this.#busy !== null || this.#retryAt > now) return;
    if (this.#done !== candidate) {
      // What another one had cosigned, or this one before a restart, is as old as it says.
      const time = candidate.timeOf(this.witness.witness.key);
      if (time !== null) this.#took(candidate, time, now + recosignMs - Math.max(0, clock.now() - time * 1_000));
    }
    if (this.#done === candidate && this.#againAt > now) return;
    this.#busy = this.#ask(candidate).finally(() => {
      this.#busy = null;
      then();
    });
  }

  clearAlarm(): void {
    this.#options.alarms.clear(this.#about);
  }

  get #about(): string {
    return `witness ${this.witness.witness.name}`;
  }

  #took(candidate: Candidate, time: number, againAt: number): void {
    this.#done = candidate;
    this.#againAt = againAt;
    this.#size = candidate.head.size;
    this.#time = time;
  }

  /** Never rejects. */
  async #ask(candidate: Candidate): Promise<void> {
    const { store, clock, signal, recosignMs, onAhead } = this.#options;
    const { key } = this.witness.witness;
    const { size, note } = candidate.head;
    try {
      const answer = await this.witness.ask(note, { size, signal }, async (oldSize) => {
        return await consistencyPathFromTiles(oldSize, size, tileFetcher(store));
      });
      if (answer.kind === 'ahead') {
        this.#ahead = answer.size;
        onAhead();
        return;
      }
      this.#failures = 0;
      this.#retryAt = -Infinity;
      this.#error = null;
      this.#ahead = null;
      this.#took(candidate, answer.time, clock.monotonic() + recosignMs);
      this.clearAlarm();
      candidate.add(key, answer.lines, answer.time);
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { clock, alarms, logger } = this.#options;
    const { name } = this.witness.witness;
    this.#error = error instanceof Error ? error.message : String(error);
    const backoff = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures, 10));
    this.#retryAt = clock.monotonic() + backoff;
    this.#failures += 1;
    if (alarms.raise(this.#about, error, this.#about))
      logger.warn('A witness did not cosign and is asked again.', { witness: name, error: this.#error });
  }
}
