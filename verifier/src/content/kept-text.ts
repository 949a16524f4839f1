import { hash } from 'node:crypto';
import { excerpt } from '@tallystick/core/encoding';

/** Longest text of an event that is kept as it is, bytes of UTF-8. */
export const mostTextBytes = 200;
/** Characters that are kept of a longer one. With the hash behind them they are more bytes than any text that is kept whole. */
const prefixLength = 130;
/** Of " (SHA-256 " to ")". */
const hashLength = 75;

/**
 * A text that a producer wrote, as it is kept and compared: as it is, or, where it is longer than {@link mostTextBytes}, its beginning and the SHA-256
 * of the whole: at most 470 bytes. Other texts have other forms: a shortened one is longer than any that is kept whole.
 */
export function keptText(text: string): string {
  if (text.length * 3 <= mostTextBytes || Buffer.byteLength(text) <= mostTextBytes) return text;
  // A pair of surrogates is not cut in two.
  const prefix = text.slice(0, prefixLength).replace(/[\uD800-\uDBFF]$/, '');
  // Copied: what is only cut out of a text keeps the whole of it in memory.
  return Buffer.from(`${prefix}… (SHA-256 ${hash('sha256', text)})`).toString();
}

/** The same of a text that was kept by an earlier run, or by a release that kept all of it. */
export function keptBefore(text: string): string {
  return isShortened(text) ? text : keptText(text);
}

/** A kept text as it may stand in a message. */
export function wordText(text: string): string {
  if (!isShortened(text)) return excerpt(text);
  return excerpt(text.slice(0, -hashLength - 1)) + text.slice(-hashLength);
}

function isShortened(text: string): boolean {
  return Buffer.byteLength(text) > mostTextBytes && /… \(SHA-256 [0-9a-f]{64}\)$/.test(text);
}
