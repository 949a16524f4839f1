import { hash } from 'node:crypto';

/** The value of a hexadecimal digit in lower case; negative for all other bytes. */
const digits = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) digits[value.toString(16).charCodeAt(0)] = value;
const dash = 0x2d;
const uuidLength = 36;

/**
 * The 16 bytes that an id is compared by, as four words: those of a UUID in lower case, and of any other text the first of its
 * SHA-256. Equal ids have equal words; that other ids never do is as sure as SHA-256.
 * @param bytes its text is `bytes[from, to)`
 */
export function idWords(bytes: Uint8Array, from: number, to: number, words: Uint32Array): void {
  if (to - from === uuidLength && uuidWords(bytes, from, words)) return;
  const digest = Buffer.from(hash('sha256', bytes.subarray(from, to), 'hex').slice(0, 32), 'hex');
  for (let word = 0; word < 4; word++) words[word] = digest.readUInt32BE(4 * word);
}

/** xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx */
function uuidWords(bytes: Uint8Array, at: number, words: Uint32Array): boolean {
  if (bytes[at + 8] !== dash || bytes[at + 13] !== dash || bytes[at + 18] !== dash || bytes[at + 23] !== dash)
    return false;
  const a = half(bytes, at);
  const b = half(bytes, at + 4);
  const c = half(bytes, at + 9);
  const d = half(bytes, at + 14);
  const e = half(bytes, at + 19);
  const f = half(bytes, at + 24);
  const g = half(bytes, at + 28);
  const h = half(bytes, at + 32);
  if ((a | b | c | d | e | f | g | h) < 0) return false;
  words[0] = (a << 16) | b;
  words[1] = (c << 16) | d;
  words[2] = (e << 16) | f;
  words[3] = (g << 16) | h;
  return true;
}

/** Four digits; negative where one of them is none. */
function half(bytes: Uint8Array, at: number): number {
  return (
    ((digits[bytes[at] ?? 0] ?? -1) << 12) |
    ((digits[bytes[at + 1] ?? 0] ?? -1) << 8) |
    ((digits[bytes[at + 2] ?? 0] ?? -1) << 4) |
    (digits[bytes[at + 3] ?? 0] ?? -1)
  );
}
