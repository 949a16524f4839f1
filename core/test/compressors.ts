import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';

/** What snappy-java writes first: magic, version, lowest compatible version. */
export const xerialHeader = Buffer.from('82534e41505059000000000100000001', 'hex');

/** Snappy chunks as snappy-java writes them. */
export function xerial(data: Uint8Array, chunk = 32 * 1024): Buffer {
  const parts: Buffer[] = [xerialHeader];
  for (let at = 0; at < data.length; at += chunk) {
    const block = compressSync(data.subarray(at, at + chunk));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

export interface Compressor {
  readonly name: string;
  /** Kafka's number of the codec. */
  readonly codec: number;
  readonly compress: (data: Uint8Array) => Uint8Array;
}

/** Encoders that are not ours: node:zlib's and the native packages'. */
export const compressors: readonly Compressor[] = [
  { name: 'none', codec: 0, compress: (data) => data },
  { name: 'gzip', codec: 1, compress: (data) => gzipSync(data) },
  { name: 'gzip, stored blocks', codec: 1, compress: (data) => gzipSync(data, { level: 0 }) },
  { name: 'snappy, raw block', codec: 2, compress: (data) => compressSync(data) },
  { name: 'snappy, chunks', codec: 2, compress: (data) => xerial(data) },
  { name: 'snappy, small chunks', codec: 2, compress: (data) => xerial(data, 100) },
  { name: 'LZ4', codec: 3, compress: (data) => compressFrameSync(Buffer.from(data)) },
  {
    name: 'LZ4, checksums',
    codec: 3,
    compress: (data) => compressFrameSync(Buffer.from(data), { blockChecksums: true, contentChecksum: true }),
  },
  { name: 'zstd', codec: 4, compress: (data) => zstdCompressSync(data) },
  {
    name: 'zstd, checksum, small window, no size',
    codec: 4,
    compress: (data) =>
      zstdCompressSync(data, {
        params: {
          [constants.ZSTD_c_checksumFlag]: 1,
          [constants.ZSTD_c_windowLog]: 10,
          [constants.ZSTD_c_contentSizeFlag]: 0,
        },
      }),
  },
];
