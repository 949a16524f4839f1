import type { Clock } from '../ports/clock.ts';

/** How old an answer may be that something is written on: a process that slept for longer since it asked asks again. */
const answerMs = 5_000;
/** How often it asks where every answer takes so long: then the store is slow, and nobody slept. */
const tries = 3;

/** A moment by both clocks: the monotonic one may stand still while the machine sleeps. */
export interface Moment {
  /** Milliseconds. */
  readonly monotonic: number;
  /** Unix milliseconds. */
  readonly wall: number;
}

export const longAgo: Moment = { monotonic: -Infinity, wall: 0 };

export function momentNow(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/** Milliseconds that may have passed since: by the clock that says more. A wall clock that was set, either way, is taken for a sleep. */
export function sinceMoment({ monotonic, wall }: Moment, clock: Clock): number {
  return Math.max(clock.monotonic() - monotonic, Math.abs(clock.now() - wall));
}

/**
 * Looks, and looks again where the process slept while it waited for the answer.
 * @returns what it found, and a moment at which that was not yet asked for
 */
export async function lookNow<T>(look: () => Promise<T>, clock: Clock): Promise<{ found: T; askedAt: Moment }> {
  for (let tried = 1; ; tried += 1) {
    const askedAt = momentNow(clock);
    const found = await look();
    if (tried === tries || sinceMoment(askedAt, clock) <= answerMs) return { found, askedAt };
  }
}
