import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { VerifierError } from '../errors.ts';

/** Where a bundle goes, from its first byte to its last. */
export interface BundleSink {
  /** Resolves when more can be written; the bytes may be used again then. */
  write(bytes: Uint8Array): Promise<void>;
  /** The bundle is whole: only now it is there for others. */
  finish(): Promise<void>;
  /** The bundle will not become whole: what was written goes away. */
  abandon(): Promise<void>;
}

/**
 * A file that appears, under its name, only when it is whole: until then it is `<name>.part`. Readable by its owner alone, for events are in it.
 * @throws VerifierError BUNDLE_WRITE, from every method but `abandon`
 */
export async function fileSink(name: string): Promise<BundleSink> {
  const part = `${name}.part`;
  const handle = await written(part, open(part, 'w', 0o600));
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await written(part, handle.write(bytes, done));
        done += bytesWritten;
      }
    },
    async finish() {
      await written(part, handle.sync());
      await written(part, handle.close());
      await written(name, rename(part, name));
      const folder = await written(name, open(dirname(name), 'r'));
      try {
        await written(name, folder.sync());
      } finally {
        await folder.close();
      }
    },
    async abandon() {
      await handle.close().catch(() => undefined);
      await rm(part, { force: true });
    },
  };
}

/** A pipe: who reads it sees by the missing end that it broke off. */
export function streamSink(stream: Writable): BundleSink {
  let failed: Error | null = null;
  const onError = (error: Error): void => void (failed ??= error);
  stream.on('error', onError);
  return {
    async write(bytes) {
      const writing = new Promise<void>((resolve, reject) => {
        if (failed !== null) reject(failed);
        else stream.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)));
      });
      await written('the output', writing);
    },
    async finish() {
      stream.off('error', onError);
      await Promise.resolve();
    },
    async abandon() {
      await Promise.resolve();
    },
  };
}

async function written<T>(name: string, doing: Promise<T>): Promise<T> {
  try {
    return await doing;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VerifierError('BUNDLE_WRITE', `The bundle cannot be written to ${name}: ${why}.`, { cause });
  }
}
