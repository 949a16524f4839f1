import { rename, rm, rmdir } from 'node:fs/promises';
import { checkDistinct, checkLogPath, isLogPath } from '../domain/log-paths.ts';
import type { LogObject, LogStore } from '../ports/log-store.ts';
import { syncFolder } from './atomic-file.ts';
import { forEachBounded } from './bounded.ts';
import { fileError, hasErrno } from './file-errors.ts';
import { PublicFolder } from './public-folder.ts';

const atOnce = 16;
// Somebody who removes the last partial tile of a folder removes the folder too, perhaps between our making it and our rename into it.
const renameTries = 5;

/**
 * The published log as a plain folder with exactly the paths of C2SP tlog-tiles, for any web server or tool to read. What is written is
 * first whole and durable under a hidden name in `.tmp`, then renamed. The folder is made by the first write.
 */
export class FileLogStore implements LogStore {
  readonly #folder: PublicFolder;

  /** @param dir the folder; it must be on one file system */
  constructor(dir: string) {
    this.#folder = new PublicFolder(dir);
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    checkLogPath(path);
    return await this.#folder.read(path, maxBytes);
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.writeAll([{ path, bytes }]);
  }

  async writeAll(objects: readonly LogObject[]): Promise<void> {
    checkDistinct(objects.map(({ path }) => path));
    const staged = new Map<string, string>();
    try {
      await forEachBounded(objects, atOnce, async ({ path, bytes }) => {
        staged.set(path, await this.#folder.stage(bytes));
      });
      const folders = [...new Set(objects.map(({ path }) => folderOf(path)))];
      for (const folder of folders) await this.#folder.makeFolder(folder);
      for (const [path, file] of staged) {
        await this.#rename(file, path);
        staged.delete(path);
      }
      await forEachBounded(folders, atOnce, async (folder) => {
        await this.#sync(folder);
      });
    } catch (error) {
      throw fileError(error, `The log could not be written to ${this.#folder.root}`);
    } finally {
      for (const file of staged.values()) await rm(file, { force: true });
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) checkLogPath(path);
    await forEachBounded(paths, atOnce, async (path) => {
      if (await this.#folder.remove(path)) await this.#removeEmpty(folderOf(path));
    });
  }

  async *list(prefix: string): AsyncGenerator<string> {
    for await (const path of this.#walk('', prefix)) if (isLogPath(path)) yield path;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  async *#walk(folder: string, prefix: string): AsyncGenerator<string> {
    for await (const { name, isFolder } of this.#folder.entries(folder)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (!isFolder) {
        if (path.startsWith(prefix)) yield path;
      } else if (!name.startsWith('.') && (prefix.startsWith(`${path}/`) || path.startsWith(prefix))) {
        yield* this.#walk(path, prefix);
      }
    }
  }

  async #rename(file: string, path: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await rename(file, this.#folder.at(path));
      } catch (error) {
        if (!hasErrno(error, 'ENOENT') || tries === renameTries) throw error;
        this.#folder.forget(folderOf(path));
        await this.#folder.makeFolder(folderOf(path));
      }
    }
  }

  async #sync(folder: string): Promise<void> {
    try {
      await syncFolder(this.#folder.at(folder));
    } catch (error) {
      // Somebody removed what was just written, and with it the folder: there is nothing to keep.
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
  }

  /** The folder of partial tiles goes with the last one of them; the others stay. */
  async #removeEmpty(folder: string): Promise<void> {
    if (!folder.endsWith('.p')) return;
    try {
      await rmdir(this.#folder.at(folder));
    } catch (error) {
      if (!hasErrno(error, 'ENOTEMPTY') && !hasErrno(error, 'EEXIST') && !hasErrno(error, 'ENOENT'))
        throw fileError(error, `${this.#folder.at(folder)} cannot be removed`);
    }
    this.#folder.forget(folder);
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
