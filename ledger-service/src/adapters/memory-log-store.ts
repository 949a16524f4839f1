import { checkDistinct, checkLogPath } from '../domain/log-paths.ts';
import type { LogObject, LogStore } from '../ports/log-store.ts';
import { tooLarge } from '../store-errors.ts';

/** A log in memory, for tests and simulations. It lives as long as this object: "durable" means that it outlives its users. */
export class MemoryLogStore implements LogStore {
  readonly #objects = new Map<string, Uint8Array>();

  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    checkLogPath(path);
    const bytes = this.#objects.get(path);
    if (bytes === undefined) return await Promise.resolve(null);
    if (bytes.length > maxBytes) throw tooLarge(path, maxBytes);
    return bytes.slice();
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.writeAll([{ path, bytes }]);
  }

  async writeAll(objects: readonly LogObject[]): Promise<void> {
    checkDistinct(objects.map(({ path }) => path));
    for (const { path, bytes } of objects) this.#objects.set(path, bytes.slice());
    await Promise.resolve();
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) checkLogPath(path);
    for (const path of paths) this.#objects.delete(path);
    await Promise.resolve();
  }

  async *list(prefix: string): AsyncGenerator<string> {
    await Promise.resolve();
    for (const path of this.#objects.keys()) if (path.startsWith(prefix)) yield path;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
