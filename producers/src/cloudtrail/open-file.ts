import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { ProducersError } from '../errors.ts';

const refused: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ['a zip archive: unpack it first', [0x50, 0x4b, 0x03, 0x04]],
  ['compressed with zstd: unpack it first', [0x28, 0xb5, 0x2f, 0xfd]],
  ['compressed with bzip2: unpack it first', [0x42, 0x5a, 0x68]],
  ['a Parquet file: export it as JSON', [0x50, 0x41, 0x52, 0x31]],
  ['UTF-16 text: convert it to UTF-8', [0xff, 0xfe]],
  ['UTF-16 text: convert it to UTF-8', [0xfe, 0xff]],
];

const packedPiece = 16_384;

function begins(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

/**
 * The bytes of a file, unpacked if it is gzip by its first bytes, whatever its name is. Joined gzip members are one stream.
 * @throws ProducersError IMPORT_FILE where it cannot be read to its end, after what could be read
 */
export async function* openFile(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  const source = createReadStream(path, { highWaterMark: 262_144, ...(signal === undefined ? {} : { signal }) });
  try {
    const first = await firstBytes(source);
    for (const [what, magic] of refused) {
      if (begins(first, magic))
        throw new ProducersError('IMPORT_FILE', `${path} is ${what}`, { evidence: { file: path } });
    }
    yield* begins(first, [0x1f, 0x8b]) ? unpack(first, source) : joined(first, source);
  } catch (error) {
    if (error instanceof ProducersError || signal?.aborted === true) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ProducersError('IMPORT_FILE', `${path} cannot be read to its end: ${why}`, {
      cause: error,
      evidence: { file: path },
    });
  } finally {
    source.destroy();
  }
}

/** At least four bytes, fewer only if the file has no more. */
async function firstBytes(
  source: AsyncIterable<Buffer> & {
    iterator?: (options: { destroyOnReturn: boolean }) => AsyncIterableIterator<Buffer>;
  },
): Promise<Buffer> {
  let first = Buffer.alloc(0);
  const parts = source.iterator?.({ destroyOnReturn: false }) ?? source;
  for await (const part of parts) {
    first = Buffer.concat([first, part]);
    if (first.length >= 4) break;
  }
  return first;
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, void> {
  if (first.length > 0) yield first;
  yield* rest;
}

/**
 * Unpacks gzip so that all that comes before an error is given out before the error: Node's own iteration of a stream drops
 * what is buffered when the stream fails, and of a cut-off file that would be good records.
 */
async function* unpack(first: Uint8Array, rest: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, void> {
  const gunzip = createGunzip();
  let out: Buffer[] = [];
  let failure: Error | null = null;
  gunzip.on('data', (part: Buffer) => out.push(part));
  gunzip.on('error', (error) => {
    failure = error;
  });
  const ended = new Promise<void>((resolve) => gunzip.once('close', resolve));
  try {
    for await (const part of joined(first, rest)) {
      // Small pieces bound what one of them can become: gzip packs at most 1,032 to one.
      for (let at = 0; at < part.length && failure === null; at += packedPiece) {
        // A stream that fails does not answer the write any more.
        await Promise.race([
          new Promise<void>((resolve) => gunzip.write(part.subarray(at, at + packedPiece), () => resolve())),
          ended,
        ]);
        yield* out;
        out = [];
      }
      if (failure !== null) break;
    }
    if (failure === null) gunzip.end();
    await ended;
    yield* out;
    if (failure !== null) throw failure;
  } finally {
    gunzip.destroy();
  }
}
