import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { equalBytes } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import type { VerifierKey } from '@tallystick/core/note';
import { openByPolicy, type Policy } from '@tallystick/core/policy';
import { maxSnapshotBytes, openSnapshot, type Snapshot } from '@tallystick/core/snapshot';
import type { AlarmBoard } from '../../alarm-board.ts';
import { LedgerError } from '../../errors.ts';
import { checkGrowth } from '../../log/growth.ts';
import {
  checkpointInvalid,
  logDamaged,
  publishedForked,
  publishedWithoutQuorum,
  publishedRolledBack,
} from '../../log/log-errors.ts';
import { Peaks } from '../../log/peaks.ts';
import { openHead, readEntries, type SignedHead } from '../../log/stored-log.ts';
import { maxCheckpointBytes } from '../../ports/checkpoint-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { LogStore } from '../../ports/log-store.ts';
import { LogIndex } from '../domain/log-index.ts';

export interface LogFollowerOptions {
  readonly store: LogStore;
  readonly origin: string;
  readonly logKeys: readonly VerifierKey[];
  /** A checkpoint without its quorum is no published one. null: none is asked for. */
  readonly policy?: Policy | null;
  readonly clock: Clock;
  /** Told why the published log cannot be used. A fork stays: it does not become undone. */
  readonly alarms?: AlarmBoard;
}

/** The published log at one moment. */
export interface LogView {
  readonly head: SignedHead;
  /** Has seen every entry of the head; more where the snapshot is ahead of what witnesses let be published. */
  readonly index: LogIndex;
}

interface State {
  readonly index: LogIndex;
  readonly peaks: Peaks;
}

/** How old what was read of `/checkpoint` may be, in milliseconds. */
const freshMs = 50;

/**
 * Follows the published log from its snapshot on: reads what was appended when `/checkpoint` has grown, and holds it against the signed root.
 * It does so when it is asked, never by itself.
 */
export class LogFollower {
  readonly #options: LogFollowerOptions;
  #state: State | null = null;
  #busy: Promise<LogView | null> | null = null;
  #readAt = -Infinity;
  #view: LogView | null = null;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
  }

  /** What was seen last; null before the first. */
  get last(): LogView | null {
    return this.#view;
  }

  /**
   * The published log as it is now (or was 50 ms ago). null before the first checkpoint.
   * @throws LedgerError CHECKPOINT_INVALID, CHECKPOINT_ROLLED_BACK, LOG_FORKED, LOG_DAMAGED, WITNESS_QUORUM, and those of the store
   */
  async view(): Promise<LogView | null> {
    const { clock } = this.#options;
    if (this.#view !== null && clock.monotonic() - this.#readAt < freshMs) return this.#view;
    this.#busy ??= this.#advance().finally(() => (this.#busy = null));
    return await this.#busy;
  }

  async #advance(): Promise<LogView | null> {
    const { alarms } = this.#options;
    try {
      const view = await this.#look();
      alarms?.clear('published log');
      return view;
    } catch (error) {
      const fork = error instanceof LedgerError && error.code === 'LOG_FORKED';
      alarms?.raise(fork ? 'fork' : 'published log', error, 'published log');
      throw error;
    }
  }

  async #look(): Promise<LogView | null> {
    const { store, origin, logKeys, clock } = this.#options;
    const note = await store.read('checkpoint', maxCheckpointBytes);
    if (note === null) {
      if (this.#view !== null) throw publishedRolledBack(this.#view.head.size, null);
      return null;
    }
    if (this.#view === null || !equalBytes(note, this.#view.head.note)) {
      const head = openHead(note, { origin, logKeys, verify: nodeVerifyEd25519 }, 'published checkpoint');
      this.#checkQuorum(head);
      this.#view = await this.#grow(head);
    }
    this.#readAt = clock.monotonic();
    return this.#view;
  }

  /** Clients hold a proof against the policy: what does not reach its quorum is of no use to them. */
  #checkQuorum({ note, size }: SignedHead): void {
    const { origin, logKeys, policy = null } = this.#options;
    if (policy === null || policy.quorum === 'none') return;
    const logs = logKeys.map((key) => ({ key, url: null }));
    try {
      openByPolicy(note, { origin, policy: { ...policy, logs }, verify: nodeVerifyEd25519 });
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      throw error.code === 'CHECKPOINT_QUORUM'
        ? publishedWithoutQuorum(size, error)
        : checkpointInvalid('published checkpoint', error);
    }
  }

  async #grow(head: SignedHead): Promise<LogView> {
    const before = this.#view?.head ?? null;
    if (before !== null && head.size < before.size) throw publishedRolledBack(before.size, head.size);
    if (before !== null && head.size === before.size && !equalBytes(head.root, before.root))
      throw publishedForked(head.size, before.root, head.root);
    if (this.#state === null) {
      // What is read anew says nothing of what was seen before.
      if (before !== null) await checkGrowth(this.#options.store, before, head, 'What was published before');
      this.#state = await this.#begin();
    }
    try {
      await this.#read(this.#state, head);
    } catch (error) {
      // What was half read is read again from the snapshot.
      this.#state = null;
      throw error;
    }
    return { head, index: this.#state.index };
  }

  async #read({ index, peaks }: State, head: SignedHead): Promise<void> {
    if (peaks.size > head.size) return;
    try {
      for await (const entry of readEntries(this.#options.store, peaks.size, head.size)) {
        peaks.append(entry);
        index.append(entry);
      }
    } catch (cause) {
      if (!(cause instanceof CoreError)) throw cause;
      const message = `Entry ${index.size} of the published log is no statement that this release knows.`;
      throw new LedgerError('LOG_REFUSED', message, { cause, evidence: { index: index.size } });
    }
    if (equalBytes(peaks.root(), head.root)) return;
    const message = `The entries of the published log do not give the root of its checkpoint of size ${head.size}.`;
    throw logDamaged(message, { size: head.size, expected: head.root, found: peaks.root() });
  }

  /** From the snapshot where there is a good one, else from the log's start. */
  async #begin(): Promise<State> {
    const snapshot = await this.#snapshot();
    if (snapshot === null) return { index: new LogIndex(), peaks: new Peaks() };
    const { size, frontier, judge } = snapshot;
    return { index: LogIndex.fromSnapshot(judge), peaks: new Peaks(size, frontier) };
  }

  async #snapshot(): Promise<Snapshot | null> {
    const { store, origin, logKeys: keys } = this.#options;
    const note = await store.read('snapshot', maxSnapshotBytes);
    if (note === null) return null;
    try {
      return openSnapshot(note, { origin, keys, verify: nodeVerifyEd25519 });
    } catch (error) {
      // It only shortens the way: without it all entries are read.
      if (error instanceof CoreError) return null;
      throw error;
    }
  }
}
