import { crc32, deflateRawSync } from 'node:zlib';
import { xxhash32 } from '../src/codecs/xxhash32.ts';
import { concat, unsignedVarint } from './batch-builder.ts';

// Writers of compressed containers by hand, each part right or wrong as asked for.

export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return new Uint8Array(bytes);
}

export function i32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return new Uint8Array(bytes);
}

function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return new Uint8Array(bytes);
}

export interface GzipParts {
  readonly magic?: readonly number[];
  readonly method?: number;
  readonly flags?: number;
  /** Time, extra flags, system. */
  readonly fixed?: Uint8Array;
  /** What comes after the fixed header, as the flags announce it. */
  readonly optional?: Uint8Array;
  readonly headerCrc?: 'right' | 'wrong';
  readonly deflated?: Uint8Array;
  readonly crc?: number;
  readonly size?: number;
}

/** One gzip member (RFC 1952). */
export function gzip(content: Uint8Array, parts: GzipParts = {}): Uint8Array {
  const header = concat(
    Uint8Array.from(parts.magic ?? [0x1f, 0x8b]),
    Uint8Array.of(parts.method ?? 8, parts.flags ?? 0),
    parts.fixed ?? new Uint8Array(6),
    parts.optional ?? new Uint8Array(0),
  );
  const sum = (crc32(header) ^ (parts.headerCrc === 'wrong' ? 1 : 0)) & 0xffff;
  return concat(
    header,
    parts.headerCrc === undefined ? new Uint8Array(0) : u32(sum).subarray(0, 2),
    parts.deflated ?? deflateRawSync(content),
    u32((parts.crc ?? crc32(content)) >>> 0),
    u32(parts.size ?? content.length),
  );
}

export const snappy = {
  block: (size: number, ...elements: readonly Uint8Array[]): Uint8Array => {
    return concat(unsignedVarint(BigInt(size)), ...elements);
  },
  /** @param lengthBytes of the length field after the tag; 0 only for up to 60 bytes */
  literal: (bytes: Uint8Array, lengthBytes = bytes.length > 60 ? 2 : 0): Uint8Array => {
    if (lengthBytes === 0) return concat(Uint8Array.of((bytes.length - 1) << 2), bytes);
    return concat(Uint8Array.of((59 + lengthBytes) << 2), u32(bytes.length - 1).subarray(0, lengthBytes), bytes);
  },
  copy1: (offset: number, length: number): Uint8Array => {
    return Uint8Array.of(1 | ((length - 4) << 2) | ((offset >> 8) << 5), offset & 0xff);
  },
  copy2: (offset: number, length: number): Uint8Array => {
    return concat(Uint8Array.of(2 | ((length - 1) << 2)), u32(offset).subarray(0, 2));
  },
  copy4: (offset: number, length: number): Uint8Array => {
    return concat(Uint8Array.of(3 | ((length - 1) << 2)), u32(offset));
  },
  /** The chunks of snappy-java. */
  chunks: (blocks: readonly Uint8Array[], version = 1, compatible = 1): Uint8Array => {
    const header = concat(Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0), i32(version), i32(compatible));
    return concat(header, ...blocks.flatMap((block) => [i32(block.length), block]));
  },
};

export interface Lz4Parts {
  readonly version?: number;
  readonly dependent?: boolean;
  /** More bits of the flags byte. */
  readonly flags?: number;
  readonly descriptor?: number;
  readonly dictionary?: number;
  readonly contentSize?: bigint;
  readonly content?: Uint8Array;
  readonly contentChecksum?: 'right' | 'wrong';
  readonly blockChecksums?: 'right' | 'wrong';
  readonly headerChecksum?: 'wrong' | 'over the magic';
  readonly endMark?: Uint8Array;
}

export interface StoredBlock {
  readonly stored: Uint8Array;
}

/** The bytes that go on with a length of 15 or more. */
function extraLength(value: number): number[] {
  return value < 15 ? [] : [...Array.from({ length: Math.floor((value - 15) / 255) }, () => 255), (value - 15) % 255];
}

