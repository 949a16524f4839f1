import { randomUUID } from 'node:crypto';
import { link, open, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

// Files that are there whole or not at all, whenever the process is killed: written under another name first. What a killed one leaves under that
// name is removed by `removeDrafts`.

/** Younger drafts may be another process' own, ms. */
const draftAgeMs = 60_000;
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Creates a file.
 * @param lasting whether it is to survive a power cut
 * @returns false where there is one of this name: it stays
 * @throws Error of node:fs
 */
export async function createWhole(
  file: string,
  content: Uint8Array | string,
  mode: number,
  lasting = true,
): Promise<boolean> {
  const draft = await writeDraft(file, content, mode, lasting);
  try {
    await link(draft, file).catch(async (error: unknown) => {
      // A memory stick's file system knows no links: what is killed in that moment leaves half a file there.
      if (!noLinks.has(codeOf(error) ?? '')) throw error;
      await writeFile(file, content, { flag: 'wx', mode, flush: true });
    });
    if (lasting) await syncFolder(dirname(file));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await removeIfThere(draft);
  }
}

/**
 * Replaces a file, or makes it. When this resolves it survives a power cut.
 * @param before called between writing and replacing; what it throws leaves the old file
 * @throws Error of node:fs; what `before` throws
 */
export async function replaceWhole(
  file: string,
  content: Uint8Array | string,
  mode: number,
  before: () => Promise<void> = async () => undefined,
): Promise<void> {
  const draft = await writeDraft(file, content, mode, true);
  try {
    await before();
    await rename(draft, file);
  } catch (error) {
    await removeIfThere(draft);
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Removes what killed processes left of files beside this one whose names begin with its name. Nothing depends on it. */
export async function removeDrafts(file: string): Promise<void> {
  const folder = dirname(file);
  const begins = `.${basename(file)}.`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(begins) || !/\.draft-[0-9a-f-]{36}$/.test(name)) continue;
    const draft = join(folder, name);
    try {
      if (Date.now() - (await stat(draft)).mtimeMs > draftAgeMs) await unlink(draft);
    } catch {
      continue;
    }
  }
}

export async function removeIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

async function writeDraft(file: string, content: Uint8Array | string, mode: number, lasting: boolean): Promise<string> {
  const draft = join(dirname(file), `.${basename(file)}.draft-${randomUUID()}`);
  try {
    const handle = await open(draft, 'wx', mode);
    try {
      await handle.writeFile(content);
      if (lasting) await handle.sync();
    } finally {
      await handle.close();
    }
    return draft;
  } catch (error) {
    await removeIfThere(draft);
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
