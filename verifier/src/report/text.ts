import { waitedMs } from '../ages.ts';
import type { Age, Verdict } from '../verdict.ts';

// Characters that change what a reader sees without being seen, or that XML cannot hold: control characters, marks of writing direction, spaces
// without width, separators of lines, byte order marks, lone surrogates and what is no character.
const invisible =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u115f\u1160\u3164\uffa0\ufffe\uffff]|\p{Cf}|\p{Cs}|\p{Co}|\p{Variation_Selector}/gu;

/** Text from outside as one line in which everything is seen: what would hide or turn it is written as `\u{202e}`. */
export function visible(text: string): string {
  return visibleLines(text).replaceAll('\n', '\\u{a}');
}

/** The same, but lines stay lines. */
export function visibleLines(text: string): string {
  return text.replace(invisible, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** For a terminal, text from outside without what would control it: U+FFFD stands for that. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\uFFFD');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and quoted attributes of HTML and XML. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** 1,234,567 */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 event`, `2 events` */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** The first five, and how many more there are. @param what one of them is */
export function someOf(words: readonly string[], what: string): string {
  const more = words.length - 5;
  return `${words.slice(0, 5).join(', ')}${more > 0 ? ` and ${count(more, `more ${what}`)}` : ''}`;
}

/** `5 min before this run`: for how long something had waited when the run began. */
export function waitedText(age: Age, run: { readonly startedAt: string }): string {
  const ms = waitedMs(age, run);
  return ms === 0 ? 'since this run began' : `${span(ms)} before this run`;
}

/** `1.5 s`, `3 min 20 s`, `2 h 5 min` */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${number(Math.floor(whole / 3600))} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1 s`, `5 min`, `2.5 h`, `31 days`: about how long */
export function span(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3_600;
  return hours < 100 ? `${hours.toFixed(1)} h` : `${number(Math.round(hours / 24))} days`;
}

/** `2026-03-01 03:00:00 UTC`; what is no time as it is */
export function time(iso: string): string {
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? visible(iso) : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `: a part (87 of 150,314 sealed events)`; nothing where all was asked for. */
export function partOf({ scope }: Pick<Verdict, 'scope'>): string {
  if (scope.kind === 'all') return '';
  return `: a part (${number(scope.inScope)} of ${count(scope.sealedEvents, 'sealed event')})`;
}
