import { decodeUtf8 } from '@tallystick/core/encoding';
import type { StateFiles } from '../ports/state-files.ts';

/**
 * The largest checkpoint that this publisher stored or found stored, kept outside the stores. It can only refuse: a store that is behind it
 * was rolled back. Nothing is ever made from it.
 */
export interface SeenCheckpoint {
  load(): Promise<Uint8Array | null>;
  /** Durable once resolved. */
  save(note: Uint8Array): Promise<void>;
}

/** As a small file among those of the process. */
export function seenCheckpointIn(state: StateFiles): SeenCheckpoint {
  const name = 'published-checkpoint';
  return {
    load: async () => await state.read(name),
    save: async (note) => await state.write(name, decodeUtf8(note)),
  };
}
