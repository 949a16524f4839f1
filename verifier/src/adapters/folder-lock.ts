import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { processBegan } from '../process-began.ts';
import { codeOf, removeIfThere } from './whole-file.ts';

// One process at a time holds a folder. The lock is a file `lock-<n>`: who takes it over from a dead process creates the next
// number, which only one can do, and the highest number is the one that counts. So no lock of a living process is ever
// removed by one who was slow to look, as it would be where a stale file is deleted and made again.

export interface FolderLock {
  /** Does this process still hold the folder? Not so where somebody deleted the file by hand and another process started. */
  held(): Promise<boolean>;
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, null where the system does not tell. A process id alone is used again, in containers at once. */
  readonly began: string | null;
  readonly released?: true;
}

const lockName = /^lock-([1-9][0-9]{0,14})$/;

/**
 * Takes the folder.
 * @returns the holder's own words where another process holds it
 */
export async function lockFolder(
  folder: string,
): Promise<FolderLock | { readonly holder: string; readonly file: string }> {
  const mine: Holder = { pid: process.pid, host: hostname(), began: processBegan(process.pid) };
  for (;;) {
    const [newest = 0, ...older] = await numbers(folder);
    const file = join(folder, `lock-${newest}`);
    if (newest > 0) {
      const holder = await readIfThere(file);
      if (holder === null) continue; // a later one took over and cleaned up
      if (!isFree(holder)) return { holder, file };
    }
    const own = join(folder, `lock-${newest + 1}`);
    if (!(await createWhole(folder, own, JSON.stringify(mine)))) continue;
    const [highest] = await numbers(folder);
    if (highest !== newest + 1) {
      // We looked before others had come, gone and cleaned up.
      await unlink(own);
      continue;
    }
    for (const number of [newest, ...older]) if (number > 0) await removeIfThere(join(folder, `lock-${number}`));
    return {
      held: async () => (await numbers(folder))[0] === newest + 1,
      release: async () => {
        // The number stays, so that it is never given twice.
        const draft = await writeDraft(folder, JSON.stringify({ ...mine, released: true }));
        await rename(draft, own);
      },
    };
  }
}

/** The numbers of the locks that are there, highest first. */
async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names
    .map((name) => Number(lockName.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => b - a);
}

/** Creates a file that has its content from the first moment on; false where it is there already. */
async function createWhole(folder: string, file: string, text: string): Promise<boolean> {
  const draft = await writeDraft(folder, text);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

async function writeDraft(folder: string, text: string): Promise<string> {
  const draft = join(folder, `.lock-${randomUUID()}`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return draft;
}

/** Nobody holds it: it was released, or its process ran on this machine and is no more. What is not understood is held. */
function isFree(text: string): boolean {
  let holder: Partial<Holder>;
  try {
    holder = JSON.parse(text) as Partial<Holder>;
  } catch {
    return false;
  }
  if (holder.released === true) return true;
  if (holder.host !== hostname() || typeof holder.pid !== 'number') return false;
  const began = processBegan(holder.pid);
  if (typeof holder.began === 'string') return began !== holder.began;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
