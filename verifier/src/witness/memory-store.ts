import type { WitnessStore } from './store.ts';

/** Forgets everything with its process: for tests, never for a witness that anybody relies on. */
export function memoryWitnessStore(): WitnessStore {
  const notes = new Map<string, Uint8Array>();
  return {
    origins: () => [...notes.keys()],
    read: (origin) => Promise.resolve(notes.get(origin) ?? null),
    write: (origin, note) => {
      notes.set(origin, new Uint8Array(note));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
