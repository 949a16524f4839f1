import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { VerifierError } from '../errors.ts';
import type { PublishedLog } from '../ports/published-log.ts';
import { checkLogPath, readAtMost, tooLarge, unavailable } from '../published/log-path.ts';

/**
 * The published log as a plain folder. The folder itself may be a symbolic link; inside there may be none: what somebody put there to lead
 * elsewhere, and what is no plain file, is refused.
 */
export function folderPublishedLog(folder: string): PublishedLog {
  const place = resolve(folder);
  let root: Promise<string> | null = null;
  return {
    place,
    async read(path, maxBytes) {
      const parts = checkLogPath(path).split('/');
      try {
        const base = await (root ??= realpath(place));
        const file = join(base, ...parts);
        if ((await realpath(dirname(file))) !== dirname(file))
          throw unavailable(place, path, 'a symbolic link leads to it');
        // Without O_NONBLOCK the opening of a pipe would never return.
        const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
        try {
          const found = await handle.stat();
          if (!found.isFile()) throw unavailable(place, path, 'it is no plain file');
          if (found.size > maxBytes) throw tooLarge(place, path, maxBytes, found.size);
          const body = handle.createReadStream({ autoClose: false });
          return await readAtMost(body, maxBytes, () => tooLarge(place, path, maxBytes, null));
        } finally {
          await handle.close();
        }
      } catch (error) {
        if (error instanceof VerifierError) throw error;
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        // A folder that is not there is another thing than a resource that is not: somebody named the wrong one.
        if (code === 'ENOENT' && root !== null && (await root.catch(() => null)) !== null) return null;
        root = null;
        if (code === 'ELOOP') throw unavailable(place, path, 'it is a symbolic link', error);
        throw unavailable(place, path, error instanceof Error ? error.message : String(error), error);
      }
    },
    close: async () => undefined,
  };
}
