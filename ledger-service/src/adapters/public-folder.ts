import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, opendir, realpath, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { storeInvalid, tooLarge } from '../store-errors.ts';
import { syncFolder } from './atomic-file.ts';
import { fileError, hasErrno } from './file-errors.ts';

const fileMode = 0o644;
const folderMode = 0o755;
// Hidden, and closed to others: what is half written is nobody's business.
const temporaryName = '.tmp';
const temporaryMode = 0o700;
/** A temporary file of this age was left by a process that was killed: none of ours lives for a minute. */
const abandonedMs = 60 * 60_000;

/**
 * A folder that others may read: files of mode 0644 in folders of mode 0755, whatever the umask, that appear whole. No symbolic link in
 * it is followed, so nobody who can write there makes us read or write elsewhere; the folder itself may be one.
 * Paths are relative, with "/", and checked by the caller.
 */
export class PublicFolder {
  readonly root: string;
  readonly #temporary: string;
  /** Folders whose names are known to be durable. */
  readonly #settled = new Set<string>();
  #swept = false;

  constructor(root: string) {
    this.root = resolve(root);
    this.#temporary = join(this.root, temporaryName);
  }

  at(path: string): string {
    return path === '' ? this.root : join(this.root, ...path.split('/'));
  }

  /** The bytes of a file, or null where there is none. At most `maxBytes + 1` bytes are ever held. */
  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    const file = this.at(path);
    try {
      if (!(await this.#isOurs(dirname(file)))) return null;
      // Without O_NONBLOCK the opening of a pipe that somebody put there would never return.
      const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
      try {
        const found = await handle.stat();
        if (!found.isFile()) throw storeInvalid(`${file} is no plain file. Find out who put it there, and remove it.`);
        if (found.size > maxBytes) throw tooLarge(file, maxBytes);
        return await readAtMost(handle, file, maxBytes);
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return null;
      throw fileError(error, `${file} cannot be read`);
    }
  }

  /** Writes a file that nobody sees yet, durable but for its name. Whoever asks renames, links or removes it. */
  async stage(bytes: Uint8Array): Promise<string> {
    await this.#sweep();
    const file = join(this.#temporary, `${process.pid}-${randomBytes(9).toString('base64url')}`);
    let handle;
    try {
      handle = await open(file, 'wx', fileMode);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
      await this.#makeTemporary();
      handle = await open(file, 'wx', fileMode);
    }
    try {
      await handle.chmod(fileMode);
      await handle.writeFile(bytes);
      await handle.sync();
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    return file;
  }

  /** Makes the folder if it is not there; its name is durable then, and it is truly in this folder. */
  async makeFolder(path: string): Promise<void> {
    let folder = this.root;
    if (!this.#settled.has(this.at(path))) {
      await this.#make(folder);
      for (const name of path === '' ? [] : path.split('/')) {
        // Before anything is made in it: it may be a link to elsewhere.
        await this.#isOurs(folder);
        folder = join(folder, name);
        await this.#make(folder);
      }
    }
    await this.#isOurs(this.at(path));
  }

  /** After the folder was found missing: it is made anew by the next `makeFolder`. */
  forget(path: string): void {
    this.#settled.delete(this.at(path));
  }

  /** Removes a file; true where it was there. */
  async remove(path: string): Promise<boolean> {
    const file = this.at(path);
    try {
      if (!(await this.#isOurs(dirname(file)))) return false;
      await unlink(file);
      return true;
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return false;
      throw fileError(error, `${file} cannot be removed`);
    }
  }

  /** The files and folders in a folder, one after the other; nothing where there is no such folder. Links are left out. */
  async *entries(path: string): AsyncGenerator<{ readonly name: string; readonly isFolder: boolean }> {
    const folder = this.at(path);
    try {
      if (!(await this.#isOurs(folder))) return;
      for await (const entry of await opendir(folder)) {
        if (entry.isFile() || entry.isDirectory()) yield { name: entry.name, isFolder: entry.isDirectory() };
      }
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw fileError(error, `${folder} cannot be read`);
    }
  }

  /** False where there is no such folder. @throws LedgerError LOG_STORE_INVALID where a link leads to it */
  async #isOurs(folder: string): Promise<boolean> {
    if (folder === this.root) return true;
    try {
      const [real, root] = await Promise.all([realpath(folder), realpath(this.root)]);
      if (real === root + folder.slice(this.root.length)) return true;
      throw storeInvalid(
        `${folder} is reached through a symbolic link, to ${real}. Links in the folder are not followed: find out who made it, and remove it.`,
        { evidence: { folder, expected: root + folder.slice(this.root.length), found: real } },
      );
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return false;
      throw error;
    }
  }

  async #make(folder: string): Promise<void> {
    if (this.#settled.has(folder)) return;
    try {
      await mkdir(folder);
      await chmod(folder, folderMode);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) {
        await this.#make(dirname(folder));
        return await this.#make(folder);
      }
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
    // Also where somebody else made it: the name may not be durable yet.
    await syncFolder(dirname(folder));
    this.#settled.add(folder);
  }

  async #makeTemporary(): Promise<void> {
    this.#settled.clear();
    await this.makeFolder('');
    try {
      await mkdir(this.#temporary, temporaryMode);
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
  }

  /** Once in the life of this object. */
  async #sweep(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    for await (const { name, isFolder } of this.entries(temporaryName)) {
      const file = join(this.#temporary, name);
      try {
        if (!isFolder && Date.now() - (await stat(file)).mtimeMs > abandonedMs) await unlink(file);
      } catch (error) {
        if (!hasErrno(error, 'ENOENT')) throw error;
      }
    }
  }
}

async function readAtMost(handle: FileHandle, file: string, maxBytes: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const piece = Buffer.allocUnsafe(Math.min(maxBytes + 1 - length, 64 * 1024));
    const { bytesRead } = await handle.read(piece, 0, piece.length, null);
    if (bytesRead === 0) return new Uint8Array(Buffer.concat(pieces, length));
    pieces.push(piece.subarray(0, bytesRead));
    length += bytesRead;
    if (length > maxBytes) throw tooLarge(file, maxBytes);
  }
}
