import { equalBytes } from '@tallystick/core/encoding';
import type { CheckpointStore, StoredCheckpoint } from '../ports/checkpoint-store.ts';
import { checkNote, versionsLost } from '../store-errors.ts';

/** A checkpoint store in memory, for tests and simulations. It keeps every version. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #notes: Uint8Array[] = [];

  async newest(): Promise<StoredCheckpoint | null> {
    return await Promise.resolve(this.#at(this.#notes.length));
  }

  async swap(from: StoredCheckpoint | null, note: Uint8Array): Promise<StoredCheckpoint | null> {
    checkNote(note);
    const version = (from?.version ?? 0) + 1;
    if (version > this.#notes.length + 1) throw versionsLost('the memory', version - 1, this.#notes.length);
    if (version === this.#notes.length + 1) this.#notes.push(note.slice());
    const stored = this.#at(version);
    return await Promise.resolve(stored !== null && equalBytes(stored.note, note) ? stored : null);
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #at(version: number): StoredCheckpoint | null {
    const note = this.#notes[version - 1];
    return note === undefined ? null : { version, note: note.slice() };
  }
}
