// CRC-32 of gzip (RFC 1952, section 8), four bytes at a time: table k holds the CRC of a byte followed by k zero bytes.
const tables = new Uint32Array(4 * 256);
for (let i = 0; i < 256; i++) {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  tables[i] = crc;
}
for (let i = 256; i < tables.length; i++) {
  const before = tables[i - 256] ?? 0;
  tables[i] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
}

/** The CRC-32 of RFC 1952, unsigned. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  let at = 0;
  for (const end = bytes.length - 3; at < end; at += 4) {
    const word =
      crc ^
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
    crc =
      (tables[768 + (word & 0xff)] ?? 0) ^
      (tables[512 + ((word >>> 8) & 0xff)] ?? 0) ^
      (tables[256 + ((word >>> 16) & 0xff)] ?? 0) ^
      (tables[word >>> 24] ?? 0);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}
