import type { Logger } from '@tallystick/kafka/logger';
import type { AlarmBoard } from './alarm-board.ts';
import { asTallystickError, canPass } from './alarms.ts';
import type { Clock } from './ports/clock.ts';
import type { RoleName, RunningRole } from './ports/role.ts';
import { retryPause } from './retry.ts';
import type { RoleState } from './status.ts';

/** After these it is begun anew at once: what it is begun from has mended them. */
const mendedByBeginning: ReadonlySet<string> = new Set(['SEALS_LOST']);
/** After these nothing but another release or another configuration helps. */
const forGood: ReadonlySet<string> = new Set(['UNKNOWN_STATEMENT', 'CONFIG_INVALID']);

/** Who ran for so long was well: what ends it then is a new disturbance. */
const wellMs = 30_000;

export interface SupervisionOptions<Role extends RunningRole> {
  readonly name: RoleName;
  /** Begins it; the signal ends a beginning that is under way. */
  readonly start: (signal: AbortSignal) => Promise<Role>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long it waits where somebody has to mend something, in milliseconds. */
  readonly mendMs: number;
  /** Of this role. */
  readonly alarms: AlarmBoard;
}

/**
 * Keeps one role running: when it fails it is an alarm, and the role is begun anew until it is stopped. It knows nothing of other roles,
 * so none of them is ever stopped by the failure of another.
 */
export class SupervisedRole<Role extends RunningRole> {
  readonly name: RoleName;
  readonly #options: SupervisionOptions<Role>;
  readonly #stopping = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #role: Role | null = null;
  #state: RoleState = 'starting';
  /** Resolves when it was begun for the first time; rejects with what kept it from that. It is tried again all the same. */
  readonly started = this.#first.promise;
  /** Resolves after `stop()`; rejects where it failed for good. */
  readonly done: Promise<void>;

  constructor(options: SupervisionOptions<Role>) {
    this.#options = options;
    this.name = options.name;
    this.started.catch(() => undefined);
    this.done = this.#run();
    this.done.catch(() => undefined);
  }

  get state(): RoleState {
    return this.#state;
  }

  /** What runs now, or ran last; null before it was begun for the first time. */
  get role(): Role | null {
    return this.#role;
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the role ${this.name} stops`));
    await this.#role?.stop();
    await this.done.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { start, clock, logger, mendMs, alarms, name } = this.#options;
    const { signal } = this.#stopping;
    const about = `role ${name}`;
    let attempt = 0;
    while (!signal.aborted) {
      const begun = clock.monotonic();
      try {
        const role = await start(signal);
        this.#role = role;
        // Told to stop while it was begun: nobody else would end it.
        if (signal.aborted) {
          await role.stop();
          break;
        }
        this.#first.resolve();
        this.#state = 'running';
        alarms.clear(about);
        await this.#role.done;
        // It ends by itself only when it was told to.
        break;
      } catch (error) {
        this.#first.reject(error);
        if (signal.aborted) break;
        const { code, message } = asTallystickError(error);
        const news = alarms.raise(about, error, name);
        if (forGood.has(code)) {
          this.#state = 'failed';
          logger.error('A role failed for good.', { role: name, code, error: message });
          throw error;
        }
        if (clock.monotonic() - begun >= wellMs) attempt = 0;
        const soon = canPass(error) || mendedByBeginning.has(code);
        this.#state = soon ? 'retrying' : 'stopped';
        if (news || soon) logger.error('A role failed and is begun anew.', { role: name, code, error: message, soon });
        const pause = soon ? retryPause(attempt, signal, clock) : clock.sleep(mendMs, signal);
        attempt += 1;
        await pause.catch(() => undefined);
      }
    }
    this.#first.reject(signal.reason);
    this.#state = 'ended';
  }
}
