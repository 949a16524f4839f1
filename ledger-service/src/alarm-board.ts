import { alarmOf, asTallystickError } from './alarms.ts';
import type { Clock } from './ports/clock.ts';
import type { Alarm } from './status.ts';

/** The alarms of one place, each under what it is about. An alarm that is raised again keeps the time of its first moment. */
export class AlarmBoard {
  readonly #clock: Clock;
  readonly #shownMs: number;
  readonly #alarms = new Map<string, Alarm>();
  /** Monotonic: when each was raised last. */
  readonly #raised = new Map<string, number>();

  /** @param shownMs how long an alarm of what mends itself is shown at least, so that who looks now and then sees it */
  constructor(clock: Clock, shownMs = 60_000) {
    this.#clock = clock;
    this.#shownMs = shownMs;
  }

  /** @returns whether it is news: nothing was raised about this, or another code */
  raise(about: string, error: unknown, place: string): boolean {
    const before = this.#alarms.get(about);
    const same = before?.code === asTallystickError(error).code ? before : undefined;
    this.#alarms.set(about, alarmOf(error, place, same?.since ?? this.#clock.now()));
    this.#raised.set(about, this.#clock.monotonic());
    return same === undefined;
  }

  clear(about: string): void {
    this.#alarms.delete(about);
    this.#raised.delete(about);
  }

  /** Does such an alarm stand that was shown long enough, so that it is worth a look whether it is over? */
  mayEnd(about: string): boolean {
    const raised = this.#raised.get(about);
    return raised !== undefined && this.#clock.monotonic() - raised >= this.#shownMs;
  }

  /**
   * What it is about is as it should be again, as was just seen: clears it, once it was shown long enough. Ask again until then.
   * @returns the alarm that is over now, for the log; null: there was none, or it is shown still
   */
  mended(about: string): Alarm | null {
    if (!this.mayEnd(about)) return null;
    const alarm = this.get(about);
    this.clear(about);
    return alarm;
  }

  get(about: string): Alarm | null {
    return this.#alarms.get(about) ?? null;
  }

  list(): Alarm[] {
    return [...this.#alarms.values()];
  }
}
