import { tooLarge } from '../../src/store-errors.ts';
import type { OnceFiles } from '../../src/ports/once-files.ts';

/** Once-files in memory, for trying the scheme of the checkpoint stores without a folder or a bucket. */
export class MemoryOnceFiles implements OnceFiles {
  readonly where = 'memory';
  readonly files = new Map<string, Uint8Array>();

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const made = !this.files.has(name);
    if (made) this.files.set(name, bytes.slice());
    return await Promise.resolve(made);
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | null> {
    const bytes = await Promise.resolve(this.files.get(name));
    if (bytes !== undefined && bytes.length > maxBytes) throw tooLarge(name, maxBytes);
    return bytes?.slice() ?? null;
  }

  async list(after: string): Promise<readonly string[]> {
    return await Promise.resolve([...this.files.keys()].filter((name) => name > after).sort());
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) this.files.delete(name);
    await Promise.resolve();
  }

  async settle(): Promise<void> {
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
