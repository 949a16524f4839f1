import { hash } from 'node:crypto';

const digits = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) digits[digit.charCodeAt(0)] = value;
const dash = 0x2d;
const uuidLength = 36;
/** Where each group of 8 digits of a UUID begins in its text, and what comes in between. */
const dashes = [8, 13, 18, 23];

/**
 * The 16 bytes that an id is compared by, as four words: those of a UUID in lower case, and of any other text the first of its
 * SHA-256. Equal ids have equal words; that other ids never do is as sure as SHA-256.
 * @param id its text is `bytes[from, to)`
 */
export function idWords(bytes: Uint8Array, from: number, to: number, words: Uint32Array): void {
  if (to - from === uuidLength && uuidWords(bytes, from, words)) return;
  const digest = Buffer.from(hash('sha256', bytes.subarray(from, to), 'hex').slice(0, 32), 'hex');
  for (let word = 0; word < 4; word++) words[word] = digest.readUInt32BE(4 * word);
}

function uuidWords(bytes: Uint8Array, from: number, words: Uint32Array): boolean {
  for (const place of dashes) if (bytes[from + place] !== dash) return false;
  let bad = 0;
  let at = from;
  for (let word = 0; word < 4; word++) {
    let value = 0;
    for (let i = 0; i < 8; i++) {
      if (bytes[at] === dash) at++;
      const digit = digits[bytes[at++] ?? 0] ?? -1;
      bad |= digit;
      value = (value << 4) | digit;
    }
    words[word] = value;
  }
  return bad >= 0 && at === from + uuidLength;
}
