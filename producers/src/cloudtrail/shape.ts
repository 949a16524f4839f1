/** A JSON object whose shape is not known: every member is looked at before it is believed. */
export type Json = Readonly<Record<string, unknown>>;

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text member that is not empty, else null. Half a surrogate pair, which has no UTF-8, becomes U+FFFD; the original keeps it. */
export function text(of: Json, name: string): string | null {
  const value = of[name];
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : null;
}

/** An object member; an empty object where there is none. */
export function member(of: Json, name: string): Json {
  const value = of[name];
  return isJson(value) ? value : {};
}

export function objects(of: Json, name: string): readonly Json[] {
  const value = of[name];
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/** true and false, also as the texts that some exports make of them. */
export function truth(of: Json, name: string): boolean | null {
  const value = of[name];
  if (value === true || value === 'true' || value === 'Yes') return true;
  if (value === false || value === 'false' || value === 'No') return false;
  return null;
}

/** A member as JSON text; null where it is absent or null. */
export function jsonText(of: Json, name: string): string | null {
  const value = of[name];
  return value === undefined || value === null ? null : JSON.stringify(value);
}

const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$/;

/** An ISO 8601 time with its zone, as unix milliseconds; null for anything else. */
export function time(of: Json, name: string): number | null {
  const value = text(of, name);
  if (value === null || !isoTime.test(value)) return null;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}
