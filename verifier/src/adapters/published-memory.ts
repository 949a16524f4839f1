import type { PublishedLog } from '../ports/published-log.ts';
import { checkLogPath, tooLarge } from '../published/log-path.ts';

/** A published log whose resources are the entries of a map, by path: for tests and for copies that somebody alters. */
export function memoryPublishedLog(files: ReadonlyMap<string, Uint8Array>, place = 'memory'): PublishedLog {
  return {
    place,
    async read(path, maxBytes) {
      const bytes = files.get(checkLogPath(path));
      if (bytes === undefined) return null;
      if (bytes.length > maxBytes) throw tooLarge(place, path, maxBytes, bytes.length);
      return bytes.slice();
    },
    close: async () => undefined,
  };
}