export const lz4 = {
  /** A block that is stored as it is. */
  stored: (bytes: Uint8Array): StoredBlock => {
    return { stored: bytes };
  },
  sequence: (literals: Uint8Array, offset: number, length: number): Uint8Array => {
    const match = length - 4;
    return concat(
      Uint8Array.of((Math.min(15, literals.length) << 4) | Math.min(15, match)),
      Uint8Array.from(extraLength(literals.length)),
      literals,
      u32(offset).subarray(0, 2),
      Uint8Array.from(extraLength(match)),
    );
  },
  /** The last sequence: literals only. */
  last: (literals: Uint8Array): Uint8Array => {
    const whole = lz4.sequence(literals, 0, 4);
    return whole.subarray(0, whole.length - 2);
  },
  frame: (blocks: readonly (Uint8Array | StoredBlock)[], parts: Lz4Parts = {}): Uint8Array => {
    const flags =
      (parts.version ?? 0x40) |
      (parts.dependent === true ? 0 : 0x20) |
      (parts.blockChecksums === undefined ? 0 : 0x10) |
      (parts.contentSize === undefined ? 0 : 0x08) |
      (parts.contentChecksum === undefined ? 0 : 0x04) |
      (parts.dictionary === undefined ? 0 : 0x01) |
      (parts.flags ?? 0);
    const descriptor = concat(
      Uint8Array.of(flags, parts.descriptor ?? 0x40),
      parts.contentSize === undefined ? new Uint8Array(0) : u64(parts.contentSize),
      parts.dictionary === undefined ? new Uint8Array(0) : u32(parts.dictionary),
    );
    const magic = u32(0x184d2204);
    const summed = parts.headerChecksum === 'over the magic' ? concat(magic, descriptor) : descriptor;
    const checksum = ((xxhash32(summed) >> 8) & 0xff) ^ (parts.headerChecksum === 'wrong' ? 1 : 0);
    const encoded = blocks.flatMap((block) => {
      const bytes = 'stored' in block ? block.stored : block;
      const sum = xxhash32(bytes) ^ (parts.blockChecksums === 'wrong' ? 1 : 0);
      return [
        u32('stored' in block ? 0x80000000 + bytes.length : bytes.length),
        bytes,
        parts.blockChecksums === undefined ? new Uint8Array(0) : u32(sum >>> 0),
      ];
    });
    const contentSum = xxhash32(parts.content ?? new Uint8Array(0)) ^ (parts.contentChecksum === 'wrong' ? 1 : 0);
    return concat(
      magic,
      descriptor,
      Uint8Array.of(checksum),
      ...encoded,
      parts.endMark ?? u32(0),
      parts.contentChecksum === undefined ? new Uint8Array(0) : u32(contentSum >>> 0),
    );
  },
};

export interface ZstdParts {
  /** More bits of the descriptor. */
  readonly descriptor?: number;
  readonly single?: boolean;
  readonly window?: number;
  readonly dictionary?: Uint8Array;
  /** 0 to 3, as in the descriptor. */
  readonly sizeFlag?: number;
  readonly size?: bigint;
}

export const zstd = {
  block: (type: number, size: number, content: Uint8Array, last = false): Uint8Array => {
    return concat(u32((size << 3) | (type << 1) | Number(last)).subarray(0, 3), content);
  },
  raw: (content: Uint8Array, last = false): Uint8Array => {
    return zstd.block(0, content.length, content, last);
  },
  rle: (byte: number, times: number, last = false): Uint8Array => {
    return zstd.block(1, times, Uint8Array.of(byte), last);
  },
  frame: (blocks: readonly Uint8Array[], parts: ZstdParts = {}): Uint8Array => {
    const flag = parts.sizeFlag ?? 0;
    const sizeBytes = flag === 0 ? Number(parts.single === true) : 2 ** flag;
    const size = (parts.size ?? 0n) - (sizeBytes === 2 ? 256n : 0n);
    return concat(
      u32(0xfd2fb528),
      Uint8Array.of((flag << 6) | (parts.single === true ? 0x20 : 0) | (parts.descriptor ?? 0)),
      parts.single === true ? new Uint8Array(0) : Uint8Array.of(parts.window ?? 0x40),
      parts.dictionary ?? new Uint8Array(0),
      u64(BigInt.asUintN(64, size)).subarray(0, sizeBytes),
      ...blocks,
    );
  },
};
