import type { Logger } from '@tallystick/kafka/logger';
import { LatestOnly } from '../adapters/atomic-file.ts';
import type { AlarmBoard } from '../alarm-board.ts';
import { LedgerError } from '../errors.ts';
import type { SeenCheckpoint } from './seen-checkpoint.ts';
import { openHead, type LogPlace, type SignedHead } from './stored-log.ts';

/** The largest checkpoint that was ever seen stored, in this process and, by a small file, before it. */
export class SeenHeads {
  readonly #file: SeenCheckpoint;
  readonly #place: LogPlace;
  readonly #logger: Logger;
  readonly #writes: LatestOnly;
  readonly #alarms: AlarmBoard;
  #largest: SignedHead | null = null;
  #loaded = false;
  #failed = false;

  constructor(file: SeenCheckpoint, place: LogPlace, alarms: AlarmBoard, logger: Logger) {
    this.#file = file;
    this.#place = place;
    this.#logger = logger;
    this.#alarms = alarms;
    this.#writes = new LatestOnly((error) => this.#notWritten(error));
  }

  /** The largest one. A file that no log key held signed says nothing: a key may have been rotated since, or it is damaged. */
  async largest(): Promise<SignedHead | null> {
    if (!this.#loaded) {
      const note = await this.#load();
      this.#loaded = true;
      try {
        if (note !== null) this.#keep(openHead(note, this.#place, 'checkpoint in the state folder'));
      } catch (error) {
        this.#logger.warn('The checkpoint that was kept in the state folder is not used.', { error: String(error) });
      }
    }
    return this.#largest;
  }

  /** In the background: it can only refuse, so nothing waits for it. */
  take(head: SignedHead): void {
    if (this.#keep(head)) this.#save(head);
  }

  /** Tries a write again that failed: the next head may be long in coming. */
  again(): void {
    if (this.#failed && this.#largest !== null) this.#save(this.#largest);
  }

  #save(head: SignedHead): void {
    this.#failed = false;
    this.#writes.run(async () => {
      await this.#file.save(head.note);
      this.#alarms.clear('seen checkpoint');
    });
  }

  async idle(): Promise<void> {
    await this.#writes.idle();
  }

  /** What cannot be read is not as if it were not there: it may hold what a rolled-back store is refused by. */
  async #load(): Promise<Uint8Array | null> {
    try {
      return await this.#file.load();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `The largest checkpoint that this publisher saw cannot be read from the state folder: ${why}`;
      throw new LedgerError('STATE_NOT_READ', message, { cause, retriable: true });
    }
  }

  #keep(head: SignedHead): boolean {
    if (this.#largest !== null && this.#largest.size >= head.size) return false;
    this.#largest = head;
    return true;
  }

  #notWritten(cause: unknown): void {
    this.#failed = true;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The newest checkpoint could not be kept in the state folder: ${why}`;
    this.#alarms.raise('seen checkpoint', new LedgerError('STATE_NOT_WRITTEN', message, { cause }), 'publish');
  }
}
