import type { PublishedLog } from '../ports/published-log.ts';
import { tooLarge } from '../published/log-path.ts';
import type { BundleFile } from './bundle-file.ts';
import type { Extent } from './bundle-walk.ts';

/** The published log in a bundle, as it was read when the bundle was made. */
export class BundlePublished implements PublishedLog {
  readonly place: string;
  private readonly file: BundleFile;
  private readonly members: ReadonlyMap<string, Extent>;

  /** @param members by path below the log's root */
  constructor(file: BundleFile, members: ReadonlyMap<string, Extent>) {
    this.place = `${file.name} (log/)`;
    this.file = file;
    this.members = members;
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    const found = this.members.get(path);
    if (found === undefined) return null;
    if (found.size > maxBytes) throw tooLarge(this.place, path, maxBytes, found.size);
    return await this.file.read(found.position, found.size);
  }

  async close(): Promise<void> {
    // The bundle is closed as a whole.
    await Promise.resolve();
  }
}
