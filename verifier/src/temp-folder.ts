import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';

/** What the names of this machine's folders begin with: folders that containers share are told apart by their host names. */
const prefix = `tallystick-verify-${createHash('sha256').update(hostname()).digest('hex').slice(0, 8)}-`;

/**
 * A folder of a run's own for what does not fit into memory. Its name holds the number of the process: what a run left that was killed
 * is removed by the next one that makes a folder beside it.
 */
export class TempFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * @param parent default: the system's folder for such files
   * @throws Error of node:fs where none can be made
   */
  static async make(parent: string = tmpdir()): Promise<TempFolder> {
    await removeLeft(parent);
    return new TempFolder(await mkdtemp(join(parent, `${prefix}${process.pid}-`)));
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Removes this user's folders of processes that are gone. What cannot be looked at or removed stays, and is nobody's trouble. */
async function removeLeft(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(/^(\d{1,10})-[A-Za-z0-9]{6}$/.exec(name.slice(prefix.length))?.[1] ?? Number.NaN);
    const path = join(parent, name);
    try {
      if (Number.isNaN(pid) || !(await isOwn(path)) || (await isInUse(pid, path))) continue;
      await rm(path, { recursive: true, force: true });
    } catch {
      continue;
    }
  }
}

async function isOwn(path: string): Promise<boolean> {
  const stat = await lstat(path);
  return stat.isDirectory() && (process.getuid === undefined || stat.uid === process.getuid());
}

/** Whether the process is there. In a container that began again it may have the number of this one: then the folder is older than this one. */
async function isInUse(pid: number, path: string): Promise<boolean> {
  if (pid === process.pid) return (await lstat(path)).mtimeMs >= Date.now() - process.uptime() * 1000 - 1_000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
