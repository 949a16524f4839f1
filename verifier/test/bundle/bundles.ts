import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVerifierKey } from '@tallystick/core/note';
import { exportBundle, fileSink } from '../../src/bundle/export-bundle.ts';
import type { Choice, Exported, ExportOptions } from '../../src/bundle/export-bundle.ts';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import type { Bundle } from '../../src/bundle/open-bundle.ts';
import { tarHeader } from '../../src/bundle/tar-header.ts';
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
      deadlineMs: 20_000,
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

export type Member = readonly [name: string, content: Uint8Array | string];

/** The members of a bundle but its sums. */
export function membersIn(bundle: Buffer): Member[] {
  return [...membersOf(bundle)]
    .filter(([name]) => name !== 'sha256sums')
    .map(([name, { at, size }]) => [name, bundle.subarray(at, at + size)] as const);
}

function padded(content: Uint8Array): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** A bundle of these members with sums that are right: what a forger can make. */
export function pack(
  list: readonly Member[],
  header = (name: string, size: number) => tarHeader({ name, size }),
): Buffer {
  const all = list.map(([name, content]) => [name, Buffer.from(content)] as const);
  const sums = all.map(([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
  const whole = [...all, ['sha256sums', Buffer.from(sums.join(''))] as const];
  return Buffer.concat([
    ...whole.flatMap(([name, content]) => [header(name, content.length), padded(content)]),
    Buffer.alloc(1024),
  ]);
}
