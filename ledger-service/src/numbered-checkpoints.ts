import { equalBytes } from '@tallystick/core/encoding';
import { maxCheckpointBytes, type CheckpointStore, type StoredCheckpoint } from './ports/checkpoint-store.ts';
import type { OnceFiles } from './ports/once-files.ts';
import { checkNote, storeUnavailable, versionsLost } from './store-errors.ts';

/** Old versions are removed after every so many swaps, but so many are always kept. */
export const keptVersions = 32;

const floorPrefix = 'pruned-';
const readTries = 10;

/**
 * Compare-and-swap over files that can only be made, once: version n is the file with that number, and whoever makes it has won. There
 * is no lock, and no moment in which a killed process leaves anything half done.
 *
 * Old versions are removed, so a process that was stopped for long could make one anew that others had made, gone past and removed. That
 * is why a floor is written down before anything up to it is removed (`pruned-<n>`), and why a swap looks for floors after it made its
 * file: where no floor had reached its version by then, the version was never removed, so it was never there before. A floor is removed
 * only once two higher ones are there, for a folder that is listed while files come and go may show neither of two that change places.
 */
export class NumberedCheckpointStore implements CheckpointStore {
  readonly #files: OnceFiles;
  readonly #onWarning: (error: unknown) => void;
  /** The highest version ever seen: a store that ends below it was rolled back. */
  #seen = 0;
  #pruning: Promise<void> | null = null;

  constructor(files: OnceFiles, options: { readonly onWarning?: ((error: unknown) => void) | undefined } = {}) {
    this.#files = files;
    this.#onWarning = options.onWarning ?? (() => {});
  }

  async newest(): Promise<StoredCheckpoint | null> {
    for (let tries = 1; tries <= readTries; tries += 1) {
      const seen = this.#seen;
      const names = await this.#files.list('');
      const floor = floorOf(names);
      const version = versionsOf(names).at(-1) ?? 0;
      const least = Math.max(seen, floor + 1);
      if (version === 0 && floor === 0 && seen === 0) return null;
      if (version < least) throw versionsLost(this.#files.where, least, version);
      const note = await this.#files.read(nameOf(version), maxCheckpointBytes);
      // Others made so many while this one looked that it was removed: look again.
      if (note === null) continue;
      await this.#files.settle();
      this.#seen = Math.max(this.#seen, version);
      return { version, note };
    }
    throw storeUnavailable(`The checkpoints in ${this.#files.where} vanish while they are read. It is tried again.`);
  }

  async swap(from: StoredCheckpoint | null, note: Uint8Array): Promise<StoredCheckpoint | null> {
    checkNote(note);
    const version = (from?.version ?? 0) + 1;
    const made = await this.#files.create(nameOf(version), note);
    if (!made) {
      // Perhaps it was made for us, and the answer was lost.
      const stored = await this.#files.read(nameOf(version), maxCheckpointBytes);
      if (stored === null || !equalBytes(stored, note)) return null;
    }
    const names = await this.#files.list(version < 3 ? '' : nameOf(version - 2));
    const floor = floorOf(names);
    if (floor >= version) return null;
    if (floor < version - 1 && !names.includes(nameOf(version - 1)))
      throw versionsLost(this.#files.where, version - 1, null);
    this.#seen = Math.max(this.#seen, version);
    if (version % keptVersions === 0 && version > keptVersions) this.#prune(version - keptVersions);
    return { version, note: note.slice() };
  }

  async close(): Promise<void> {
    await this.#pruning;
    await this.#files.close();
  }

  /** In the background: it takes nothing away that anybody needs, and what fails is done by the next one. */
  #prune(floor: number): void {
    const before = this.#pruning;
    this.#pruning = (async () => {
      await before;
      try {
        await this.#removeUpTo(floor);
      } catch (error) {
        this.#onWarning(error);
      }
    })();
  }

  async #removeUpTo(floor: number): Promise<void> {
    await this.#files.create(floorPrefix + nameOf(floor), new TextEncoder().encode(`${floor}\n`));
    const names = await this.#files.list('');
    const old = versionsOf(names).filter((version) => version <= floor);
    const floors = names.filter((name) => floorPattern.test(name)).slice(0, -2);
    await this.#files.remove([...old.map(nameOf), ...floors]);
  }
}

const versionPattern = /^[0-9]{20}$/;
const floorPattern = /^pruned-[0-9]{20}$/;

function nameOf(version: number): string {
  return String(version).padStart(20, '0');
}

/** In ascending order, as the names are. */
function versionsOf(names: readonly string[]): number[] {
  return names.filter((name) => versionPattern.test(name)).map(Number);
}

function floorOf(names: readonly string[]): number {
  const name = names.findLast((one) => floorPattern.test(one));
  return name === undefined ? 0 : Number(name.slice(floorPrefix.length));
}
