import { alarmOf, asTallystickError } from './alarms.ts';
import type { Clock } from './ports/clock.ts';
import type { Alarm } from './status.ts';

/** The alarms of one place, each under what it is about. An alarm that is raised again keeps the time of its first moment. */
export class AlarmBoard {
  readonly #clock: Clock;
  readonly #alarms = new Map<string, Alarm>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether it is news: nothing was raised about this, or another code */
  raise(about: string, error: unknown, place: string): boolean {
    const before = this.#alarms.get(about);
    const same = before?.code === asTallystickError(error).code ? before : undefined;
    this.#alarms.set(about, alarmOf(error, place, same?.since ?? this.#clock.now()));
    return same === undefined;
  }

  clear(about: string): void {
    this.#alarms.delete(about);
  }

  get(about: string): Alarm | null {
    return this.#alarms.get(about) ?? null;
  }

  list(): Alarm[] {
    return [...this.#alarms.values()];
  }
}
