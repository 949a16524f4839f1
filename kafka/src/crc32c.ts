import { crc32c as native } from '@node-rs/crc32';

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), as Kafka's record batches carry it. Unsigned 32-bit result. */
export function crc32c(bytes: Uint8Array): number {
  return native(bytes);
}
