import type { SignedStatement } from '@tallystick/core/judge';

/** Pending statements that are kept; of more the oldest are forgotten, and a later start puts them behind once they are published. */
const most = 4_096;

/**
 * Statements that count and are not in the log yet, but lie in the topic before some of what the log holds: somebody wrote them into a topic
 * that had lost its statements, before those were produced again, by this ledger or another. A statement of the log that merely is there
 * twice makes others look so: to produce them again harms nobody.
 */
export class Misplaced {
  /** By hash. */
  readonly #pending = new Map<string, Uint8Array>();
  #misplaced: Uint8Array[] = [];

  /** The topic gives a statement that the log does not hold yet. */
  pending({ hash, note }: SignedStatement): void {
    this.#pending.set(hash, note);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > most && oldest !== undefined) this.#pending.delete(oldest);
  }

  /** The topic gives one that was known before: of the log, where it is not pending. */
  known(hash: string): void {
    if (this.#pending.size === 0 || this.#pending.has(hash)) return;
    this.#misplaced = [...this.#misplaced, ...this.#pending.values()].slice(-most);
    this.#pending.clear();
  }

  /** @returns those that are to be put behind, in their order */
  take(): Uint8Array[] {
    const found = this.#misplaced;
    this.#misplaced = [];
    return found;
  }
}
