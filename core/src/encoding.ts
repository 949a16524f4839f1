import { CoreError } from './errors.ts';

// Every form here has exactly one text for one value: two texts that mean the same would be two statements, two hashes.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const notInAlphabet = 64;
const sextets = new Uint8Array(128).fill(notInAlphabet);
for (let i = 0; i < alphabet.length; i++) sextets[alphabet.charCodeAt(i)] = i;

/** Standard base64 with padding (RFC 4648, section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const rest = bytes.length - i;
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += alphabet.charAt(group >> 18) + alphabet.charAt((group >> 12) & 63);
    text += rest > 1 ? alphabet.charAt((group >> 6) & 63) : '=';
    text += rest > 2 ? alphabet.charAt(group & 63) : '=';
  }
  return text;
}

/**
 * Decodes standard base64 with padding. Only the canonical form is accepted: no white space, no missing padding, no URL-safe
 * letters, and unused bits of the last letter must be 0 (RFC 4648, section 3.5).
 * @throws CoreError ENCODING_INVALID
 */
export function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw notBase64(text, 'its length is no multiple of 4');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const letters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let group = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const sextet = i < letters ? (sextets[text.charCodeAt(i)] ?? notInAlphabet) : 0;
    if (sextet === notInAlphabet) throw notBase64(text, `character ${i + 1} is not of the standard alphabet`);
    group = (group << 6) | sextet;
    if (i % 4 < 3) continue;
    // Bytes past the end are dropped by the typed array; for canonical text they are 0 (checked below).
    bytes[at++] = group >> 16;
    bytes[at++] = group >> 8;
    bytes[at++] = group;
    if (i === text.length - 1 && (group & ((1 << (8 * padding)) - 1)) !== 0) {
      throw notBase64(text, 'unused bits of the last letter are not 0');
    }
    group = 0;
  }
  return bytes;
}

function notBase64(text: string, why: string): CoreError {
  return new CoreError('ENCODING_INVALID', `${excerpt(text)} is not canonical base64: ${why}`, {
    evidence: { found: text },
  });
}

const utf8Encoder = new TextEncoder();
// ignoreBOM: a byte order mark is a character like any other; dropping it would let two byte strings be one text.
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text's UTF-8 bytes.
 * @throws CoreError ENCODING_INVALID where it holds half of a surrogate pair, which UTF-8 cannot say
 */
export function encodeUtf8(text: string): Uint8Array {
  if (!text.isWellFormed()) {
    throw new CoreError('ENCODING_INVALID', `${excerpt(text)} holds half of a surrogate pair, so it has no UTF-8 form`);
  }
  return utf8Encoder.encode(text);
}

/**
 * The text of UTF-8 bytes, a byte order mark kept.
 * @throws CoreError ENCODING_INVALID where they are not valid UTF-8
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8Decoder.decode(bytes);
  } catch (cause) {
    throw new CoreError('ENCODING_INVALID', `${bytes.length} bytes are not valid UTF-8`, { cause });
  }
}

/**
 * A decimal number of the protocol: no sign, no leading zero, at most 2^53-1.
 * @throws CoreError ENCODING_INVALID
 */
export function parseDecimal(text: string): number {
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new CoreError(
      'ENCODING_INVALID',
      `${excerpt(text)} is not a decimal number without sign and leading zero of at most 2^53-1`,
      { evidence: { found: text } },
    );
  }
  return value;
}

/** The same bytes? Not constant-time: for public data. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One new array of all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A name, rule or URI of the protocol: 1 to 255 characters of U+0021 to U+007E. */
export function isName(text: string): boolean {
  return /^[!-~]{1,255}$/.test(text);
}

/** The name of a log, source or key: a name without "+", which separates the parts of a key's text. */
export function isKeyName(text: string): boolean {
  return isName(text) && !text.includes('+');
}

/** Kafka's text form of a topic id: 16 bytes in URL-safe base64 without padding, 22 characters, unused bits 0. */
export function isTopicId(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

/** Foreign text as it may stand in an error message: quoted, escaped, cut. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
