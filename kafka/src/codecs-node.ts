import { inflateRawSync, zstdDecompressSync, constants } from 'node:zlib';
import { type Codecs, refusal } from '@tallystick/core/codecs';

const maxChunkBytes = 1024 * 1024;
const minChunkBytes = 64;

/**
 * What the inflaters say of the bytes they were given. Everything else that they throw (no memory, wrong use) says nothing
 * of the bytes, and must not make a batch one that does not parse.
 */
const ofTheData = new Set(['Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_NEED_DICT']);
const pastTheLimit = 'ERR_BUFFER_TOO_LARGE';
const zstdError = 'ZSTD_error_';
const notOfTheData = new Set(
  [
    'memory_allocation',
    'workSpace_tooSmall',
    'stage_wrong',
    'init_missing',
    'parameter_unsupported',
    'parameter_combination_unsupported',
    'parameter_outOfBound',
    'stabilityCondition_notRespected',
    'dstBuffer_null',
  ].map((name) => zstdError + name),
);

/** The inflaters of node:zlib as the port asks: they stop at the limit, and only what they say of the data is a refusal. */
export const nodeCodecs: Codecs = {
  inflateRaw(data, limit) {
    return refuse('gzip', limit, () => {
      const result: unknown = inflateRawSync(data, { ...bounds(limit), info: true });
      if (!isInfo(result)) throw new TypeError('inflateRawSync ignored its option info');
      return { output: within('gzip', result.buffer, limit), consumed: result.engine.bytesWritten };
    });
  },
  zstd(frame, limit) {
    return refuse('zstd', limit, () =>
      within(
        'zstd',
        zstdDecompressSync(frame, { ...bounds(limit), params: { [constants.ZSTD_d_windowLogMax]: 27 } }),
        limit,
      ),
    );
  },
};

/** With `info` Node returns the engine too, which knows how much of the input it took; its types do not say so. */
function isInfo(result: unknown): result is { buffer: Buffer; engine: { bytesWritten: number } } {
  return typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result;
}

/** Node takes neither a limit of 0 nor chunks of less than 64 bytes. */
function bounds(limit: number): { maxOutputLength: number; chunkSize: number } {
  // Node would take NaN for "no limit".
  if (!(Number.isSafeInteger(limit) && limit >= 0)) throw new RangeError(`${limit} is no limit`);
  return { maxOutputLength: Math.max(1, limit), chunkSize: Math.min(maxChunkBytes, Math.max(minChunkBytes, limit)) };
}

/** A limit of 0 is 1 for Node, so that what came out has to be looked at too. */
function within(codec: string, output: Buffer, limit: number): Buffer {
  if (output.length > limit) throw tooLarge(codec, limit);
  return output;
}

function tooLarge(codec: string, limit: number): Error {
  return refusal(`${codec}: decompresses to more than ${limit} bytes`);
}

function refuse<T>(codec: string, limit: number, inflate: () => T): T {
  try {
    return inflate();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === pastTheLimit) throw tooLarge(codec, limit);
    if (ofTheData.has(code) || (code.startsWith(zstdError) && !notOfTheData.has(code))) {
      throw refusal(`${codec}: ${error instanceof Error ? error.message : code}`);
    }
    throw error;
  }
}
