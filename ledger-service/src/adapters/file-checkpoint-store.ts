import { link, rm } from 'node:fs/promises';
import { NumberedCheckpointStore } from '../numbered-checkpoints.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { OnceFiles } from '../ports/once-files.ts';
import { syncFolder } from './atomic-file.ts';
import { forEachBounded } from './bounded.ts';
import { fileError, hasErrno } from './file-errors.ts';
import { PublicFolder } from './public-folder.ts';

/** The checkpoint store in a folder that all publishers of one machine share. It needs a file system with hard links. */
export function fileCheckpointStore(
  dir: string,
  options: { readonly onWarning?: ((error: unknown) => void) | undefined } = {},
): CheckpointStore {
  return new NumberedCheckpointStore(new OnceFolder(dir), options);
}

/** A file is written whole and durable under a hidden name and gets its own by link(2), which fails where there is one already. */
class OnceFolder implements OnceFiles {
  readonly where: string;
  readonly #folder: PublicFolder;

  constructor(dir: string) {
    this.#folder = new PublicFolder(dir);
    this.where = this.#folder.root;
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    let staged: string | null = null;
    try {
      await this.#folder.makeFolder('');
      staged = await this.#folder.stage(bytes);
      const made = await linked(staged, this.#folder.at(name));
      // Also where it was not made: whoever made it may not have come so far.
      await syncFolder(this.where);
      return made;
    } catch (error) {
      throw fileError(error, `A checkpoint could not be stored in ${this.where}`);
    } finally {
      if (staged !== null) await rm(staged, { force: true });
    }
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | null> {
    return await this.#folder.read(name, maxBytes);
  }

  async list(after: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const { name, isFolder } of this.#folder.entries('')) if (!isFolder && name > after) names.push(name);
    return names.sort();
  }

  async remove(names: readonly string[]): Promise<void> {
    await forEachBounded(names, 16, async (name) => {
      await this.#folder.remove(name);
    });
  }

  async settle(): Promise<void> {
    try {
      await syncFolder(this.where);
    } catch (error) {
      throw fileError(error, `The checkpoints in ${this.where} could not be made durable`);
    }
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}
