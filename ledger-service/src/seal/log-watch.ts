import { CoreError } from '@tallystick/core/errors';
import type { Judge } from '@tallystick/core/judge';
import { parseNote } from '@tallystick/core/note';
import { parseStatement, statementHash } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement-types';
import { LedgerError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogReader } from '../ports/published-log.ts';

export interface LogWatchOptions {
  readonly published: Pick<LogReader, 'since'>;
  /** What reads the seals topic: what its judge accepted, and reading up to where the topic ends now. */
  readonly view: { readonly judge: Judge; catchUp(): Promise<void> };
  readonly topic: string;
  /** Entries of the log that the judge was given before it read the topic. */
  readonly from: number;
  /** How many statements of a partition the judge remembers. */
  readonly remembered: number;
  /** For how long the topic may lack what the log holds: it may be read late, and a new leader may show an older end (KIP-207). */
  readonly deadlineMs: number;
  readonly clock: Clock;
}

/** An entry of the log that the topic has not given. */
interface Entry {
  readonly index: number;
  readonly statement: Statement;
  readonly hash: string;
  /** Monotonic: when it was met in the log. */
  readonly since: number;
}

/**
 * Holds what the log gains against what the seals topic gave. A statement that was published and then cut off from the topic before this
 * ledger read it leaves no trace in the topic; but the log beats the topic, so whoever goes on without it seals what never counts.
 * What a look costs grows with what the log gained since the last one.
 */
export class LogWatch {
  readonly #options: LogWatchOptions;
  /**
   * Of each chain (a partition, or the keys) the entry that is waited for, and the newest one. What comes later in a chain is known only
   * where all before it is, so these two tell of all.
   */
  readonly #missing = new Map<string, { waitedFor: Entry; newest: Entry }>();
  #size: number;

  constructor(options: LogWatchOptions) {
    this.#options = options;
    this.#size = options.from;
  }

  /**
   * @returns whether the topic gave all that the log holds
   * @throws LedgerError SEALS_LOST where the topic, read to its end, has lacked an entry of the log for longer than the deadline; those of
   *   the stores; KafkaError where the topic's end cannot be asked for
   */
  async look(): Promise<boolean> {
    const { published, view, topic, clock } = this.#options;
    const { size, entries } = await published.since(this.#size);
    const since = clock.monotonic();
    let index = Math.min(this.#size, size);
    const newest = new Map<string, Entry>();
    for await (const note of entries) {
      const read = statementOf(note);
      if (read !== null) newest.set(chainOf(read.statement), { ...read, index, since });
      index += 1;
    }
    this.#size = size;
    for (const [chain, entry] of newest) {
      if (!this.#canTell(entry)) continue;
      this.#missing.set(chain, { waitedFor: this.#missing.get(chain)?.waitedFor ?? entry, newest: entry });
    }
    this.#forgetKnown();
    if (this.#late() !== null) {
      // Asked for once more: what is there now was there long enough to be shown.
      await view.catchUp();
      this.#forgetKnown();
      const late = this.#late();
      if (late !== null) throw lost(topic, late);
    }
    return this.#missing.size === 0;
  }

  /** A judge forgets what lies far behind what it accepted last: of a log that is so far behind it can say nothing. */
  #canTell({ index }: Entry): boolean {
    const { view, remembered } = this.#options;
    return view.judge.size - index <= remembered;
  }

  #forgetKnown(): void {
    for (const [chain, { waitedFor, newest }] of this.#missing) {
      if (!this.#isKnown(waitedFor)) continue;
      if (this.#isKnown(newest)) this.#missing.delete(chain);
      else this.#missing.set(chain, { waitedFor: newest, newest });
    }
  }

  #isKnown({ statement, hash }: Entry): boolean {
    const { judge } = this.#options.view;
    if (statement.kind === 'key') return judge.keys.statements[statement.number]?.hash === hash;
    return judge.point(statement.topic, statement.partition, hash) !== null;
  }

  /** The first that is waited for since longer than the deadline. */
  #late(): Entry | null {
    const { clock, deadlineMs } = this.#options;
    const before = clock.monotonic() - deadlineMs;
    for (const { waitedFor } of this.#missing.values()) if (waitedFor.since <= before) return waitedFor;
    return null;
  }
}

/** null for what this release does not know: whoever judges the topic says so. */
function statementOf(entry: Uint8Array): { statement: Statement; hash: string } | null {
  try {
    const { text } = parseNote(entry);
    return { statement: parseStatement(text), hash: statementHash(text) };
  } catch (error) {
    if (error instanceof CoreError) return null;
    throw error;
  }
}

function chainOf(statement: Statement): string {
  return statement.kind === 'key' ? 'keys' : `${statement.partition}/${statement.topic}`;
}

function lost(topic: string, { index, statement }: Entry): LedgerError {
  const what = statement.kind === 'key' ? 'a key statement' : `a ${statement.kind} of partition ${statement.partition}`;
  const message = `The published log holds ${what} (entry ${index}) that the seals topic ${topic} does not give: it was cut off before it was read here.`;
  return new LedgerError('SEALS_LOST', message, { evidence: { topic, expected: `entry ${index}` }, fatal: true });
}
