import type { RecordLog } from '@tallystick/kafka/record-log';
import type { Clock } from '../ports/clock.ts';
import type { LogFollower } from './adapters/log-follower.ts';

export interface HealthOptions {
  readonly log: RecordLog;
  readonly topic: string;
  readonly follower: LogFollower;
  readonly clock: Clock;
}

export interface Readiness {
  readonly ready: boolean;
  /** By what is needed: `ok`, or why not. */
  readonly checks: Readonly<Record<'log' | 'kafka', string>>;
}

const freshMs = 1_000;
const answerMs = 3_000;

/** Whether proofs can be made: a published checkpoint can be read, and Kafka answers. */
export class Health {
  readonly #options: HealthOptions;
  #busy: Promise<Readiness> | null = null;
  #at = -Infinity;
  #known: Readiness = { ready: false, checks: { log: 'unknown', kafka: 'unknown' } };

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Looks at most once a second, however often it is asked. Never rejects. */
  async look(): Promise<Readiness> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#at < freshMs) return this.#known;
    this.#busy ??= this.#look().finally(() => (this.#busy = null));
    this.#known = await this.#busy;
    this.#at = clock.monotonic();
    return this.#known;
  }

  async #look(): Promise<Readiness> {
    const { follower, log, topic } = this.#options;
    const [logAnswer, kafka] = await Promise.all([
      answer(async () => ((await follower.view()) === null ? 'no checkpoint is published yet' : 'ok')),
      answer(async () => {
        await log.describeTopic(topic);
        return 'ok';
      }),
    ]);
    return { ready: logAnswer === 'ok' && kafka === 'ok', checks: { log: logAnswer, kafka } };
  }
}

async function answer(ask: () => Promise<string>): Promise<string> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve('no answer in time'), answerMs);
  try {
    return await Promise.race([ask(), late.promise]);
  } catch (error) {
    // The code and no more: messages name places of the operator's.
    return error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  } finally {
    clearTimeout(timer);
  }
}
