import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a file as a whole: after a crash at any moment it holds the old text or the new one, never a part. Durable once resolved. */
export async function writeFileAtomically(file: string, text: string): Promise<void> {
  const next = `${file}.${process.pid}.next`;
  try {
    const handle = await open(next, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Makes durable which names the folder has: what was made, renamed or linked in it before. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Runs one task at a time; of those asked for meanwhile only the last one runs. */
export class LatestOnly {
  #running: Promise<void> | null = null;
  #next: (() => Promise<void>) | null = null;
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  run(task: () => Promise<void>): void {
    this.#next = task;
    this.#running ??= this.#drain();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #drain(): Promise<void> {
    for (let task = this.#next; task !== null; task = this.#next) {
      this.#next = null;
      try {
        await task();
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#running = null;
  }
}
