import type { PublishedLog } from '../ports/published-log.ts';
import { VerifierError } from '../errors.ts';
import { tooLarge } from '../published/log-path.ts';
import type { Room } from './copy-records.ts';

/** What was read of a published log, as a log of its own: a path that nobody read is not there. */
export class CopiedPublished implements PublishedLog {
  readonly place = 'a copy in memory';
  /** By path. Whoever changes what is in here alters the copy. */
  readonly files: Map<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.files = new Map([...files].map(([path, bytes]) => [path, Uint8Array.from(bytes)]));
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    await Promise.resolve();
    const bytes = this.files.get(path);
    if (bytes === undefined) return null;
    if (bytes.length > maxBytes) throw tooLarge(this.place, path, maxBytes, bytes.length);
    return bytes.slice();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/** Asks a published log for each path once, and keeps what it said. */
export class RecordingLog implements PublishedLog {
  readonly place: string;
  readonly files = new Map<string, Uint8Array>();
  private readonly source: PublishedLog;
  private readonly room: Room;
  private readonly absent = new Set<string>();

  constructor(source: PublishedLog, room: Room) {
    this.source = source;
    this.room = room;
    this.place = source.place;
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    const known = this.files.get(path);
    if (known !== undefined) return known.slice();
    if (this.absent.has(path)) return null;
    const bytes = await this.source.read(path, maxBytes);
    if (bytes === null) {
      this.absent.add(path);
      return null;
    }
    this.room.bytes -= bytes.length;
    if (this.room.bytes < 0) {
      throw new VerifierError('SELF_TEST_TOO_LARGE', `The log at ${this.place} holds more than a self-test copies.`);
    }
    this.files.set(path, bytes.slice());
    return bytes;
  }

  /** The source stays open: it is its owner's. */
  async close(): Promise<void> {
    await Promise.resolve();
  }
}
