import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { answered, fileDeadlineMs, isTimeout } from '../adapters/file-calls.ts';
import { checkAbort, inTime } from '../deadline.ts';
import { VerifierError } from '../errors.ts';

/** How long a file is waited for when it is closed, ms. It is closed only once every read of it was answered, which a dead mount never does. */
const closeMs = 2_000;

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

  /** @throws VerifierError BUNDLE_UNREADABLE, VERIFY_ABORTED; KafkaError TIMED_OUT */
  static async open(name: string, signal?: AbortSignal): Promise<BundleFile> {
    let opening: Promise<Opened> | null = null;
    try {
      const { handle, stat } = await patiently(name, signal, () => (opening = openPlain(name)));
      return new BundleFile(name, handle, stat, signal);
    } catch (cause) {
      // What comes after all is of use to nobody.
      void (opening as Promise<Opened> | null)?.then(
        async ({ handle }) => await handle.close(),
        () => undefined,
      );
      throw cause;
    }
  }

  /**
   * Fills `into` with the bytes from `position` on.
   * @throws VerifierError BUNDLE_TRUNCATED where the file ends before, BUNDLE_UNREADABLE, VERIFY_ABORTED; KafkaError TIMED_OUT
   */
  async fill(into: Buffer, position: number): Promise<void> {
    for (let done = 0; done < into.length;) {
      const from = done;
      const { bytesRead } = await patiently(this.name, this.signal, async () => {
        return await this.handle.read(into, from, into.length - from, position + from);
      });
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

  /** Resolves in time: where a read is not answered, the file is closed when it is. */
  async close(): Promise<void> {
    try {
      await inTime(`Closing ${this.name}`, { deadlineMs: closeMs, signal: undefined }, this.handle.close());
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
  }
}

interface Opened {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
}

async function openPlain(name: string): Promise<Opened> {
  // A pipe that nobody writes to is opened at once, and refused below.
  const handle = await open(name, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) throw new NotPlain('it is not a plain file; write a stream to a file first');
    return { handle, stat };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class NotPlain extends Error {}

/**
 * What the file system answers about the bundle.
 * @throws VerifierError BUNDLE_UNREADABLE, VERIFY_ABORTED; KafkaError TIMED_OUT
 */
async function patiently<T>(name: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  checkAbort(signal);
  try {
    // The folder's own deadline is the first to pass; the signal is heeded here.
    const patience = { deadlineMs: fileDeadlineMs, signal };
    return await inTime(`The bundle ${name}`, patience, answered(dirname(name), call));
  } catch (cause) {
    const isOfFile = cause instanceof NotPlain || (cause instanceof Error && 'errno' in cause);
    throw isOfFile ? unreadable(name, cause) : cause;
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
