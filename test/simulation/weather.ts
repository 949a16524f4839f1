import type { Random } from './random.ts';

/**
 * What becomes of one call to the outside world. `failed`: nothing was done. `lost`: it was done, and the answer is an error. `late`: it is
 * done long after its caller gave up. The last two kill the caller: as it asks, or once it has asked.
 */
export type Fate = 'done' | 'failed' | 'lost' | 'late' | 'killed-before' | 'killed-after';

/** How likely each fate is, of one. */
interface Rates {
  readonly failed: number;
  readonly lost: number;
  readonly late: number;
  readonly killed: number;
}

const none: Rates = { failed: 0, lost: 0, late: 0, killed: 0 };
const climates: readonly [Rates, ...Rates[]] = [
  none,
  { failed: 0.01, lost: 0.01, late: 0, killed: 0 },
  { failed: 0.03, lost: 0.05, late: 0.01, killed: 0.001 },
  { failed: 0.1, lost: 0.1, late: 0.02, killed: 0 },
  { failed: 0, lost: 0, late: 0, killed: 0.005 },
];

/** How the outside world treats its callers, drawn from the seed. */
export class Weather {
  readonly #random: Random;
  readonly #rates: Rates;
  /** Places that are away now: each call there fails. */
  readonly #away = new Set<string>();
  #fair = false;

  constructor(random: Random) {
    this.#random = random;
    this.#rates = random.pick(climates);
  }

  /** From now on nothing goes wrong by chance. */
  clear(): void {
    this.#fair = true;
    this.#away.clear();
  }

  takeAway(place: string): void {
    this.#away.add(place);
  }

  bringBack(place: string): void {
    this.#away.delete(place);
  }

  fate(place: string): Fate {
    const at = this.#random.fraction();
    if (this.#fair) return 'done';
    if (this.#away.has(place)) return 'failed';
    const { failed, lost, late, killed } = this.#rates;
    if (at < failed) return 'failed';
    if (at < failed + lost) return 'lost';
    if (at < failed + lost + late) return 'late';
    if (at < failed + lost + late + killed) return this.#random.chance(0.5) ? 'killed-before' : 'killed-after';
    return 'done';
  }

  /** Milliseconds of one way. */
  latency(): number {
    return this.#random.chance(0.02) ? this.#random.between(50, 400) : 1 + this.#random.fraction() * 9;
  }

  /** Milliseconds by which something comes too late. */
  delay(deadlineMs: number): number {
    return deadlineMs * (0.5 + 2 * this.#random.fraction());
  }
}
