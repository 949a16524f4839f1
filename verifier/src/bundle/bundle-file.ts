import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { inTime } from '../deadline.ts';
import { VerifierError } from '../errors.ts';

/** One read of a file may take this long: a network file system can hang. */
const deadlineMs = 60_000;

/** A bundle's file, read at places. */
export class BundleFile {
  readonly name: string;
  /** Bytes, as they were when it was opened. */
  readonly size: number;
  /** Tells the file from another one that has its name later, and from itself when it was written to. */
  readonly identity: string;
  readonly signal: AbortSignal | undefined;
  private readonly handle: FileHandle;

  private constructor(name: string, handle: FileHandle, stat: BigIntStats, signal: AbortSignal | undefined) {
    this.name = name;
    this.handle = handle;
    this.size = Number(stat.size);
    this.identity = `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}`;
    this.signal = signal;
  }

  /** @throws VerifierError BUNDLE_UNREADABLE, VERIFY_ABORTED */
  static async open(name: string, signal?: AbortSignal): Promise<BundleFile> {
    let handle: FileHandle | null = null;
    try {
      // A pipe that nobody writes to is opened at once, and refused below.
      handle = await open(name, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) throw new Error('it is not a plain file; write a stream to a file first');
      return new BundleFile(name, handle, stat, signal);
    } catch (cause) {
      await handle?.close();
      throw unreadable(name, cause);
    }
  }

  /**
   * Fills `into` with the bytes from `position` on.
   * @throws VerifierError BUNDLE_TRUNCATED where the file ends before, BUNDLE_UNREADABLE, VERIFY_ABORTED; KafkaError TIMED_OUT
   */
  async fill(into: Buffer, position: number): Promise<void> {
    for (let done = 0; done < into.length;) {
      const reading = this.handle.read(into, done, into.length - done, position + done);
      const what = `A read of ${this.name} at byte ${position + done}`;
      let bytesRead: number;
      try {
        ({ bytesRead } = await inTime(what, { deadlineMs, signal: this.signal }, reading));
      } catch (cause) {
        throw cause instanceof Error && 'errno' in cause ? unreadable(this.name, cause) : cause;
      }
      if (bytesRead === 0) throw truncated(this.name, `it ends at byte ${position + done}`);
      done += bytesRead;
    }
  }

  /** @see fill */
  async read(position: number, length: number): Promise<Buffer> {
    if (position + length > this.size) throw truncated(this.name, `it has ${this.size} bytes only`);
    const bytes = Buffer.allocUnsafe(length);
    await this.fill(bytes, position);
    return bytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

export function truncated(name: string, how: string): VerifierError {
  return new VerifierError(
    'BUNDLE_TRUNCATED',
    `The bundle ${name} is cut off: ${how}. Copy it again from where it was made, or export it again.`,
  );
}

function unreadable(name: string, cause: unknown): VerifierError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VerifierError('BUNDLE_UNREADABLE', `The bundle ${name} cannot be read: ${why}.`, { cause });
}
