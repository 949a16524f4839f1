import { randomUUID } from 'node:crypto';
import { link, open, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { answered, codeOf } from './file-calls.ts';

export { codeOf } from './file-calls.ts';

// Files that are there whole or not at all, whenever the process is killed: written under another name first. What a killed one leaves under that
// name is removed by `removeDrafts`. Each wait for the file system ends, as `answered` says.

/** Younger drafts may be another process' own, ms. */
const draftAgeMs = 60_000;
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Creates a file.
 * @param lasting whether it is to survive a power cut
 * @returns false where there is one of this name: it stays
 * @throws Error of node:fs; KafkaError TIMED_OUT: then it may still come to be there
 */
export async function createWhole(
  file: string,
  content: Uint8Array | string,
  mode: number,
  lasting = true,
): Promise<boolean> {
  const folder = dirname(file);
  const draft = await writeDraft(file, content, mode, lasting);
  try {
    await answered(folder, () => link(draft, file)).catch(async (error: unknown) => {
      // A memory stick's file system knows no links: what is killed in that moment leaves half a file there.
      if (!noLinks.has(codeOf(error) ?? '')) throw error;
      await answered(folder, () => writeFile(file, content, { flag: 'wx', mode, flush: true }));
    });
    if (lasting) await syncFolder(folder);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await removeIfThere(draft);
  }
}

/**
 * Replaces a file, or makes it.
 * @param before called between writing and replacing; what it throws leaves the old file
 * @param lasting whether it is to survive a power cut once this resolves
 * @throws Error of node:fs; KafkaError TIMED_OUT; what `before` throws
 */
export async function replaceWhole(
  file: string,
  content: Uint8Array | string,
  mode: number,
  before: () => Promise<void> = async () => undefined,
  lasting = true,
): Promise<void> {
  const draft = await writeDraft(file, content, mode, lasting);
  try {
    await before();
    await answered(dirname(file), () => rename(draft, file));
  } catch (error) {
    await removeIfThere(draft).catch(() => undefined);
    throw error;
  }
  if (lasting) await syncFolder(dirname(file));
}

/** Removes what killed processes left of files beside this one whose names begin with its name. Nothing depends on it. */
export async function removeDrafts(file: string): Promise<void> {
  const folder = dirname(file);
  const begins = `.${basename(file)}.`;
  for (const name of await answered(folder, () => readdir(folder)).catch(() => [])) {
    if (!name.startsWith(begins) || !/\.draft-[0-9a-f-]{36}$/.test(name)) continue;
    const draft = join(folder, name);
    try {
      const { mtimeMs } = await answered(folder, () => stat(draft));
      if (Date.now() - mtimeMs > draftAgeMs) await answered(folder, () => unlink(draft));
    } catch {
      continue;
    }
  }
}

export async function removeIfThere(file: string): Promise<void> {
  try {
    await answered(dirname(file), () => unlink(file));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function writeDraft(file: string, content: Uint8Array | string, mode: number, lasting: boolean): Promise<string> {
  const folder = dirname(file);
  const draft = join(folder, `.${basename(file)}.draft-${randomUUID()}`);
  try {
    await answered(folder, async () => {
      const handle = await open(draft, 'wx', mode);
      try {
        await handle.writeFile(content);
        if (lasting) await handle.sync();
      } finally {
        await handle.close();
      }
    });
    return draft;
  } catch (error) {
    await removeIfThere(draft).catch(() => undefined);
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  await answered(folder, async () => {
    const directory = await open(folder, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  });
}
