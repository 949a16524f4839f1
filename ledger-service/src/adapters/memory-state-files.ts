import { encodeUtf8 } from '@tallystick/core/encoding';
import type { StateFiles } from '../ports/state-files.ts';

/** State files in memory, for simulations: they outlive the ledger that writes them as a folder would. */
export class MemoryStateFiles implements StateFiles {
  readonly place = 'memory';
  readonly #texts = new Map<string, string>();

  async read(name: string): Promise<Uint8Array | null> {
    const text = this.#texts.get(name);
    return await Promise.resolve(text === undefined ? null : encodeUtf8(text));
  }

  async write(name: string, text: string): Promise<void> {
    this.#texts.set(name, text);
    await Promise.resolve();
  }
}
