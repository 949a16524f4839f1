import { decodeGzip } from './codecs/gzip.ts';
import { decodeLz4 } from './codecs/lz4.ts';
import { refusal, tooLarge } from './codecs/refusal.ts';
import { decodeSnappy } from './codecs/snappy.ts';
import { decodeZstd } from './codecs/zstd.ts';

export { isRefusal, refusal } from './codecs/refusal.ts';

/**
 * The two inflaters that a platform brings. Snappy and LZ4 are decoded here, and the frames of gzip and zstd are walked
 * here, so that what parses is this project's rule and not a library's.
 */
export interface Codecs {
  /**
   * Inflates the raw deflate stream (RFC 1951) that `data` begins with. `consumed` is the bytes it took.
   * @throws `refusal` where it is malformed, cut off, or inflates to more than `limit` bytes: memory must not grow past that
   */
  inflateRaw(data: Uint8Array, limit: number): { output: Uint8Array; consumed: number };
  /**
   * Decodes one whole Zstandard frame with a window of up to 2^27 and verifies its checksum if it has one.
   * @throws `refusal` as above
   */
  zstd(frame: Uint8Array, limit: number): Uint8Array;
}

/** A batch whose records are more than this once decompressed does not parse: 64 MiB (protocol.md section 1). */
export const maxRecordsBytes = 64 * 1024 * 1024;

/**
 * The records field of a batch, decompressed by protocol.md section 1.
 * @param codec bits 0 to 2 of the batch's attributes: 0 none, 1 gzip, 2 snappy, 3 LZ4, 4 zstd
 * @param limit in bytes; only tests give another
 * @returns `data` itself where it is not compressed
 * @throws CoreError BATCH_UNPARSED with the reason; no other error means anything for the bytes
 */
export function decompress(
  codec: number,
  data: Uint8Array,
  codecs: Codecs,
  limit: number = maxRecordsBytes,
): Uint8Array {
  switch (codec) {
    case 0:
      if (data.length > limit) throw tooLarge('uncompressed', limit);
      return data;
    case 1:
      return decodeGzip(data, limit, codecs);
    case 2:
      return decodeSnappy(data, limit);
    case 3:
      return decodeLz4(data, limit);
    case 4:
      return decodeZstd(data, limit, codecs);
    default:
      throw refusal(`codec ${codec} is not known`);
  }
}
