/** 12,345 */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function counted(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** 1 s, 5 min, 2.5 h, 31 days: about how long */
export function span(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3_600;
  return hours < 100 ? `${hours.toFixed(1)} h` : `${number(Math.round(hours / 24))} days`;
}

/** Topic names, reasons and the like come from outside: no control characters reach a terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\uFFFD');
}
