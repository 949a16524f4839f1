import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVerifierKey } from '@tallystick/core/note';
import { exportBundle, fileSink } from '../../src/bundle/export-bundle.ts';
import type { Choice, Exported, ExportOptions } from '../../src/bundle/export-bundle.ts';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import type { Bundle } from '../../src/bundle/open-bundle.ts';
import { origin, rootKey, topics } from '../support/world.ts';
import type { World } from '../support/world.ts';

export const everything: Choice = { from: null, to: null, partition: null };

/** A folder for bundles that goes away with `end`. */
export class BundleFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'tallystick-bundle-'));
  private count = 0;

  file(): string {
    this.count += 1;
    return join(this.path, `${this.count}.bundle`);
  }

  /** A file with these bytes. */
  write(bytes: Uint8Array): string {
    const file = this.file();
    writeFileSync(file, bytes);
    return file;
  }

  async export(world: World, options: Partial<ExportOptions> = {}): Promise<Exported & { file: string }> {
    const file = this.file();
    const exported = await exportBundle({
      log: world.log,
      topics,
      origin,
      rootKey: parseVerifierKey(rootKey.vkey),
      published: null,
      schemas: null,
      logKeys: [],
      policy: null,
      choice: everything,
      asked: { from: null, to: null, partition: null },
      sink: options.sink ?? (await fileSink(file)),
      deadlineMs: 2_000,
      now: () => 1_700_000_000_000,
      ...options,
    });
    return { ...exported, file };
  }

  async bytesOf(world: World, options: Partial<ExportOptions> = {}): Promise<Buffer> {
    return readFileSync((await this.export(world, options)).file);
  }

  end(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Opens a bundle for the time of `use`. */
export async function withBundle<T>(file: string, use: (bundle: Bundle) => Promise<T>): Promise<T> {
  const bundle = await openBundle(file);
  try {
    return await use(bundle);
  } finally {
    await bundle.close();
  }
}

/** Where the content of each member begins, by name: read by the rules of tar alone. */
export function membersOf(bytes: Buffer): Map<string, { at: number; size: number }> {
  const members = new Map<string, { at: number; size: number }>();
  for (let at = 0; bytes[at] !== 0;) {
    const name = bytes.toString('latin1', at, bytes.indexOf(0, at));
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    members.set(name, { at: at + 512, size });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}
