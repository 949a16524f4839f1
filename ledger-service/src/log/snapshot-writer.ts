import type { JudgeState } from '@tallystick/core/judge';
import type { NoteSigner } from '@tallystick/core/note';
import { formatSnapshot } from '@tallystick/core/snapshot';
import type { AlarmBoard } from '../alarm-board.ts';
import type { Clock } from '../ports/clock.ts';
import { signWithAll } from './log-signers.ts';
import type { LogPlace, TreeHead } from './stored-log.ts';

/** What was judged when a tree was cut: a snapshot, once that tree is stored. */
export interface Cut {
  readonly frontier: readonly Uint8Array[];
  readonly judge: JudgeState;
  /** The offset of the seals topic below which everything was judged. */
  readonly offset: number;
}

export interface SnapshotWriterOptions {
  readonly place: LogPlace;
  readonly signers: readonly NoteSigner[];
  readonly topicId: string;
  /** How often it is written at most. */
  readonly snapshotMs: number;
  readonly clock: Clock;
  readonly alarms: AlarmBoard;
}

/**
 * Writes the snapshot beside the checkpoint; not with each of them, for it grows with partitions. No trouble with it keeps the log from
 * growing: it is an alarm, and tried again with a later one.
 */
export class SnapshotWriter {
  readonly #options: SnapshotWriterOptions;
  /** Of the stored one; null without a usable one. */
  #size: number | null;
  /** Monotonic. */
  #dueAt = -Infinity;

  constructor(options: SnapshotWriterOptions, size: number | null) {
    this.#options = options;
    this.#size = size;
  }

  /** Is one of this size wanted now? */
  isDue(size: number): boolean {
    return this.#size !== size && this.#options.clock.monotonic() >= this.#dueAt;
  }

  /** @throws the signal's reason, nothing else */
  async write({ size, root }: TreeHead, { frontier, judge, offset }: Cut, signal: AbortSignal): Promise<void> {
    const { place, signers, topicId, snapshotMs, clock, alarms } = this.#options;
    const position = { topicId, offset: Math.max(offset, judge.offset) };
    const startedAt = clock.monotonic();
    try {
      const text = formatSnapshot({ origin: place.origin, size, root, frontier, judge, position });
      await place.store.write('snapshot', await signWithAll(text, signers));
      this.#size = size;
      alarms.clear('snapshot');
    } catch (error) {
      signal.throwIfAborted();
      alarms.raise('snapshot', error, 'snapshot');
    }
    // At most a twentieth of the time goes into it, however large it has become.
    this.#dueAt = startedAt + Math.max(snapshotMs, 20 * (clock.monotonic() - startedAt));
  }
}
