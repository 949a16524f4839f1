import type { RecordLog } from '@tallystick/kafka/record-log';
import type { Logger } from '@tallystick/kafka/logger';
import { LatestOnly } from './adapters/atomic-file.ts';
import type { AlarmBoard } from './alarm-board.ts';
import { LedgerError } from './errors.ts';
import type { Clock } from './ports/clock.ts';
import type { PublishStatus } from './log/publish-status.ts';
import { roleNames, type RoleName, type RunningRole } from './ports/role.ts';
import type { StateFiles } from './ports/state-files.ts';
import type { Sealing } from './seal/sealing.ts';
import type { LedgerStatus, RoleState } from './status.ts';
import type { SupervisedRole } from './supervised-role.ts';

const statusEveryMs = 1_000;
const statusFile = 'status.json';

/** The roles of this process. */
export interface LedgerRoles {
  readonly seal?: SupervisedRole<Sealing>;
  readonly publish?: SupervisedRole<RunningRole<PublishStatus>>;
  readonly serve?: SupervisedRole<RunningRole>;
}

export interface LedgerParts {
  readonly origin: string;
  /** The vkey of the seal key; null where this process does not seal. */
  readonly key: string | null;
  readonly roles: LedgerRoles;
  /** Closed at the end; null: somebody else closes it. */
  readonly log: RecordLog | null;
  readonly state: StateFiles;
  /** Alarms of the process and of its roles. */
  readonly boards: { readonly ledger: AlarmBoard } & Readonly<Partial<Record<RoleName, AlarmBoard>>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The roles of one process, and what they say of themselves. */
export class Ledger {
  readonly #parts: LedgerParts;
  readonly #startedAt: number;
  readonly #stopping = new AbortController();
  readonly #statusWrites = new LatestOnly((error) => this.#notWritten(error));
  readonly #reporting: Promise<void>;
  #ending: Promise<void> | null = null;
  /** As RunningLedger says. */
  readonly done: Promise<void>;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    this.#reporting = this.#report();
    this.done = this.#run();
    // Who does not look at `done` learns of its failure from the status.
    this.done.catch(() => undefined);
  }

  /**
   * Resolves when the first of its roles, in the order seal, publish, serve, has begun. Where that fails the ledger is stopped, for what
   * keeps it from beginning is told best at once. A log store that is away is waited for, with an alarm: an outage of it must not end
   * ledgers that are started meanwhile. What is found wrong later is an alarm, too.
   * @throws what kept it from beginning
   */
  async started(): Promise<void> {
    try {
      await this.#roles()[0]?.started;
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'LOG_STORE_UNAVAILABLE') return;
      await this.stop();
      throw error;
    }
  }

  status(): LedgerStatus {
    const { origin, key, roles, boards, clock } = this.#parts;
    const states: Partial<Record<RoleName, RoleState>> = {};
    for (const { name, state } of this.#roles()) states[name] = state;
    const { partitions = [], ...seals } = roles.seal?.role?.status() ?? {};
    return {
      origin,
      key,
      state: this.#ending === null ? 'running' : 'stopped',
      startedAt: this.#startedAt,
      updatedAt: clock.now(),
      roles: states,
      seals: 'topic' in seals ? seals : null,
      publish: roles.publish?.role?.status() ?? null,
      serve: roles.serve?.role?.status() ?? null,
      alarms: Object.values(boards).flatMap((board) => board.list()),
      partitions,
    };
  }

  /** As RunningLedger says. */
  async stop(): Promise<void> {
    this.#ending ??= this.#finish();
    await this.#ending;
  }

  #roles(): SupervisedRole<RunningRole>[] {
    const { roles } = this.#parts;
    return roleNames.flatMap((name) => roles[name] ?? []);
  }

  /** A role that fails for good leaves the others running; the ledger ends when none is left. */
  async #run(): Promise<void> {
    const results = await Promise.allSettled(this.#roles().map(async ({ done }) => await done));
    await this.stop();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #report(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#writeStatus();
      await clock.sleep(statusEveryMs, signal).catch(() => undefined);
    }
  }

  #writeStatus(): void {
    const { state, boards } = this.#parts;
    this.#statusWrites.run(async () => {
      await state.write(statusFile, `${JSON.stringify(this.status(), null, 2)}\n`);
      boards.ledger.clear('status-file');
    });
  }

  #notWritten(cause: unknown): void {
    const { boards, state } = this.#parts;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The file ${statusFile} in ${state.place} could not be written: ${why}`;
    boards.ledger.raise('status-file', new LedgerError('STATE_NOT_WRITTEN', message, { cause }), state.place);
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#roles().map((role) => role.stop()));
    this.#stopping.abort(new Error('the ledger stops'));
    await this.#reporting;
    this.#writeStatus();
    await this.#statusWrites.idle();
    await this.#parts.log?.close();
  }
}
