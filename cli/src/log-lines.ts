import type { Logger } from '@tallystick/kafka/logger';

/** A line a call on standard error: plain words on a terminal, JSON elsewhere. */
export function createLogger(service: string, terminal: boolean): Logger {
  const write = (level: string, message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    const time = new Date().toISOString();
    // A field of the same name must not hide when, how bad and where from a line is.
    const own = { time, level, service, message };
    const line = terminal
      ? `${time.slice(11, 19)} ${service}${level === 'info' ? '' : ` ${level}`}: ${message}${inWords(fields)}`
      : JSON.stringify({ ...own, ...fields, ...own }, plain);
    process.stderr.write(`${line}\n`);
  };
  return {
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}

function inWords(fields: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value, plain)}`,
  );
  return words.length === 0 ? '' : `  (${words.join(' ')})`;
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error)
    return { name: value.name, message: value.message, ...('code' in value ? { code: value.code } : {}) };
  return value;
}
