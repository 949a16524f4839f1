/** An alarm that a ledger raised. Times are milliseconds since the run began. */
export interface SeenAlarm {
  readonly ledger: string;
  readonly code: string;
  readonly place: string;
  readonly message: string;
  /** The round in which it was raised, from 1; 0 before the first. */
  readonly round: number;
  readonly raisedAt: number;
  /** Null while it stands. */
  readonly clearedAt: number | null;
}

/** What a ledger may say of brokers that really do not answer. All else speaks of tampering, loss or a wrong set-up: there is none. */
const waiting: ReadonlySet<string> = new Set(['UNREACHABLE', 'TIMED_OUT', 'BROKER_ERROR']);

/** Whether nothing that happens in a failover justifies it. */
export function isFalseAlarm({ code }: { readonly code: string }): boolean {
  return !waiting.has(code);
}

/** The alarms of one ledger process as they come and go. */
export class AlarmRecord {
  readonly #ledger: string;
  readonly #seen: SeenAlarm[] = [];
  readonly #standing = new Map<string, number>();

  constructor(ledger: string) {
    this.#ledger = ledger;
  }

  /** All that stand now. */
  update(
    alarms: readonly { readonly code: string; readonly place: string; readonly message: string }[],
    at: number,
    round: number,
  ): void {
    const now = new Set(alarms.map(({ code, place }) => `${code} ${place}`));
    for (const [key, index] of this.#standing) {
      const alarm = this.#seen[index];
      if (now.has(key) || alarm === undefined) continue;
      this.#seen[index] = { ...alarm, clearedAt: at };
      this.#standing.delete(key);
    }
    for (const { code, place, message } of alarms) {
      const key = `${code} ${place}`;
      if (this.#standing.has(key)) continue;
      this.#standing.set(key, this.#seen.length);
      this.#seen.push({ ledger: this.#ledger, code, place, message, round, raisedAt: at, clearedAt: null });
    }
  }

  standing(): number {
    return this.#standing.size;
  }

  list(): readonly SeenAlarm[] {
    return this.#seen;
  }
}
