import { decodeUtf8, encodeUtf8 } from '@tallystick/core/encoding';
import { readFile } from 'node:fs/promises';
import { writeFileAtomically } from '../adapters/atomic-file.ts';
import { hasErrno } from '../adapters/file-errors.ts';
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

/** As a small file in the state folder. */
export function seenCheckpointFile(file: string): SeenCheckpoint {
  return {
    load: async () => {
      try {
        return new Uint8Array(await readFile(file));
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return null;
        throw error;
      }
    },
    save: async (note) => await writeFileAtomically(file, decodeUtf8(note)),
  };
}

/** As a small file among those of the process. */
export function seenCheckpointIn(state: StateFiles): SeenCheckpoint {
  const name = 'published-checkpoint';
  return {
    load: async () => await state.read(name),
    save: async (note) => await state.write(name, decodeUtf8(note)),
  };
}

/** In memory, for simulations. */
export function seenCheckpointInMemory(): SeenCheckpoint {
  let text: string | null = null;
  return {
    load: async () => await Promise.resolve(text === null ? null : encodeUtf8(text)),
    save: async (note) => {
      text = decodeUtf8(note);
      await Promise.resolve();
    },
  };
}
