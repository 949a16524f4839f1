import type { Codecs } from '../codecs.ts';
import { crc32 } from './crc32.ts';
import { readU16, readU32 } from './little-endian.ts';
import { refusal, tooLarge } from './refusal.ts';

const fixedHeaderBytes = 10;
const trailerBytes = 8;
const flag = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10, reserved: 0xe0 };
/** Deflate gives at most 258 bytes for two bits. */
const maxExpansion = 1032;

/**
 * Exactly one gzip member (RFC 1952), nothing before or after it, reserved flags 0, with CRC-32, size and, where there is
 * one, header CRC right.
 * @throws CoreError BATCH_UNPARSED
 */
export function decodeGzip(data: Uint8Array, limit: number, codecs: Pick<Codecs, 'inflateRaw'>): Uint8Array {
  const start = endOfHeader(data);
  const end = data.length - trailerBytes;
  if (start >= end) throw refusal('gzip: ends before its trailer');
  const size = readU32(data, end + 4);
  if (size > limit) throw tooLarge('gzip', limit);
  // The size that the trailer claims is the limit: what inflates to more is wrong anyway, and costs no more memory.
  if (size > (end - start) * maxExpansion) throw refusal('gzip: the size in the trailer is more than can come out');
  const { output, consumed } = codecs.inflateRaw(data.subarray(start, end), size);
  if (consumed !== end - start) throw refusal('gzip: bytes after the first member');
  if (output.length !== size) throw refusal('gzip: the size in the trailer is wrong');
  if (crc32(output) !== readU32(data, end)) throw refusal('gzip: the CRC-32 of the content is wrong');
  return output;
}

/** RFC 1952, section 2.3. */
function endOfHeader(data: Uint8Array): number {
  if (data.length < fixedHeaderBytes) throw refusal('gzip: ends inside its header');
  if (data[0] !== 0x1f || data[1] !== 0x8b) throw refusal('gzip: does not begin with 1f 8b');
  if (data[2] !== 8) throw refusal('gzip: the compression method is not deflate');
  const flags = data[3] ?? 0;
  if (flags & flag.reserved) throw refusal('gzip: a reserved flag is set');
  let at = fixedHeaderBytes;
  if (flags & flag.extra) {
    if (at + 2 > data.length) throw refusal('gzip: ends inside its header');
    at += 2 + readU16(data, at);
  }
  if (flags & flag.name) at = afterZero(data, at);
  if (flags & flag.comment) at = afterZero(data, at);
  if (flags & flag.headerCrc) {
    if (at + 2 > data.length) throw refusal('gzip: ends inside its header');
    if ((crc32(data.subarray(0, at)) & 0xffff) !== readU16(data, at)) throw refusal('gzip: the header CRC is wrong');
    at += 2;
  }
  return at;
}

function afterZero(data: Uint8Array, from: number): number {
  const zero = data.indexOf(0, from);
  if (zero < 0) throw refusal('gzip: a text in the header does not end');
  return zero + 1;
}
